//! Reads RPM packages: a lead, two headers, and a compressed `cpio` archive.
//!
//! The first header has signatures. The second describes the package (RPM's manual, "RPM V4 Package format").

use std::io::Read;

use super::cpio::visit_files;
use super::description::{Package, PackageFields, PackageKind};
use super::part::{open_part, part_error};
use super::read::read_bytes;
use super::rpm_header::Header;
use super::search::KernelSearch;
use crate::kernel::error::PackageError;

/// The first bytes of an RPM package.
pub(super) const MAGIC: &[u8] = &[0xed, 0xab, 0xee, 0xdb];
/// The length of the lead in bytes. The header repeats all information of the lead.
const LEAD: usize = 96;
/// The name of RPM packages in errors.
const KIND: &str = "an RPM package";

/// The numbers of the tags that are used (RPM's manual, "RPM tags").
mod tag {
    pub const NAME: u32 = 1000;
    pub const VERSION: u32 = 1001;
    pub const RELEASE: u32 = 1002;
    pub const ARCHITECTURE: u32 = 1022;
    pub const REQUIRES: u32 = 1049;
    pub const PAYLOAD_FORMAT: u32 = 1124;
    pub const PAYLOAD_COMPRESSOR: u32 = 1125;
}

/// Extracts the kernel from an RPM package.
///
/// # Errors
/// [`PackageError`] if the package is damaged, or has no kernel of at most `limit` bytes.
pub(super) fn read_rpm(file: impl Read, limit: u64) -> Result<(Package, Vec<u8>), PackageError> {
    const PAYLOAD: &str = "payload";
    let mut file = file;
    read_bytes(&mut file, LEAD).map_err(|source| part_error("lead", source))?;
    let signatures = Header::read(&mut file).map_err(|source| part_error("header of signatures", source))?;
    // Both headers start at a multiple of 8.
    let padding = signatures.store_length().next_multiple_of(8) - signatures.store_length();
    read_bytes(&mut file, padding).map_err(|source| part_error("header of signatures", source))?;
    let header = Header::read(&mut file).map_err(|source| part_error("header", source))?;
    let missing = |part| move || PackageError::Without { kind: KIND, part };
    let version = header.text(tag::VERSION).ok_or_else(missing("a version in its header"))?;
    let release = header.text(tag::RELEASE).ok_or_else(missing("a release in its header"))?;
    let fields = PackageFields {
        name: header.text(tag::NAME).ok_or_else(missing("a name in its header"))?,
        version: format!("{version}-{release}"),
        architecture: header.text(tag::ARCHITECTURE).unwrap_or_default(),
        // A package with a kernel provides a capability of its own name, with `-uname-r` after it.
        depends: header.texts(tag::REQUIRES).find_map(|name| {
            let name = name.strip_suffix("-uname-r")?;
            (name.starts_with("kernel") && name.ends_with("-core")).then(|| name.to_owned())
        }),
    };
    if let Some(format) = header.text(tag::PAYLOAD_FORMAT).filter(|format| format != "cpio") {
        return Err(PackageError::Payload(format));
    }
    let member = match header.text(tag::PAYLOAD_COMPRESSOR) {
        Some(compressor) => format!("{PAYLOAD} ({compressor})"),
        None => PAYLOAD.to_owned(),
    };
    // The payload's first bytes determine its compression. Errors use the header's name for it.
    let mut archive = open_part(KIND, &member, file, |begin| begin.starts_with(b"0707"))?;
    let mut search = KernelSearch::new(&member, limit);
    let read = visit_files(&member, &mut archive, &mut search);
    search.finish(PackageKind::Rpm, fields, read)
}
