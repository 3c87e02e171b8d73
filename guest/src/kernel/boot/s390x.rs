//! The boot image of s390x, whose header does not give the place of its payload.

use crate::kernel::compression::Compression;
use crate::kernel::decompress;
use crate::kernel::error::BootError;
use crate::kernel::link_address;
use crate::kernel::release::Release;

/// The most places that are tried as the payload.
const TRIES: usize = 16;

/// Unpacks an s390x boot image. Returns the compression, the kernel, and its size in memory if known.
///
/// No header gives the payload's offset in a form that all versions share. The payload is therefore the first
/// compressed data that unpacks to a kernel.
///
/// # Errors
/// [`BootError::Unpack`] for the first place that cannot be unpacked, [`BootError::NoPayload`] if every place
/// unpacks to something else than a kernel, or no place looks like a payload.
pub(super) fn unpack_kernel(
    bytes: &[u8],
    limit: u64,
) -> Result<(Compression, Vec<u8>, Option<u64>), BootError> {
    let mut failure = None;
    let mut tried = 0;
    let mut left = limit;
    for at in 0x10000..bytes.len() {
        // Compression::of() checks more bytes. Testing the first byte here avoids most calls.
        if !matches!(bytes[at], 0x1f | 0xfd | 0x28 | 0x02 | 0x04 | b'B' | 0x5d) {
            continue;
        }
        let Some(compression) = Compression::of(&bytes[at..]) else { continue };
        if tried == TRIES {
            break;
        }
        tried += 1;
        match decompress::unpack(compression, &bytes[at..], left) {
            Ok(kernel) if Release::find(&kernel).is_some() => {
                let size = memory_size(&bytes[..at], kernel.len() as u64);
                return Ok((compression, kernel, size));
            }
            // All tries share one budget of `limit` bytes, except that each may unpack 1 MiB.
            Ok(other) => left = left.saturating_sub(other.len() as u64).max(1 << 20),
            Err(source) => {
                let format = "an s390x bzImage".to_owned();
                failure.get_or_insert(BootError::Unpack { format, offset: at as u64, source });
            }
        }
    }
    Err(failure.unwrap_or(BootError::NoPayload { tried }))
}

/// Returns the size of the kernel in memory in bytes, if exactly one place gives it.
///
/// The boot image's code holds three consecutive big-endian words: the kernel's entry, its length in bytes (whole
/// pages), and the length of its bss (Linux arch/s390/include/asm/boot_data.h, `struct vmlinux_info`).
fn memory_size(stub: &[u8], length: u64) -> Option<u64> {
    const PAGE: u64 = 4096;
    let image = length.next_multiple_of(PAGE).to_be_bytes();
    let mut sizes = memchr::memmem::find_iter(stub, &image).filter_map(|at| {
        let word = |at: usize| Some(u64::from_be_bytes(*stub.get(at..)?.first_chunk()?));
        let (entry, bss) = (word(at.checked_sub(8)?)?, word(at + 8)?);
        let fits = at % 8 == 0 && entry == link_address::S390X && bss % PAGE == 0 && bss < 1 << 30;
        fits.then_some(length.next_multiple_of(PAGE) + bss)
    });
    sizes.next().filter(|_| sizes.next().is_none())
}
