//! The matrix: the file that lists the jobs of a batch.
//!
//! A matrix is TOML. Every `[[include]]` is a product of lists; a list that is left out means everything. Every
//! `[[exclude]]` removes the jobs that match all of its lists.
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
//! This module reads a matrix. Its caller resolves the names, and reports an unknown name by [`Matrix::error`],
//! so that every error has its line and column.

mod model;
mod numbers;
mod place;
mod read;

pub use model::{Bounds, Entry, EntrySelection, Exclude, Include, MAX_BYTES, Matrix, Name, Place};
pub use numbers::{Extremes, MOST_NUMBERS, Numbers, NumbersError, Sequence};
pub use place::MatrixError;
pub use read::File;

/// The name and number of the format. A change that breaks a reader raises the number.
pub const MATRIX_SCHEMA: &str = "pmdscope.matrix/1";
