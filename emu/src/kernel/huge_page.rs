//! The place of a kernel's huge page.

use pmdscope_arches::Encoding;

/// The place of a kernel's huge page. The kernel's page size is known only when its environment is set up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HugePage {
    /// The usual page frame.
    Usual,
    /// This page frame number.
    At(u64),
    /// The page of this entry, or the usual page frame if the entry has no page.
    Of(u64),
}

impl HugePage {
    /// Returns its page frame number in an encoding; `None` for the usual page frame.
    pub(crate) fn pfn(self, encoding: &Encoding) -> Option<u64> {
        match self {
            HugePage::Usual => None,
            HugePage::At(pfn) => Some(pfn),
            HugePage::Of(entry) => encoding.huge_page_of(entry),
        }
    }
}
