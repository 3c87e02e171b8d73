//! The file that says which jobs a batch has.
//!
//! A matrix is TOML. Every `[[include]]` is a product of lists; what a list leaves out is everything there is. Every
//! `[[exclude]]` takes out the jobs for which all that it names holds.
//!
//! ```toml
//! [[include]]
//! arches  = ["arm64", "x86_64"]
//! linux   = ["6.1", "7.2"]
//! entries = ["migration-write", { kind = "swap", pfns = { from = 0, to = 0xffff, sample = 100 } }]
//! writers = ["split-unguarded", "split-guarded"]
//! walkers = ["gup-fast-read"]
//!
//! [[exclude]]
//! arches  = ["x86_64"]
//! entries = ["swap"]
//!
//! [bounds]
//! timeout = 10
//! ```
//!
//! This module reads a matrix. Its caller gives the names their meaning, and reports a name that it does not know by
//! [`Matrix::error`], so that every error has its line and column.

mod model;
mod numbers;
mod place;
mod read;

pub use model::{Bounds, Entry, Exclude, Include, MAX_BYTES, Matrix, Name, Place, What};
pub use numbers::{Extremes, MOST_NUMBERS, Numbers, NumbersError, Sequence};
pub use place::MatrixError;
pub use read::File;

/// The name and number of the format. A change that breaks a reader raises the number.
pub const MATRIX_SCHEMA: &str = "pmdscope.matrix/1";
