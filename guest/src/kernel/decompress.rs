//! Compressions that kernels and packages come in.

use std::fmt;
use std::io::{self, BufRead, Read};

use liblzma::bufread::XzDecoder;
use liblzma::stream::{CONCATENATED, Stream};
use ruzstd::decoding::{FrameDecoder, StreamingDecoder};

/// What a decompressor may use for itself, beside its output: the largest window of `xz -9e` and
/// `zstd -22 --ultra` (both are used for kernels) is 128 MiB.
const WINDOW: u64 = 256 << 20;
/// A block of LZ4's legacy format unpacks to at most this much (LZ4 `lz4.c`, `LEGACY_BLOCKSIZE`).
const LZ4_LEGACY_BLOCK: usize = 8 << 20;
/// How LZ4's legacy format begins, as a little-endian number (Linux `lib/decompress_unlz4.c`,
/// `ARCHIVE_MAGICNUMBER`).
const LZ4_LEGACY: [u8; 4] = 0x184c_2102_u32.to_le_bytes();
const ZSTD: [u8; 4] = 0xfd2f_b528_u32.to_le_bytes();

/// How something is compressed.
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
    /// Every one.
    pub const ALL: [Compression; 6] = [
        Compression::Gzip,
        Compression::Xz,
        Compression::Lzma,
        Compression::Zstd,
        Compression::Lz4,
        Compression::Bzip2,
    ];

    /// Its name in reports, which is also that of the program for it.
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

    /// How `bytes` are compressed, told by how they begin. Formats with a short magic are also told
    /// by the fields behind it, so that few bytes are taken for compressed that are not.
    pub fn of(bytes: &[u8]) -> Option<Compression> {
        let is = |magic: &[u8]| bytes.starts_with(magic);
        // Method 8 is deflate, the only one there is; the upper three flags are reserved.
        if is(&[0x1f, 0x8b, 8]) && bytes.get(3).is_some_and(|flags| flags & 0xe0 == 0) {
            return Some(Compression::Gzip);
        }
        if is(b"\xfd7zXZ\0") {
            return Some(Compression::Xz);
        }
        if is(&ZSTD) {
            return Some(Compression::Zstd);
        }
        if is(&LZ4_LEGACY) || is(&0x184d_2204_u32.to_le_bytes()) {
            return Some(Compression::Lz4);
        }
        // Behind the size of its blocks, '1' to '9', each of which begins with pi.
        if is(b"BZh")
            && bytes.get(3).is_some_and(|size| (b'1'..=b'9').contains(size))
            && bytes.get(4..10) == Some(&[0x31, 0x41, 0x59, 0x26, 0x53, 0x59])
        {
            return Some(Compression::Bzip2);
        }
        // No magic, but the usual properties (lc=3 lp=0 pb=2), a window of a size that encoders
        // write, and a length that is unknown or below 4 GiB.
        if is(&[0x5d])
            && let Some(window) = number(bytes, 1)
            && let (Some(low), Some(high)) = (number(bytes, 5), number(bytes, 9))
            && (window.is_power_of_two() || (window / 3).is_power_of_two())
            && window >= 1 << 12
            && (high == 0 || (low, high) == (u32::MAX, u32::MAX))
        {
            return Some(Compression::Lzma);
        }
        None
    }

    /// Unpacks a stream as it is read. What is wrong with it is told by the reader.
    pub(super) fn reader<'a>(self, source: impl BufRead + 'a) -> io::Result<Box<dyn Read + 'a>> {
        Ok(match self {
            Compression::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(source)),
            Compression::Xz => {
                Box::new(XzDecoder::new_stream(source, Stream::new_stream_decoder(WINDOW, CONCATENATED)?))
            }
            Compression::Lzma => Box::new(XzDecoder::new_stream(source, Stream::new_lzma_decoder(WINDOW)?)),
            Compression::Zstd => Box::new(zstd(source)?),
            Compression::Lz4 => Box::new(lz4_flex::frame::FrameDecoder::new(source)),
            Compression::Bzip2 => Box::new(bzip2::bufread::MultiBzDecoder::new(source)),
        })
    }
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Why something compressed cannot be unpacked. Offsets are in bytes from where it begins.
#[derive(Debug, thiserror::Error)]
pub enum UnpackError {
    /// It ends before its end.
    #[error("{compression} data is cut off after {at:#x} bytes")]
    Truncated {
        /// How it is compressed.
        compression: Compression,
        /// How many bytes there are.
        at: u64,
    },
    /// It cannot be that.
    #[error("{compression} data is damaged, near byte {at:#x} of it: {source}")]
    Corrupt {
        /// How it is compressed.
        compression: Compression,
        /// How far it was read.
        at: u64,
        /// What the decompressor says.
        source: io::Error,
    },
    /// It is larger than any kernel.
    #[error("{compression} data unpacks to more than {limit} bytes, which no kernel does")]
    TooLarge {
        /// How it is compressed.
        compression: Compression,
        /// How much is allowed.
        limit: u64,
    },
}

