//! The compressions of kernels and packages, and how data of each begins.

use std::fmt;

use super::bytes::le32;

/// The start of data in LZ4's legacy format.
///
/// Source: Linux `lib/decompress_unlz4.c`, `ARCHIVE_MAGICNUMBER`.
pub(super) const LZ4_LEGACY: [u8; 4] = 0x184c_2102_u32.to_le_bytes();
/// The start of an LZ4 frame.
const LZ4_FRAME: [u8; 4] = 0x184d_2204_u32.to_le_bytes();
/// The start of a zstd frame.
const ZSTD: [u8; 4] = 0xfd2f_b528_u32.to_le_bytes();

/// A compression.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Compression {
    /// RFC 1952.
    Gzip,
    /// The `.xz` format, with any of its filters for machine code.
    Xz,
    /// The older `.lzma` format.
    Lzma,
    /// RFC 8878.
    Zstd,
    /// The frame format of LZ4, or the legacy one that kernels use.
    Lz4,
    /// Any block size.
    Bzip2,
}

impl Compression {
    /// All compressions.
    pub const ALL: [Compression; 6] = [
        Compression::Gzip,
        Compression::Xz,
        Compression::Lzma,
        Compression::Zstd,
        Compression::Lz4,
        Compression::Bzip2,
    ];

    /// The name in reports, which is also that of the program for it.
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

    /// The compression of `bytes`, recognised by their start.
    ///
    /// Where the magic is short, the fields after it must make sense too, so that few bytes are taken for
    /// compressed data by mistake.
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
        // No magic, but the usual properties (lc=3 lp=0 pb=2), a window of a size that encoders
        // write, and a length that is unknown or below 4 GiB.
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
