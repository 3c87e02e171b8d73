//! The formats of boot images, recognised by the first bytes of a file.

use pmdscope_arches::Arch;

use crate::elf::format::index;
use crate::kernel::bytes::{le16, le32, le64};
use crate::kernel::compression::Compression;
use crate::kernel::error::BootError;
use crate::kernel::link_address;
use crate::kernel::text::{first_bytes, printable};

/// The first bytes of an ELF file.
const ELF: &[u8] = b"\x7fELF";

/// The format of a boot image, with the fields of its header.
pub(super) enum BootFormat {
    /// An ELF file.
    Elf,
    /// A flat image with a header.
    Image {
        /// The name of the format.
        name: &'static str,
        /// The architecture.
        arch: Arch,
        /// The size of the image in memory, in bytes.
        size: u64,
        /// The page size in bytes, if the header gives it.
        page_size: Option<u64>,
        /// The address at which the kernel is linked, if the header gives it.
        link_address: Option<u64>,
    },
    /// The boot image of s390x.
    S390x,
    /// A boot image with a compressed payload, or a compressed file.
    Compressed {
        /// The payload's compression.
        compression: Compression,
        /// The name of the format with its article, such as `a bzImage`; `None` for a compressed file.
        name: Option<&'static str>,
        /// The payload's offset in bytes. The whole payload lies in the file.
        offset: usize,
        /// The payload's length in bytes.
        length: usize,
    },
}

