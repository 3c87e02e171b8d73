//! The search for the kernel among the files of a package.

use std::io::Read;

use super::description::{Package, PackageFields, PackageKind};
use super::part::part_error;
use crate::kernel::error::PackageError;

/// The search for the kernel among the files of a package.
pub(super) struct KernelSearch<'a> {
    member: &'a str,
    limit: u64,
    kernel: Option<(String, Vec<u8>)>,
    others: Vec<String>,
    nearest: Option<(u8, String)>,
}

impl KernelSearch<'_> {
    /// Starts a search in the part `member` of a package.
    ///
    /// The search refuses a kernel of more than `limit` bytes.
    pub(super) fn new(member: &str, limit: u64) -> KernelSearch<'_> {
        KernelSearch { member, limit, kernel: None, others: Vec::new(), nearest: None }
    }

    /// Examines the next file. Returns whether to continue with the file after it.
    ///
    /// # Errors
    /// [`PackageError::TooLarge`] if the file is a kernel that is too large, [`PackageError::Truncated`] or
    /// [`PackageError::Damaged`] if it cannot be read.
    pub(super) fn visit(
        &mut self,
        path: &str,
        size: u64,
        content: &mut impl Read,
    ) -> Result<bool, PackageError> {
        if let Some((taken, _)) = &self.kernel {
            // Files of one folder follow each other. Searching further would unpack the whole package.
            if folder(path) == folder(taken) && is_kernel(path) {
                self.others.push(path.to_owned());
            }
            return Ok(folder(path) == folder(taken));
        }
        if !is_kernel(path) {
            let rank = likeness(path);
            if rank > 0 && self.nearest.as_ref().is_none_or(|(best, _)| rank > *best) {
                self.nearest = Some((rank, path.to_owned()));
            }
            return Ok(true);
        }
        if size > self.limit {
            return Err(PackageError::TooLarge { path: path.to_owned(), size, limit: self.limit });
        }
        let mut bytes = Vec::new();
        content.read_to_end(&mut bytes).map_err(|source| part_error(self.member, source))?;
        if (bytes.len() as u64) < size {
            return Err(PackageError::Truncated { member: self.member.to_owned() });
        }
        self.kernel = Some((path.to_owned(), bytes));
        Ok(true)
    }

    /// Returns the package and its kernel, given the result of reading the files.
    ///
    /// # Errors
    /// If no kernel was found: the error of `read`, or else [`PackageError::NoKernel`].
    pub(super) fn finish(
        self,
        kind: PackageKind,
        fields: PackageFields,
        read: Result<(), PackageError>,
    ) -> Result<(Package, Vec<u8>), PackageError> {
        let PackageFields { name, version, architecture, depends } = fields;
        match (self.kernel, read) {
            // Damage after the kernel does not matter.
            (Some((kernel, bytes)), _) => {
                Ok((Package { kind, name, version, architecture, kernel, others: self.others }, bytes))
            }
            (None, Err(error)) => Err(error),
            (None, Ok(())) => Err(PackageError::NoKernel {
                package: format!("{name} {version}").into(),
                nearest: self.nearest.map(|(_, path)| path),
                depends,
            }),
        }
    }
}

/// Returns a path without its last part.
fn folder(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// Whether a path in a package is that of a kernel.
///
/// Kernels are `boot/vmlinuz-VERSION` and `usr/lib/modules/VERSION/vmlinuz`, with `usr/` optional. Other
/// architectures and distributions use other names than `vmlinuz`.
fn is_kernel(path: &str) -> bool {
    const NAMES: [&str; 6] = ["vmlinuz", "vmlinux", "Image", "image", "bzImage", "kernel"];
    // The endings of checksums, signatures and symbols beside a kernel.
    const BESIDE: [&str; 6] = [".hmac", ".sig", ".asc", ".debug", ".map", ".p7s"];
    let path = path.strip_prefix("usr/").unwrap_or(path);
    let (folder, file) = path.rsplit_once('/').unwrap_or(("", path));
    if BESIDE.iter().any(|end| file.ends_with(end)) {
        return false;
    }
    let begins = |name: &&str| {
        file.strip_prefix(*name).is_some_and(|rest| rest.is_empty() || rest.starts_with(['-', '.', '_']))
    };
    match folder.split('/').collect::<Vec<_>>()[..] {
        ["boot"] => NAMES.iter().any(begins),
        ["lib", "modules", _] => NAMES.iter().any(begins),
        _ => false,
    }
}

/// Rates the similarity of a path in a package to a kernel's: from 0, not similar, to 4.
fn likeness(path: &str) -> u8 {
    let file = path.rsplit('/').next().unwrap_or_default();
    if file.contains("vmlinu") || file.starts_with("Image") {
        return 4;
    }
    if file.ends_with(".efi") {
        return 3;
    }
    if path.starts_with("boot/") {
        return 2;
    }
    u8::from(file.contains("linux") || file.contains(".ko"))
}
