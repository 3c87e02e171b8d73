//! Boot images: what a boot loader is given, and the kernel in it.

mod format;
mod s390x;

use pmdscope_arches::Arch;

use super::decompress;
use super::error::BootError;
use super::limits::LAYERS;
use format::BootFormat;

/// What is left of a boot image when all wrapping and compression is taken off.
#[derive(Debug)]
pub(super) struct BootPayload {
    /// The removed layers and the payload's format, such as `bzImage, xz, ELF`.
    pub format: String,
    /// The bytes of the ELF file or flat image.
    pub bytes: Vec<u8>,
    /// Which of the two the bytes are.
    pub kind: PayloadKind,
}

/// The form of a kernel in its boot image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PayloadKind {
    /// An ELF file.
    Elf,
    /// A flat image: memory as it is when the kernel starts.
    Flat {
        /// The architecture.
        arch: Arch,
        /// The number of bytes it takes in memory, if the boot image says so.
        size: Option<u64>,
        /// Bytes in a page, if the boot image says so.
        page_size: Option<u64>,
    },
}

/// Takes the kernel out of a boot image.
///
/// # Errors
/// If the file is no boot image or a damaged one, or unpacks to more than `limit` bytes.
pub(super) fn unpack(file: Vec<u8>, limit: u64) -> Result<BootPayload, BootError> {
    let mut layers: Vec<String> = Vec::new();
    let mut bytes = file;
    for _ in 0..=LAYERS {
        let payload = |kind, name: &str, layers: &[String], bytes| {
            let format = layers.iter().map(String::as_str).chain([name]).collect::<Vec<_>>().join(", ");
            Ok(BootPayload { format, bytes, kind })
        };
        match format::identify(&bytes)? {
            BootFormat::Elf => return payload(PayloadKind::Elf, "ELF", &layers, bytes),
            BootFormat::Image { name, arch, size, page_size } => {
                let kind = PayloadKind::Flat { arch, size: Some(size), page_size };
                return payload(kind, name, &layers, bytes);
            }
            BootFormat::S390x => {
                let (compression, kernel, size) = s390x::unpack_kernel(&bytes, limit)?;
                layers.extend(["s390x bzImage".to_owned(), compression.name().to_owned()]);
                let kind = PayloadKind::Flat { arch: Arch::S390x, size, page_size: Some(4096) };
                return payload(kind, "flat", &layers, kernel);
            }
            BootFormat::Compressed { compression, name, offset, length } => {
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
