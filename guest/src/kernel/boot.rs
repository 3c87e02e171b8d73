//! Boot images: what a boot loader is given, and the kernel in it.

use pmdscope_arches::Arch;

use super::decompress::{self, Compression, UnpackError};
use super::package::printable;
use super::release::Release;

/// How ELF files begin.
pub(super) const ELF: &[u8] = b"\x7fELF";
/// How many layers of compression and boot wrapper a kernel can have: an EFI zboot image in gzip has
/// two.
const LAYERS: usize = 4;
/// How many places of an s390x boot image that look like a payload are tried.
const TRIES: usize = 16;

/// A kernel out of its boot image.
#[derive(Debug)]
pub(super) struct Unpacked {
    /// The layers that were taken off, and what is left, such as `bzImage, xz, ELF`.
    pub format: String,
    /// An ELF file or a flat image.
    pub bytes: Vec<u8>,
    /// Which.
    pub kind: Kind,
}

/// What a kernel is, out of its boot image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// An ELF file.
    Elf,
    /// Memory as it is when the kernel starts.
    Flat {
        /// What it is for.
        arch: Arch,
        /// How many bytes it takes in memory, if the boot image says so.
        size: Option<u64>,
        /// Bytes in a page, if the boot image says so.
        page_size: Option<u64>,
    },
}

/// Why no kernel can be had from a file.
#[derive(Debug, thiserror::Error)]
pub enum BootError {
    /// Nothing known.
    #[error(
        "not a kernel image or package: begins with {0}; give a vmlinuz, a vmlinux, or the .deb or .rpm of a kernel"
    )]
    Unknown(String),
    /// Nothing at all.
    #[error("an empty file: give a vmlinuz, a vmlinux, or the .deb or .rpm of a kernel")]
    Empty,
    /// Not of 64 bits.
    #[error("a 32-bit kernel ({0}): only 64-bit ones can be run")]
    Bits32(&'static str),
    /// A header that does not reach to its end.
    #[error("{format} is cut off: its header ends at byte {at:#x}")]
    Header {
        /// What it is.
        format: &'static str,
        /// How long the file is.
        at: u64,
    },
    /// A payload that is not in the file.
    #[error(
        "{format} is cut off: its payload is at {offset:#x} to {end:#x}, and the file has {length:#x} bytes"
    )]
    PayloadOutside {
        /// What it is.
        format: &'static str,
        /// Where the payload starts.
        offset: u64,
        /// Where it ends.
        end: u64,
        /// How long the file is.
        length: u64,
    },
    /// A payload of an unknown kind.
    #[error(
        "{format} with a payload at {offset:#x} that is compressed in no way known here (gzip, xz, lzma, zstd, lz4 and bzip2 are): it begins with {begin}"
    )]
    Compression {
        /// What it is.
        format: &'static str,
        /// Where the payload starts.
        offset: u64,
        /// Its first bytes, or the name of its compression.
        begin: String,
    },
    /// A payload that cannot be unpacked.
    #[error("{format}, payload at {offset:#x}: {source}")]
    Unpack {
        /// What it is.
        format: String,
        /// Where the payload starts.
        offset: u64,
        /// Why not.
        source: UnpackError,
    },
    /// An s390x image, and no kernel was found in it.
    #[error("an s390x boot image without a compressed kernel in it ({tried} places looked like one)")]
    NoPayload {
        /// How many places were tried.
        tried: usize,
    },
    /// A boot format or byte order that is not read here.
    #[error("{0}")]
    Unsupported(&'static str),
    /// More wrapping than any kernel has.
    #[error("compressed more than {LAYERS} times, which no kernel is: {0}")]
    TooDeep(String),
}

/// Takes the kernel out of a boot image. Whatever is unpacked may have `limit` bytes at most.
pub(super) fn unpack(file: Vec<u8>, limit: u64) -> Result<Unpacked, BootError> {
    let mut layers: Vec<String> = Vec::new();
    let mut bytes = file;
    for _ in 0..=LAYERS {
        let done = |kind, name: &str, layers: &[String], bytes| {
            let format = layers.iter().map(String::as_str).chain([name]).collect::<Vec<_>>().join(", ");
            Ok(Unpacked { format, bytes, kind })
        };
        match identify(&bytes)? {
            Found::Elf => return done(Kind::Elf, "ELF", &layers, bytes),
            Found::Image { name, arch, size, page_size } => {
                return done(Kind::Flat { arch, size: Some(size), page_size }, name, &layers, bytes);
            }
            Found::S390x => {
                let (compression, kernel, size) = s390x(&bytes, limit)?;
                layers.extend(["s390x bzImage".to_owned(), compression.name().to_owned()]);
                let kind = Kind::Flat { arch: Arch::S390x, size, page_size: Some(4096) };
                return done(kind, "flat", &layers, kernel);
            }
            Found::Packed { compression, name, offset, length } => {
                let unpacked = decompress::unpack(compression, &bytes[offset..offset + length], limit);
                let name = name.map(str::to_owned);
                bytes = unpacked.map_err(|source| BootError::Unpack {
                    format: name.clone().unwrap_or_else(|| format!("a {compression} file")),
                    offset: offset as u64,
                    source,
                })?;
                layers.extend(
                    name.map(|name| name.trim_start_matches("an ").trim_start_matches("a ").to_owned()),
                );
                layers.push(compression.name().to_owned());
            }
        }
    }
    Err(BootError::TooDeep(layers.join(", ")))
}