/// Unpacks the first stream of `bytes`; what is behind it is not looked at, since a payload in a
/// boot image can be followed by other things. More than `limit` bytes are refused as soon as they
/// are there.
pub(super) fn unpack(compression: Compression, bytes: &[u8], limit: u64) -> Result<Vec<u8>, UnpackError> {
    let mut source = Source { bytes, at: 0, ended: false };
    let mut out = Vec::new();
    let read = match compression {
        Compression::Lz4 if bytes.starts_with(&LZ4_LEGACY) => lz4_legacy(&mut source, &mut out, limit),
        _ => one_stream(compression, &mut source).and_then(|mut reader| {
            // One byte more than allowed tells that there are more.
            reader.by_ref().take(limit.saturating_add(1)).read_to_end(&mut out)
        }),
    };
    let at = source.at as u64;
    if out.len() as u64 > limit {
        return Err(UnpackError::TooLarge { compression, limit });
    }
    match read {
        Ok(_) => Ok(out),
        Err(_) if source.ended => Err(UnpackError::Truncated { compression, at }),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            Err(UnpackError::Truncated { compression, at })
        }
        Err(source) => Err(UnpackError::Corrupt { compression, at, source }),
    }
}

fn one_stream<'a>(compression: Compression, source: impl BufRead + 'a) -> io::Result<Box<dyn Read + 'a>> {
    Ok(match compression {
        Compression::Gzip => Box::new(flate2::bufread::GzDecoder::new(source)),
        Compression::Xz => Box::new(XzDecoder::new_stream(source, Stream::new_stream_decoder(WINDOW, 0)?)),
        Compression::Bzip2 => Box::new(bzip2::bufread::BzDecoder::new(source)),
        other => other.reader(source)?,
    })
}

fn zstd<R: Read>(source: R) -> io::Result<Zstd<R>> {
    StreamingDecoder::new_with_max_window_size(source, WINDOW).map(Zstd).map_err(io::Error::other)
}

/// A frame of zstd, whose checksum is compared at its end, which the decoder leaves to others.
struct Zstd<R: Read>(StreamingDecoder<R, FrameDecoder>);

impl<R: Read> Read for Zstd<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let taken = self.0.read(buffer)?;
        let frame = &self.0.decoder;
        let agree = match (frame.get_checksum_from_data(), frame.get_calculated_checksum()) {
            (Some(said), Some(is)) => said == is,
            _ => true,
        };
        if taken == 0 && !buffer.is_empty() && !agree {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "its checksum is not right"));
        }
        Ok(taken)
    }
}

/// LZ4's legacy format: blocks, each behind its length as a little-endian number. Its end is that of
/// the data, but the kernel's build puts the unpacked length behind it (Linux `scripts/Makefile.lib`,
/// `size_append`), so a length without a block is also an end.
fn lz4_legacy(source: &mut Source<'_>, out: &mut Vec<u8>, limit: u64) -> io::Result<usize> {
    source.consume(LZ4_LEGACY.len());
    let mut block = vec![0; LZ4_LEGACY_BLOCK];
    while let Some(length) = number(source.bytes, source.at) {
        if length.to_le_bytes() == LZ4_LEGACY {
            source.consume(4);
            continue;
        }
        let rest = source.bytes.get(source.at + 4..).unwrap_or_default();
        if rest.is_empty() || length == 0 {
            break;
        }
        let Some(packed) = rest.get(..length as usize) else {
            // Behind the last block of a payload that something follows there is the unpacked length.
            if length as usize == out.len() {
                break;
            }
            source.ended = true;
            source.at = source.bytes.len();
            return Err(io::ErrorKind::UnexpectedEof.into());
        };
        let unpacked = lz4_flex::block::decompress_into(packed, &mut block)
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
        source.consume(4 + packed.len());
        out.extend_from_slice(&block[..unpacked]);
        if out.len() as u64 > limit {
            break;
        }
    }
    Ok(out.len())
}

/// A little-endian number.
fn number(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

/// Bytes, how many of them were taken, and whether more were asked for than there are.
struct Source<'a> {
    bytes: &'a [u8],
    at: usize,
    ended: bool,
}

impl Read for Source<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let rest = self.fill_buf()?;
        let taken = rest.len().min(buffer.len());
        buffer[..taken].copy_from_slice(&rest[..taken]);
        self.consume(taken);
        Ok(taken)
    }
}

impl BufRead for Source<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        self.ended |= rest.is_empty();
        Ok(rest)
    }

    fn consume(&mut self, taken: usize) {
        self.at = self.bytes.len().min(self.at.saturating_add(taken));
    }
}
