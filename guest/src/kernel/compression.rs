//! The compression formats of kernels and packages, and the first bytes of each.

use std::fmt;

use super::bytes::le32;

/// The first bytes of LZ4's legacy format.
///
/// Source: Linux `lib/decompress_unlz4.c`, `ARCHIVE_MAGICNUMBER`.
pub(super) const LZ4_LEGACY: [u8; 4] = 0x184c_2102_u32.to_le_bytes();
/// The first bytes of an LZ4 frame.
const LZ4_FRAME: [u8; 4] = 0x184d_2204_u32.to_le_bytes();
/// The first bytes of a zstd frame.
const ZSTD: [u8; 4] = 0xfd2f_b528_u32.to_le_bytes();

/// A compression format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Compression {
    /// The gzip format (RFC 1952).
    Gzip,
    /// The `.xz` format, with any of its filters for machine code.
    Xz,
    /// The older `.lzma` format.
    Lzma,
    /// The zstd format (RFC 8878).
    Zstd,
    /// The frame format of LZ4, or the legacy format that kernels use.
    Lz4,
    /// The bzip2 format, with any block size.
    Bzip2,
}

impl Compression {
    /// All compression formats.
    pub const ALL: [Compression; 6] = [
        Compression::Gzip,
        Compression::Xz,
        Compression::Lzma,
        Compression::Zstd,
        Compression::Lz4,
        Compression::Bzip2,
    ];

    /// Returns the name for reports. The program for the format has the same name.
    pub const fn name(self) -> &'static str {
        match self {
            Compression::Gzip => "gzip",
            Compression::Xz => "xz",
            Compression::Lzma => "lzma",
            Compression::Zstd => "zstd",
            Compression::Lz4 => "lz4",
            Compression::Bzip2 => "bzip2",
        }
    }

    /// Returns the compression format of `bytes`, recognised by the first bytes.
    ///
    /// Where the magic is short, the fields after it must be valid too. This makes false matches rare.
    pub fn of(bytes: &[u8]) -> Option<Compression> {
        let is = |magic: &[u8]| bytes.starts_with(magic);
        // Method 8 is deflate, the only one in use; the upper three flags are reserved.
        if is(&[0x1f, 0x8b, 8]) && bytes.get(3).is_some_and(|flags| flags & 0xe0 == 0) {
            return Some(Compression::Gzip);
        }
        if is(b"\xfd7zXZ\0") {
            return Some(Compression::Xz);
        }
        if is(&ZSTD) {
            return Some(Compression::Zstd);
        }
        if is(&LZ4_LEGACY) || is(&LZ4_FRAME) {
            return Some(Compression::Lz4);
        }
        if is(b"BZh")
            && bytes.get(3).is_some_and(|size| (b'1'..=b'9').contains(size))
            && bytes.get(4..10) == Some(&[0x31, 0x41, 0x59, 0x26, 0x53, 0x59])
        {
            return Some(Compression::Bzip2);
        }
        // The lzma format has no magic. It must have the usual properties (lc=3 lp=0 pb=2), a window size that
        // encoders write, and a length that is unknown or below 4 GiB.
        if is(&[0x5d])
            && let Some(window) = le32(bytes, 1)
            && let (Some(low), Some(high)) = (le32(bytes, 5), le32(bytes, 9))
            && (window.is_power_of_two() || (window / 3).is_power_of_two())
            && window >= 1 << 12
            && (high == 0 || (low, high) == (u32::MAX, u32::MAX))
        {
            return Some(Compression::Lzma);
        }
        None
    }
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
