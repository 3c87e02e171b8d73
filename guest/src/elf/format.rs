//! Facts of the ELF format that readers of guests and of kernels share.

/// Converts a file offset to an index. An offset that does not fit is beyond the end of any file.
pub(crate) fn index(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

/// Whether the entries of a table have the size that ELF gives them.
///
/// An empty table may give any size.
pub(crate) fn has_entry_size(count: u16, found: u64, wanted: u64) -> bool {
    count == 0 || found == wanted
}
