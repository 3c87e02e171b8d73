//! Which marks an entry carries.

use crate::encoding::Encoding;
use crate::field::Form;
use crate::marks::EntryMarks;

impl Encoding {
    /// Returns the marks of a mapping or a swap entry. Other entries have none.
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

    /// Returns the marks of a PTE: an entry that maps a base page.
    pub fn marks_of_pte(&self, pte: u64) -> EntryMarks {
        self.layout().pte_marks.unwrap_or(self.layout().marks)(pte)
    }

    /// Returns the marks of a swap PTE of a migration type, as a split of a migration entry makes them.
    pub fn marks_of_migration_pte(&self, pte: u64) -> EntryMarks {
        let Some(swap) = self.layout().swap else { return EntryMarks::default() };
        let marked = |bit: Option<u8>| bit.is_some_and(|bit| pte & (1 << bit) != 0);
        let (young, dirty) = self.young_dirty_in(swap.offset_of(pte));
        let of_pte =
            EntryMarks { young, dirty, soft_dirty: marked(swap.soft_dirty), uffd_wp: marked(swap.uffd_wp) };
        of_pte.and(self.marks_in_migration_ptes())
    }

    /// Returns the marks that [`marks_of_migration_pte`](Self::marks_of_migration_pte) can find.
    pub fn marks_in_migration_ptes(&self) -> EntryMarks {
        let in_offset = self.layout().swap.is_some_and(|swap| swap.same_in_ptes);
        EntryMarks { young: in_offset, dirty: in_offset, soft_dirty: true, uffd_wp: true }
    }
}
