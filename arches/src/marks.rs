//! The marks of an entry: what it says of the page beside where the page is.

use crate::encoding::Encoding;
use crate::field::Form;

/// What an entry says of its page beside where it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct EntryMarks {
    /// Accessed.
    pub young: bool,
    /// Dirty, wherever the entry keeps that: in the bit of the hardware, of software, or as SAVED_DIRTY.
    pub dirty: bool,
    /// Soft-dirty.
    pub soft_dirty: bool,
    /// Write-protected for userfaultfd.
    pub uffd_wp: bool,
}

impl EntryMarks {
    /// Every mark.
    pub const ALL: EntryMarks = EntryMarks { young: true, dirty: true, soft_dirty: true, uffd_wp: true };

    /// The names of the marks that are set.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        let named = [
            (self.young, "accessed"),
            (self.dirty, "dirty"),
            (self.soft_dirty, "soft-dirty"),
            (self.uffd_wp, "uffd-wp"),
        ];
        named.into_iter().filter(|(set, _)| *set).map(|(_, name)| name)
    }

    /// Whether no mark is set.
    pub fn is_empty(self) -> bool {
        self == EntryMarks::default()
    }

    /// The marks that both have.
    #[must_use]
    pub fn and(self, other: EntryMarks) -> EntryMarks {
        self.map(other, |one, other| one && other)
    }

    /// The marks that only this one has.
    #[must_use]
    pub fn without(self, other: EntryMarks) -> EntryMarks {
        self.map(other, |one, other| one && !other)
    }

    fn map(self, other: EntryMarks, of: impl Fn(bool, bool) -> bool) -> EntryMarks {
        EntryMarks {
            young: of(self.young, other.young),
            dirty: of(self.dirty, other.dirty),
            soft_dirty: of(self.soft_dirty, other.soft_dirty),
            uffd_wp: of(self.uffd_wp, other.uffd_wp),
        }
    }
}

impl Encoding {
    /// The marks of an entry: of a mapping, or of a swap entry. Other entries have none.
    pub fn marks_of(&self, entry: u64) -> EntryMarks {
        match self.form(entry) {
            Form::Leaf | Form::InvalidLeaf => (self.layout().marks)(entry),
            Form::Swap => self.swap_parts(entry).map_or_else(EntryMarks::default, |parts| EntryMarks {
                young: parts.migration.is_some_and(|migration| migration.young),
                dirty: parts.migration.is_some_and(|migration| migration.dirty),
                soft_dirty: parts.soft_dirty,
                uffd_wp: parts.uffd_wp,
            }),
            Form::None | Form::Table => EntryMarks::default(),
        }
    }

    /// The marks of an entry of a page table that maps a small page.
    pub fn marks_of_pte(&self, pte: u64) -> EntryMarks {
        self.layout().pte_marks.unwrap_or(self.layout().marks)(pte)
    }
}
