//! What reads a file that anyone may have written: a function for each kind of file. Fuzz targets call them with what
//! they make up, and `traces/tests/corpora.rs` with the files that were kept. Each says whether the bytes were such a
//! file.

mod batch;
mod diff;
mod encoders;
mod expectations;
mod matrix;
mod merge;
mod plain;
mod record;
mod repro;
mod segment;
mod trace;

pub use batch::batch;
pub use diff::diff;
pub use expectations::expectations;
pub use matrix::matrix;
pub use merge::merge;
pub use record::record;
pub use repro::repro;
pub use segment::segment;
pub use trace::trace;
