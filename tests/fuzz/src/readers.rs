//! What a batch hears of its workers, whose machine code may have taken them over. The fuzz target calls it with what it
//! makes up, and `tests/corpora.rs` with the files that were kept.

mod worker;

pub use worker::worker;