/// Returns the format of a boot image, recognised by its magic numbers.
///
/// # Errors
/// - [`BootError::Empty`] or [`BootError::Unknown`] if the file is not a boot image.
/// - [`BootError::Header`] if the header is cut off.
/// - [`BootError::PayloadOutside`] if the payload does not lie in the file.
/// - [`BootError::Compression`] if the compression of the payload is unknown.
/// - [`BootError::Bits32`] or [`BootError::Unsupported`] if the format is not supported.
pub(super) fn identify(bytes: &[u8]) -> Result<BootFormat, BootError> {
    let has = |at: usize, magic: &[u8]| bytes.get(at..).is_some_and(|rest| rest.starts_with(magic));
    if bytes.is_empty() {
        return Err(BootError::Empty);
    }
    if has(0, ELF) {
        return Ok(BootFormat::Elf);
    }
    if let Some(compression) = Compression::of(bytes) {
        return Ok(BootFormat::Compressed { compression, name: None, offset: 0, length: bytes.len() });
    }
    // This test precedes those for MZ, because an x86 kernel with an EFI stub begins with MZ too.
    if has(0x202, b"HdrS") {
        return bzimage(bytes);
    }
    if has(0, b"MZ") && has(4, b"zimg") {
        return zboot(bytes);
    }
    if has(0x38, b"ARM\x64") {
        return arm64(bytes);
    }
    // `magic2` (RSC) exists from v5.8 on; `magic` (RISCV) is deprecated, but images still have it (Linux
    // Documentation/arch/riscv/boot-image-header.rst).
    if has(0x38, b"RSC\x05") || has(0x30, b"RISCV\0\0\0") {
        let header = || BootError::Header { format: "a riscv64 Image", at: bytes.len() as u64 };
        let size = le64(bytes, 0x10).ok_or_else(header)?;
        return Ok(BootFormat::Image {
            name: "riscv64 Image",
            arch: Arch::Riscv64,
            size,
            page_size: Some(4096),
            link_address: None,
        });
    }
    // The string that identifies an s390x boot image (Linux arch/s390/boot/head.S).
    if has(0x10008, b"S390EP") {
        return Ok(BootFormat::S390x);
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
    // LINUX_PE_MAGIC (Linux include/linux/pe.h), for architectures without a magic number of their own.
    if has(0, b"MZ") && has(0x38, &0x8182_23cd_u32.to_le_bytes()) {
        return loongarch64(bytes);
    }
    if has(0, b"MZ") {
        return Err(EFI_PROGRAM);
    }
    Err(BootError::Unknown(first_bytes(bytes)))
}

/// The error for an EFI program that is not a kernel.
const EFI_PROGRAM: BootError = BootError::Unsupported(
    "an EFI program that is no kernel by itself: of a unified kernel image give its section .linux (objcopy -O binary -j .linux)",
);

/// Finds the payload of an x86 bzImage (Linux Documentation/arch/x86/boot.rst).
fn bzimage(bytes: &[u8]) -> Result<BootFormat, BootError> {
    const NAME: &str = "a bzImage";
    /// The protocol version that introduced `xloadflags`, in Linux v3.8.
    const XLOADFLAGS: u16 = 0x20c;
    const KERNEL_64: u16 = 1;
    let header = || BootError::Header { format: NAME, at: bytes.len() as u64 };
    let protocol = le16(bytes, 0x206).ok_or_else(header)?;
    let flags = le16(bytes, 0x236).ok_or_else(header)?;
    if protocol < XLOADFLAGS || flags & KERNEL_64 == 0 {
        return Err(BootError::Bits32("an i386 bzImage"));
    }
    let setup_sectors = match bytes.get(0x1f1).ok_or_else(header)? {
        // For compatibility with old boot loaders, 0 means 4.
        0 => 4,
        sectors => u64::from(*sectors),
    };
    let offset = u64::from(le32(bytes, 0x248).ok_or_else(header)?) + (setup_sectors + 1) * 512;
    let length = u64::from(le32(bytes, 0x24c).ok_or_else(header)?);
    payload_at(bytes, NAME, offset, length)
}

/// Finds the payload of an EFI zboot image.
///
/// Source: Linux drivers/firmware/efi/libstub/zboot-header.S.
fn zboot(bytes: &[u8]) -> Result<BootFormat, BootError> {
    const NAME: &str = "an EFI zboot image";
    let header = || BootError::Header { format: NAME, at: bytes.len() as u64 };
    let offset = le32(bytes, 8).ok_or_else(header)?.into();
    let length = le32(bytes, 12).ok_or_else(header)?.into();
    let name = bytes.get(24..56).ok_or_else(header)?;
    let found = payload_at(bytes, NAME, offset, length);
    match found {
        // The header names the compression. In an error, that name is clearer than the payload's first bytes.
        Err(BootError::Compression { format, offset, .. }) => {
            let name = name.split(|byte| *byte == 0).next().unwrap_or_default();
            let begin = format!("'{}'", printable(name));
            Err(BootError::Compression { format, offset, begin })
        }
        found => found,
    }
}

/// Checks the compressed payload at an offset of a boot image, and returns the format.
fn payload_at(bytes: &[u8], name: &'static str, offset: u64, length: u64) -> Result<BootFormat, BootError> {
    let end = offset + length;
    let payload = (bytes.get(index(offset)..index(end))).ok_or(BootError::PayloadOutside {
        format: name,
        offset,
        end,
        length: bytes.len() as u64,
    })?;
    let unknown = || BootError::Compression { format: name, offset, begin: first_bytes(payload) };
    let compression = Compression::of(payload).ok_or_else(unknown)?;
    Ok(BootFormat::Compressed { compression, name: Some(name), offset: index(offset), length: payload.len() })
}

/// Reads the header of an arm64 Image (Linux Documentation/arch/arm64/booting.rst).
fn arm64(bytes: &[u8]) -> Result<BootFormat, BootError> {
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
    Ok(BootFormat::Image { name: "arm64 Image", arch: Arch::Arm64, size, page_size, link_address: None })
}

/// Reads the header of a loongarch64 Image (Linux Documentation/arch/loongarch/booting.rst).
///
/// Such an image has no magic number of its own. The header of the EFI program that it also is names the architecture
/// (Microsoft's PE format, `Machine`).
fn loongarch64(bytes: &[u8]) -> Result<BootFormat, BootError> {
    const LOONGARCH32: u16 = 0x6232;
    const LOONGARCH64: u16 = 0x6264;
    let header = || BootError::Header { format: "a loongarch64 Image", at: bytes.len() as u64 };
    let program = index(le32(bytes, 0x3c).ok_or_else(header)?.into());
    let machine = program.checked_add(4).and_then(|at| le16(bytes, at)).ok_or_else(header)?;
    match machine {
        _ if !bytes[program..].starts_with(b"PE\0\0") => return Err(EFI_PROGRAM),
        LOONGARCH64 => (),
        LOONGARCH32 => return Err(BootError::Bits32("a loongarch32 Image")),
        _ => return Err(EFI_PROGRAM),
    }
    let size = le64(bytes, 0x10).ok_or_else(header)?;
    let load_offset = le64(bytes, 0x18).ok_or_else(header)?;
    Ok(BootFormat::Image {
        name: "loongarch64 Image",
        arch: Arch::LoongArch64,
        size,
        page_size: None,
        link_address: link_address::loongarch64(load_offset),
    })
}
