//! A matrix as it is written.

use std::ops::Range;

use super::numbers::Numbers;
use super::place::MatrixError;

/// The largest size of a matrix, in bytes.
pub const MAX_BYTES: usize = 1 << 20;

/// A name in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name {
    /// The name.
    pub text: String,
    /// Its place in the file.
    pub place: Place,
}

/// A place in the file: a range of bytes.
pub type Place = Range<usize>;

/// A matrix as it is written.
#[derive(Debug, Clone)]
pub struct Matrix {
    /// The products of lists.
    pub includes: Vec<Include>,
    /// What is taken out of them.
    pub excludes: Vec<Exclude>,
    /// How far a job may go.
    pub bounds: Bounds,
    pub(super) file: String,
    pub(super) text: String,
}

/// A product of lists. `None`: everything there is.
#[derive(Debug, Clone, Default)]
pub struct Include {
    /// Where it begins.
    pub place: Place,
    /// Architectures.
    pub arches: Option<Vec<Name>>,
    /// Kinds of MMU.
    pub mmus: Option<Vec<Name>>,
    /// Linux versions.
    pub linux: Option<Vec<Name>>,
    /// Files of guests, in place of the bundled ones.
    pub guests: Option<Vec<Name>>,
    /// Files of kernels, in place of architectures and versions; each may have `*` in it.
    pub kernels: Option<Vec<Name>>,
    /// Entries to begin with.
    pub entries: Option<Vec<Entry>>,
    /// Writers.
    pub writers: Option<Vec<Name>>,
    /// Walkers.
    pub walkers: Option<Vec<Name>>,
}

/// Jobs that are not run: those for which every list that is there has what they are.
#[derive(Debug, Clone, Default)]
pub struct Exclude {
    /// Where it begins.
    pub place: Place,
    /// Architectures.
    pub arches: Option<Vec<Name>>,
    /// Kinds of MMU.
    pub mmus: Option<Vec<Name>>,
    /// Linux versions.
    pub linux: Option<Vec<Name>>,
    /// Files of kernels or guests, by their names without folders; each may have `*` in it.
    pub files: Option<Vec<Name>>,
    /// Kinds of entry; `pmd` for those by value, `sweep` for sweeps.
    pub entries: Option<Vec<Name>>,
    /// Writers.
    pub writers: Option<Vec<Name>>,
    /// Walkers.
    pub walkers: Option<Vec<Name>>,
}

/// Entries to begin with.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Its place in the file.
    pub place: Place,
    /// Which.
    pub what: What,
}

/// Which entries.
#[derive(Debug, Clone)]
pub enum What {
    /// Entries of a kind.
    Kind {
        /// The kind.
        kind: Name,
        /// Their page frames; `None`: the usual one.
        pfns: Option<Numbers>,
        /// The marks of each; `None`: none.
        marks: Option<Vec<Vec<Name>>>,
    },
    /// Swap entries, by what they hold.
    Swap {
        /// Swap types.
        types: Numbers,
        /// Offsets.
        offsets: Numbers,
        /// The marks of each; `None`: none.
        marks: Option<Vec<Vec<Name>>>,
    },
    /// By their values.
    Values(Numbers),
    /// All entries of a set, in a loop within the guest.
    Sweep {
        /// The set.
        set: Name,
    },
}

/// How far a job may go. `None`: as far as in a run.
#[derive(Debug, Clone, Copy, Default)]
pub struct Bounds {
    /// Behaviours of one writer and walker.
    pub max_behaviours: Option<u64>,
    /// Page-table accesses of one routine.
    pub max_accesses: Option<u64>,
    /// Instructions of one routine.
    pub max_instructions: Option<u64>,
    /// Seconds for one writer and walker.
    pub timeout: Option<u64>,
}

impl Matrix {
    /// The error of something in this matrix.
    pub fn error(&self, place: &Place, fault: impl ToString) -> MatrixError {
        MatrixError::new(&self.file, &self.text, place.start, fault.to_string())
    }
}
