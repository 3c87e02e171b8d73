//! Reads Debian packages: an `ar` archive that contains two `tar` archives.

use std::io::{self, Read};

use super::description::{Package, PackageFields, PackageKind};
use super::part::{open_part, part_error};
use super::search::KernelSearch;
use crate::kernel::error::PackageError;
use crate::kernel::text::printable;

/// The first bytes of an `ar` archive.
pub(super) const AR: &[u8] = b"!<arch>\n";
/// The length in bytes of a member's header, which ends in two fixed bytes.
const AR_HEADER: usize = 60;
/// The name of Debian packages in errors.
const DEB: &str = "a Debian package";
/// The most bytes of a control file that are read.
const CONTROL: u64 = 1 << 20;

/// Extracts the kernel from a Debian package.
///
/// # Errors
/// [`PackageError`] if the package is damaged, or has no kernel of at most `limit` bytes.
pub(super) fn read_deb(file: impl Read, limit: u64) -> Result<(Package, Vec<u8>), PackageError> {
    let mut file = file;
    let mut first = true;
    let mut control = None;
    io::copy(&mut file.by_ref().take(AR.len() as u64), &mut io::sink())
        .map_err(|source| part_error("list of members", source))?;
    // Members come in this order: debian-binary, control.tar, data.tar (deb(5)).
    while let Some((name, size)) =
        next_member(&mut file).map_err(|source| part_error("list of members", source))?
    {
        if std::mem::take(&mut first) && name != "debian-binary" {
            return Err(PackageError::NotDebian(name));
        }
        // Members start at even offsets.
        let mut member = file.by_ref().take(size.next_multiple_of(2));
        if name.starts_with("control.tar") {
            control = Some(read_control(&name, (&mut member).take(size))?);
        } else if name.starts_with("data.tar") {
            let control = control.ok_or(missing("control.tar before its data.tar"))?;
            return take_kernel(&name, member.take(size), control, limit);
        }
        io::copy(&mut member, &mut io::sink()).map_err(|source| part_error(&name, source))?;
    }
    Err(missing(if first { "members" } else { "data.tar" }))
}

/// Returns the error for a Debian package that lacks a part.
fn missing(part: &'static str) -> PackageError {
    PackageError::Without { kind: DEB, part }
}

/// Reads the name and size of the next member of an archive. Returns `None` at its end.
///
/// It reads names in the short form only, which dpkg writes (deb(5)).
fn next_member(archive: &mut impl Read) -> io::Result<Option<(String, u64)>> {
    let mut header = Vec::new();
    archive.take(AR_HEADER as u64).read_to_end(&mut header)?;
    if header.is_empty() {
        return Ok(None);
    }
    let Some(header) = header.first_chunk::<AR_HEADER>() else {
        return Err(io::ErrorKind::UnexpectedEof.into());
    };
    let wrong = || io::Error::new(io::ErrorKind::InvalidData, "a member has no valid header");
    let text = str::from_utf8(header).map_err(|_| wrong())?;
    let (name, size) = (text.get(..16), text.get(48..58));
    let size = size.and_then(|size| size.trim_end().parse().ok()).filter(|_| text.ends_with("`\n"));
    let name = name.map(|name| printable(name.trim_end().trim_end_matches('/').as_bytes()));
    name.zip(size).map(Some).ok_or_else(wrong)
}

/// Returns the `tar` archive in a member.
fn tar<'a>(name: &str, member: impl Read + 'a) -> Result<tar::Archive<impl Read + 'a>, PackageError> {
    Ok(tar::Archive::new(open_part(DEB, name, member, |_| name.ends_with(".tar"))?))
}

/// Calls `visit` for each regular file of an archive, until it returns false.
///
/// It does not assemble long names. No kernel has one, and an archive could use them to consume any amount of memory.
fn visit_files<R: Read>(
    member: &str,
    archive: &mut tar::Archive<R>,
    mut visit: impl FnMut(&str, &mut tar::Entry<'_, R>) -> Result<bool, PackageError>,
) -> Result<(), PackageError> {
    let entries = archive.entries().map_err(|source| part_error(member, source))?.raw(true);
    for entry in entries {
        let mut entry = entry.map_err(|source| part_error(member, source))?;
        if !entry.header().entry_type().is_file() {
            continue;
        }
        let path = printable(&entry.path_bytes());
        if !visit(path.trim_start_matches("./").trim_start_matches('/'), &mut entry)? {
            break;
        }
    }
    Ok(())
}

/// Reads the fields of the control file in `control.tar`.
fn read_control(name: &str, member: impl Read) -> Result<PackageFields, PackageError> {
    let mut text = None;
    visit_files(name, &mut tar(name, member)?, |path, entry| {
        if path != "control" {
            return Ok(true);
        }
        let mut bytes = Vec::new();
        entry.take(CONTROL).read_to_end(&mut bytes).map_err(|source| part_error(name, source))?;
        text = Some(String::from_utf8_lossy(&bytes).into_owned());
        Ok(false)
    })?;
    let text = text.ok_or(missing("control file"))?;
    let field = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        line.map(|value| printable(value.trim().as_bytes()))
    };
    Ok(PackageFields {
        name: field("Package").ok_or(missing("a name in its control file"))?,
        version: field("Version").ok_or(missing("a version in its control file"))?,
        architecture: field("Architecture").unwrap_or_default(),
        depends: field("Depends").and_then(|all| {
            let mut names = all.split(',').filter_map(|one| one.split_whitespace().next());
            names.find(|name| is_kernel_package(name)).map(str::to_owned)
        }),
    })
}

/// Whether a package name is that of a kernel package.
fn is_kernel_package(name: &str) -> bool {
    ["linux-image-", "linux-binary-"].iter().any(|prefix| name.starts_with(prefix))
}

/// Extracts the kernel from `data.tar`.
fn take_kernel(
    member: &str,
    data: impl Read,
    control: PackageFields,
    limit: u64,
) -> Result<(Package, Vec<u8>), PackageError> {
    let mut search = KernelSearch::new(member, limit);
    let read = visit_files(member, &mut tar(member, data)?, |path, entry| {
        let size = entry.size();
        search.visit(path, size, entry)
    });
    search.finish(PackageKind::Deb, control, read)
}
