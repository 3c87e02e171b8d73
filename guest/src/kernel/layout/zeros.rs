//! The zeros at the end of a segment, which the memory image leaves out.

/// Returns the length without zeros at the end, rounded up to whole pages.
///
/// The result can exceed the number of bytes. The file of an x86 kernel contains all zeros of its bss.
pub(super) fn trimmed_length(bytes: &[u8]) -> usize {
    const PAGE: usize = 4096;
    let used = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    used.next_multiple_of(PAGE)
}
