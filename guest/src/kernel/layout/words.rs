//! The 64-bit numbers of a flat image, in the byte order of its architecture.

use pmdscope_arches::{Arch, ByteOrder};

/// Decodes 8 bytes of the image into a number.
pub(super) fn word(arch: Arch, bytes: [u8; 8]) -> u64 {
    match ByteOrder::of(arch) {
        ByteOrder::Little => u64::from_le_bytes(bytes),
        ByteOrder::Big => u64::from_be_bytes(bytes),
    }
}

/// Encodes a number as 8 bytes of the image.
pub(super) fn word_bytes(arch: Arch, word: u64) -> [u8; 8] {
    match ByteOrder::of(arch) {
        ByteOrder::Little => word.to_le_bytes(),
        ByteOrder::Big => word.to_be_bytes(),
    }
}

/// Decodes the whole image into numbers. It ignores an incomplete number at the end.
pub(super) fn words(arch: Arch, bytes: &[u8]) -> Vec<u64> {
    let (words, _) = bytes.as_chunks();
    words.iter().map(|bytes| word(arch, *bytes)).collect()
}
