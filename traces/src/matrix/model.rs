//! A matrix as written in its file.

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

/// A matrix as written in its file.
#[derive(Debug, Clone)]
pub struct Matrix {
    /// The products of lists.
    pub includes: Vec<Include>,
    /// The jobs that are removed from the products.
    pub excludes: Vec<Exclude>,
    /// The limits of each job.
    pub bounds: Bounds,
    pub(super) file: String,
    pub(super) text: String,
}

/// A product of lists. `None` means everything.
#[derive(Debug, Clone, Default)]
pub struct Include {
    /// The place of its table.
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
    /// Files with the types of the kernels, in their order; `-` for a kernel's own.
    pub types: Option<Vec<Name>>,
    /// Entries to begin with.
    pub entries: Option<Vec<Entry>>,
    /// Writers.
    pub writers: Option<Vec<Name>>,
    /// Walkers.
    pub walkers: Option<Vec<Name>>,
}

/// Jobs that are not run: those that match every list that is given.
#[derive(Debug, Clone, Default)]
pub struct Exclude {
    /// The place of its table.
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
    /// The entries.
    pub what: EntrySelection,
}

/// Which entries to begin with.
#[derive(Debug, Clone)]
pub enum EntrySelection {
    /// Entries of a kind.
    Kind {
        /// The kind.
        kind: Name,
        /// Their page frame numbers; `None` for the default one.
        pfns: Option<Numbers>,
        /// A list of marks for each entry; `None` for one entry without marks.
        marks: Option<Vec<Vec<Name>>>,
    },
    /// Swap entries, by type and offset.
    Swap {
        /// Swap types.
        types: Numbers,
        /// Offsets.
        offsets: Numbers,
        /// A list of marks for each entry; `None` for one entry without marks.
        marks: Option<Vec<Vec<Name>>>,
    },
    /// Entries by their values.
    Values(Numbers),
    /// All entries of a set, in a loop within the guest.
    Sweep {
        /// The name of the set.
        set: Name,
    },
}

/// The limits of a job. `None` is the default of `pmdscope run`.
#[derive(Debug, Clone, Copy, Default)]
pub struct Bounds {
    /// The most behaviours of one writer and walker.
    pub max_behaviours: Option<u64>,
    /// The most page-table accesses of one routine.
    pub max_accesses: Option<u64>,
    /// The most instructions of one routine.
    pub max_instructions: Option<u64>,
    /// The most seconds for one writer and walker.
    pub timeout: Option<u64>,
}

impl Matrix {
    /// Makes an error at a place in this matrix.
    pub fn error(&self, place: &Place, fault: impl ToString) -> MatrixError {
        MatrixError::new(&self.file, &self.text, place.start, fault.to_string())
    }
}
