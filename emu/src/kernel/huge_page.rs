//! Where the huge page of a kernel is.

use pmdscope_arches::Encoding;

/// Where the huge page of a kernel is. How large pages are is known only when the environment is set up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HugePage {
    /// Its usual page frame.
    Usual,
    /// At a page frame number.
    At(u64),
    /// Where an entry of this value has it, or where it usually is if the entry has none.
    Of(u64),
}

impl HugePage {
    /// Its page frame number in an encoding, if it is not where it usually is.
    pub(crate) fn pfn(self, encoding: &Encoding) -> Option<u64> {
        match self {
            HugePage::Usual => None,
            HugePage::At(pfn) => Some(pfn),
            HugePage::Of(entry) => encoding.huge_page_of(entry),
        }
    }
}