/// What the first bytes of a file say that it is.
enum Found {
    Elf,
    Image {
        name: &'static str,
        arch: Arch,
        size: u64,
        page_size: Option<u64>,
    },
    S390x,
    /// Compressed, at a place that is in the file. Without a name it is nothing but that.
    Packed {
        compression: Compression,
        name: Option<&'static str>,
        offset: usize,
        length: usize,
    },
}

fn identify(bytes: &[u8]) -> Result<Found, BootError> {
    let has = |at: usize, magic: &[u8]| bytes.get(at..).is_some_and(|rest| rest.starts_with(magic));
    if bytes.is_empty() {
        return Err(BootError::Empty);
    }
    if has(0, ELF) {
        return Ok(Found::Elf);
    }
    if let Some(compression) = Compression::of(bytes) {
        return Ok(Found::Packed { compression, name: None, offset: 0, length: bytes.len() });
    }
    // Before the formats that begin with MZ: an x86 kernel with an EFI stub does too.
    if has(0x202, b"HdrS") {
        return bzimage(bytes);
    }
    if has(0, b"MZ") && has(4, b"zimg") {
        return zboot(bytes);
    }
    if has(0x38, b"ARM\x64") {
        return arm64(bytes);
    }
    // The second magic is from v5.8 on, the first is deprecated but still there (Linux
    // Documentation/arch/riscv/boot-image-header.rst).
    if has(0x38, b"RSC\x05") || has(0x30, b"RISCV\0\0\0") {
        let header = || BootError::Header { format: "a riscv64 Image", at: bytes.len() as u64 };
        let size = le64(bytes, 0x10).ok_or_else(header)?;
        return Ok(Found::Image { name: "riscv64 Image", arch: Arch::Riscv64, size, page_size: Some(4096) });
    }
    // Linux arch/s390/boot/head.S, the string that the kernel's own image is known by.
    if has(0x10008, b"S390EP") {
        return Ok(Found::S390x);
    }
    if has(0x24, &0x016f_2818_u32.to_le_bytes()) {
        return Err(BootError::Bits32("an arm zImage"));
    }
    if has(0, b"\x89LZO\0") {
        return Err(BootError::Unsupported(
            "compressed with lzop, which is not unpacked here: run 'lzop -d' on it",
        ));
    }
    if has(0, &[0x27, 0x05, 0x19, 0x56]) {
        return Err(BootError::Unsupported(
            "a U-Boot image: give the vmlinuz or vmlinux that it was made from",
        ));
    }
    // Linux include/linux/pe.h, LINUX_PE_MAGIC, of architectures without a magic of their own.
    if has(0x38, &0x8182_23cd_u32.to_le_bytes()) {
        return Err(BootError::Unsupported("a loongarch64 Image, which is not read here: give its vmlinux"));
    }
    if has(0, b"MZ") {
        return Err(BootError::Unsupported(
            "an EFI program that is no kernel by itself: of a unified kernel image give its section .linux (objcopy -O binary -j .linux)",
        ));
    }
    Err(BootError::Unknown(begin(bytes)))
}

/// Linux Documentation/arch/x86/boot.rst.
fn bzimage(bytes: &[u8]) -> Result<Found, BootError> {
    const NAME: &str = "a bzImage";
    /// The protocol that introduced `xloadflags`, in Linux v3.8.
    const XLOADFLAGS: u16 = 0x20c;
    const KERNEL_64: u16 = 1;
    let header = || BootError::Header { format: NAME, at: bytes.len() as u64 };
    let protocol = le16(bytes, 0x206).ok_or_else(header)?;
    let flags = le16(bytes, 0x236).ok_or_else(header)?;
    if protocol < XLOADFLAGS || flags & KERNEL_64 == 0 {
        return Err(BootError::Bits32("an i386 bzImage"));
    }
    let setup_sectors = match bytes.get(0x1f1).ok_or_else(header)? {
        // For an old boot loader's sake 0 means 4.
        0 => 4,
        sectors => u64::from(*sectors),
    };
    let offset = u64::from(le32(bytes, 0x248).ok_or_else(header)?) + (setup_sectors + 1) * 512;
    let length = u64::from(le32(bytes, 0x24c).ok_or_else(header)?);
    packed(bytes, NAME, offset, length)
}

