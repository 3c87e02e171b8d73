//! The marks of an entry: what it says of the page beside where the page is.

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
