//! Packages of distributions, and the kernel in each.
//!
//! A package is read as a stream, and only up to its kernel, because a hundred megabytes of modules follow.

mod cpio;
mod deb;
mod description;
mod part;
mod read;
mod rpm;
mod rpm_header;
mod search;

use std::io::Read;

use super::error::PackageError;

pub use description::{Package, PackageKind};

/// Returns the kind of a package, recognised by its first [`MAGIC_LENGTH`] bytes.
///
/// `None` if the file is not a package.
pub(super) fn kind_of(begin: &[u8]) -> Option<PackageKind> {
    if begin.starts_with(deb::AR) {
        Some(PackageKind::Deb)
    } else if begin.starts_with(rpm::MAGIC) {
        Some(PackageKind::Rpm)
    } else {
        None
    }
}

/// The number of bytes that [`kind_of`] needs to recognise a package.
pub(super) const MAGIC_LENGTH: usize = deb::AR.len();

/// Extracts the kernel from a package. `file` must be at the package's start.
///
/// # Errors
/// [`PackageError`] if the package is damaged, or has no kernel of at most `limit` bytes.
pub(super) fn read_kernel(
    kind: PackageKind,
    file: impl Read,
    limit: u64,
) -> Result<(Package, Vec<u8>), PackageError> {
    match kind {
        PackageKind::Deb => deb::read_deb(file, limit),
        PackageKind::Rpm => rpm::read_rpm(file, limit),
    }
}