/// Linux drivers/firmware/efi/libstub/zboot-header.S.
fn zboot(bytes: &[u8]) -> Result<Found, BootError> {
    const NAME: &str = "an EFI zboot image";
    let header = || BootError::Header { format: NAME, at: bytes.len() as u64 };
    let offset = le32(bytes, 8).ok_or_else(header)?.into();
    let length = le32(bytes, 12).ok_or_else(header)?.into();
    let name = bytes.get(24..56).ok_or_else(header)?;
    let found = packed(bytes, NAME, offset, length);
    match found {
        // Its header names the compression, which says more than bytes.
        Err(BootError::Compression { format, offset, .. }) => {
            let name = name.split(|byte| *byte == 0).next().unwrap_or_default();
            let begin = format!("'{}'", printable(name));
            Err(BootError::Compression { format, offset, begin })
        }
        found => found,
    }
}

fn packed(bytes: &[u8], name: &'static str, offset: u64, length: u64) -> Result<Found, BootError> {
    let end = offset + length;
    let payload = (bytes.get(index(offset)..index(end))).ok_or(BootError::PayloadOutside {
        format: name,
        offset,
        end,
        length: bytes.len() as u64,
    })?;
    let unknown = || BootError::Compression { format: name, offset, begin: begin(payload) };
    let compression = Compression::of(payload).ok_or_else(unknown)?;
    Ok(Found::Packed { compression, name: Some(name), offset: index(offset), length: payload.len() })
}

/// Linux Documentation/arch/arm64/booting.rst.
fn arm64(bytes: &[u8]) -> Result<Found, BootError> {
    let header = || BootError::Header { format: "an arm64 Image", at: bytes.len() as u64 };
    let size = le64(bytes, 0x10).ok_or_else(header)?;
    let flags = le64(bytes, 0x18).ok_or_else(header)?;
    if flags & 1 != 0 {
        return Err(BootError::Unsupported("a big-endian arm64 kernel: only little-endian ones can be run"));
    }
    let page_size = match flags >> 1 & 3 {
        1 => Some(4 << 10),
        2 => Some(16 << 10),
        3 => Some(64 << 10),
        _ => None,
    };
    Ok(Found::Image { name: "arm64 Image", arch: Arch::Arm64, size, page_size })
}

/// The kernel in an s390x boot image, and how many bytes it takes in memory. Where it is, is written
/// nowhere in a form that stayed the same: it is the payload that unpacks to a kernel.
fn s390x(bytes: &[u8], limit: u64) -> Result<(Compression, Vec<u8>, Option<u64>), BootError> {
    let mut failure = None;
    let mut tried = 0;
    let mut left = limit;
    for at in 0x10000..bytes.len() {
        // Compression::of() looks at more than this, and not at each byte of the image.
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
                let size = s390x_size(&bytes[..at], kernel.len() as u64);
                return Ok((compression, kernel, size));
            }
            // All tries together may not unpack to more than one.
            Ok(other) => left = left.saturating_sub(other.len() as u64).max(1 << 20),
            Err(source) => {
                let format = "an s390x bzImage".to_owned();
                failure.get_or_insert(BootError::Unpack { format, offset: at as u64, source });
            }
        }
    }
    Err(failure.unwrap_or(BootError::NoPayload { tried }))
}

/// The boot image has the kernel's entry, its length in whole pages, and that of its bss one after the
/// other (Linux arch/s390/include/asm/boot_data.h, `struct vmlinux_info`; big-endian). If there is not
/// exactly one such place, nothing is known.
fn s390x_size(stub: &[u8], length: u64) -> Option<u64> {
    const PAGE: u64 = 4096;
    let image = length.next_multiple_of(PAGE).to_be_bytes();
    let mut sizes = memchr::memmem::find_iter(stub, &image).filter_map(|at| {
        let word = |at: usize| Some(u64::from_be_bytes(*stub.get(at..)?.first_chunk()?));
        let (entry, bss) = (word(at.checked_sub(8)?)?, word(at + 8)?);
        let fits = at % 8 == 0 && entry == super::flat::S390X_BASE && bss % PAGE == 0 && bss < 1 << 30;
        fits.then_some(length.next_multiple_of(PAGE) + bss)
    });
    sizes.next().filter(|_| sizes.next().is_none())
}

/// A file offset as an index. What does not fit is beyond the end of any file.
fn index(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

fn le16(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn le32(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn le64(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

/// The first bytes, as text if they are, else in hexadecimal.
pub(super) fn begin(bytes: &[u8]) -> String {
    let first = &bytes[..bytes.len().min(16)];
    let line = first.split(|byte| matches!(byte, b'\n' | b'\r')).next().unwrap_or_default();
    if !line.is_empty() && line.iter().all(|byte| (b' '..=b'~').contains(byte)) {
        return format!("'{}'", String::from_utf8_lossy(line));
    }
    first.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" ")
}
