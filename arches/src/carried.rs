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
}
