//! Reads the messages of batch workers, whose machine code may have taken them over.
//!
//! The fuzz target calls this with bytes that it makes up, and `tests/corpora.rs` with the files that were kept.

mod worker;

pub use worker::worker;
