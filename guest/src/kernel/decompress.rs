//! Unpacks compressed bytes in memory, and compressed streams.

use std::io::{self, BufRead, Read};

use liblzma::bufread::XzDecoder;
use liblzma::stream::{CONCATENATED, Stream};
use ruzstd::decoding::{FrameDecoder, StreamingDecoder};

use super::bytes::le32;
use super::compression::{Compression, LZ4_LEGACY};
use super::error::UnpackError;

/// The most memory that a decompressor may use in addition to its output, in bytes.
///
/// The largest window of `xz -9e` and `zstd -22 --ultra`, which both compress kernels, is 128 MiB.
const WINDOW: u64 = 256 << 20;
/// The most bytes of an unpacked block of LZ4's legacy format.
///
/// Source: LZ4 `lz4.c`, `LEGACY_BLOCKSIZE`.
const LZ4_LEGACY_BLOCK: usize = 8 << 20;

/// Unpacks the first stream of `bytes`.
///
/// Bytes after the stream are ignored, because other data can follow a payload in a boot image.
///
/// # Errors
/// [`UnpackError::Truncated`] or [`UnpackError::Corrupt`] if the data is damaged, [`UnpackError::TooLarge`] as soon
/// as it unpacks to more than `limit` bytes.
pub(super) fn unpack(compression: Compression, bytes: &[u8], limit: u64) -> Result<Vec<u8>, UnpackError> {
    let mut source = CountedBytes { bytes, at: 0, ended: false };
    let mut out = Vec::new();
    let read = match compression {
        Compression::Lz4 if bytes.starts_with(&LZ4_LEGACY) => unpack_lz4_legacy(&mut source, &mut out, limit),
        _ => one_stream(compression, &mut source).and_then(|mut reader| {
            // Reading one byte more than allowed shows that the content is too large.
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

/// Returns a reader that unpacks `source`, and whose errors describe the damage.
///
/// It unpacks all streams of gzip, xz and bzip2, one after another, and the first of other formats.
pub(super) fn reader<'a>(
    compression: Compression,
    source: impl BufRead + 'a,
) -> io::Result<Box<dyn Read + 'a>> {
    Ok(match compression {
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

/// Returns a reader that unpacks only the first stream of `source`.
fn one_stream<'a>(compression: Compression, source: impl BufRead + 'a) -> io::Result<Box<dyn Read + 'a>> {
    Ok(match compression {
        Compression::Gzip => Box::new(flate2::bufread::GzDecoder::new(source)),
        Compression::Xz => Box::new(XzDecoder::new_stream(source, Stream::new_stream_decoder(WINDOW, 0)?)),
        Compression::Bzip2 => Box::new(bzip2::bufread::BzDecoder::new(source)),
        other => reader(other, source)?,
    })
}

fn zstd<R: Read>(source: R) -> io::Result<CheckedZstd<R>> {
    StreamingDecoder::new_with_max_window_size(source, WINDOW).map(CheckedZstd).map_err(io::Error::other)
}

/// A reader of one zstd frame that compares the frame's checksum at its end.
///
/// The decoder leaves this comparison to its caller.
struct CheckedZstd<R: Read>(StreamingDecoder<R, FrameDecoder>);

impl<R: Read> Read for CheckedZstd<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let taken = self.0.read(buffer)?;
        let frame = &self.0.decoder;
        let agree = match (frame.get_checksum_from_data(), frame.get_calculated_checksum()) {
            (Some(stored), Some(calculated)) => stored == calculated,
            _ => true,
        };
        if taken == 0 && !buffer.is_empty() && !agree {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "its checksum is not right"));
        }
        Ok(taken)
    }
}

/// Unpacks LZ4's legacy format.
///
/// The format has blocks, each preceded by its compressed length as a 32-bit little-endian number. It ends where the
/// data ends. The kernel's build appends the unpacked length (Linux `scripts/Makefile.lib`, `size_append`), so a
/// length without a block is also an end.
fn unpack_lz4_legacy(source: &mut CountedBytes<'_>, out: &mut Vec<u8>, limit: u64) -> io::Result<usize> {
    source.consume(LZ4_LEGACY.len());
    let mut block = vec![0; LZ4_LEGACY_BLOCK];
    while let Some(length) = le32(source.bytes, source.at) {
        if length.to_le_bytes() == LZ4_LEGACY {
            source.consume(4);
            continue;
        }
        let rest = source.bytes.get(source.at + 4..).unwrap_or_default();
        if rest.is_empty() || length == 0 {
            break;
        }
        let Some(packed) = rest.get(..length as usize) else {
            // In a boot image the unpacked length follows the last block, and other data follows that.
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

/// A reader of bytes in memory that counts them, and records a read beyond the end.
struct CountedBytes<'a> {
    bytes: &'a [u8],
    at: usize,
    ended: bool,
}

impl Read for CountedBytes<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let rest = self.fill_buf()?;
        let taken = rest.len().min(buffer.len());
        buffer[..taken].copy_from_slice(&rest[..taken]);
        self.consume(taken);
        Ok(taken)
    }
}

impl BufRead for CountedBytes<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        self.ended |= rest.is_empty();
        Ok(rest)
    }

    fn consume(&mut self, taken: usize) {
        self.at = self.bytes.len().min(self.at.saturating_add(taken));
    }
}
