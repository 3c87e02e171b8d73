//! The marks of an entry: the state of its page that it records besides the address.

/// The state of a page that an entry records besides the address.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct EntryMarks {
    /// Accessed.
    pub young: bool,
    /// Dirty, whichever bit records it: that of the hardware, that of software, or SAVED_DIRTY.
    pub dirty: bool,
    /// Soft-dirty.
    pub soft_dirty: bool,
    /// Write-protected for userfaultfd.
    pub uffd_wp: bool,
}

impl EntryMarks {
    /// Every mark.
    pub const ALL: EntryMarks = EntryMarks { young: true, dirty: true, soft_dirty: true, uffd_wp: true };

    /// Returns the names of the marks that are set.
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

    /// Returns the marks that both sets have.
    #[must_use]
    pub fn and(self, other: EntryMarks) -> EntryMarks {
        self.map(other, |one, other| one && other)
    }

    /// Returns the marks that only this set has.
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
