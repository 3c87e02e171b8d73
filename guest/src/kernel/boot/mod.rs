//! Boot images, the files that boot loaders load, and the kernels in them.

mod format;
mod s390x;

use pmdscope_arches::Arch;

use super::decompress;
use super::error::BootError;
use super::limits::LAYERS;
use format::BootFormat;

/// The kernel of a boot image, after all wrappers and compression are removed.
#[derive(Debug)]
pub(super) struct BootPayload {
    /// The removed layers and the payload's format, such as `bzImage, xz, ELF`.
    pub format: String,
    /// The bytes of the ELF file or flat image.
    pub bytes: Vec<u8>,
    /// The form of the bytes: ELF file or flat image.
    pub kind: PayloadKind,
}

/// The form of a kernel in its boot image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PayloadKind {
    /// An ELF file.
    Elf,
    /// A flat image: the contents of memory when the kernel starts.
    Flat {
        /// The architecture.
        arch: Arch,
        /// The size of the kernel in memory in bytes, if the boot image gives it.
        size: Option<u64>,
        /// The page size in bytes, if the boot image gives it.
        page_size: Option<u64>,
        /// The address at which the kernel is linked, if the boot image gives it.
        link_address: Option<u64>,
    },
}

/// Unpacks the kernel of a boot image.
///
/// # Errors
/// - [`BootError::Unpack`] if the payload is damaged, or unpacks to more than `limit` bytes.
/// - [`BootError::TooDeep`] if the image has more than [`LAYERS`] layers.
/// - [`BootError::NoPayload`] if an s390x boot image contains no kernel.
/// - The errors of [`format::identify`] if the file is not a boot image, or is damaged.
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
            BootFormat::Image { name, arch, size, page_size, link_address } => {
                let kind = PayloadKind::Flat { arch, size: Some(size), page_size, link_address };
                return payload(kind, name, &layers, bytes);
            }
            BootFormat::S390x => {
                let (compression, kernel, size) = s390x::unpack_kernel(&bytes, limit)?;
                layers.extend(["s390x bzImage".to_owned(), compression.name().to_owned()]);
                let page_size = Some(4096);
                let kind = PayloadKind::Flat { arch: Arch::S390x, size, page_size, link_address: None };
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
