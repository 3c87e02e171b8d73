//! Packages of distributions, and the kernel in them.
//!
//! A package is read as a stream and no further than to its kernel, since what is behind it (modules)
//! is a hundred megabytes and more.

use std::fmt;
use std::io::{self, BufRead, BufReader, Read};

use super::decompress::Compression;

/// How an archive of `ar` begins, which is what a Debian package is.
pub(super) const AR: &[u8] = b"!<arch>\n";
/// The header of each of its members, which ends in two bytes that say that it is one.
const AR_HEADER: usize = 60;
/// What Debian's packages are called in errors.
const DEB: &str = "a Debian package";

/// What the archives in a package may unpack to. The largest packages of kernels have some 700 MB;
/// with debug information they have 6 GB, and a kernel that is too large to be taken.
const UNPACKED: u64 = 8 << 30;
/// No control file is as large.
const CONTROL: u64 = 1 << 20;

/// A kind of package.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum PackageKind {
    /// A Debian package.
    Deb,
    /// An RPM package.
    Rpm,
}

/// A package, as it describes itself.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Package {
    /// What kind of package it is.
    pub kind: PackageKind,
    /// Its name, such as `linux-image-6.12.107+deb13-arm64`.
    pub name: String,
    /// Its version, such as `6.12.107-1`.
    pub version: String,
    /// The distribution's name of the architecture, such as `ppc64el`.
    pub architecture: String,
    /// Where the kernel is in it, such as `boot/vmlinuz-6.12.107+deb13-arm64`.
    pub kernel: String,
    /// Other kernels right behind that one. They are not used.
    pub others: Vec<String>,
}

/// Why no kernel can be had from a package.
#[derive(Debug, thiserror::Error)]
pub enum PackageError {
    /// An archive of something else.
    #[error("an ar archive, but not a Debian package: it begins with '{0}', not with 'debian-binary'")]
    NotDebian(String),
    /// A package that lacks a part, or has it in an order or form that its program never writes.
    #[error("{kind} without {part}")]
    Without {
        /// What kind of package.
        kind: &'static str,
        /// What is missing.
        part: &'static str,
    },
    /// A compression that neither dpkg nor rpm has.
    #[error("{kind} whose {member} is compressed in no way known here: xz, zstd, gzip, bzip2 and lzma are")]
    Compression {
        /// What kind of package.
        kind: &'static str,
        /// Which part.
        member: String,
    },
    /// The end is missing.
    #[error("the package is cut off, in its {member}: fetch it again")]
    Truncated {
        /// What was being read.
        member: String,
    },
    /// It cannot be read, or is not what it says it is.
    #[error("the package is damaged, in its {member}: {source}")]
    Damaged {
        /// What was being read.
        member: String,
        /// What the reader says.
        source: io::Error,
    },
    /// Nothing to run.
    #[error("{package} holds no kernel{}", hint(.nearest, .depends))]
    NoKernel {
        /// Name and version.
        package: Box<str>,
        /// The file in it that comes nearest.
        nearest: Option<String>,
        /// A package of a kernel's name that it needs.
        depends: Option<String>,
    },
    /// No kernel is as large.
    #[error("{path} in the package has {size} bytes, more than any kernel: {limit} are read at most")]
    TooLarge {
        /// Where it is in the package.
        path: String,
        /// How large it is.
        size: u64,
        /// What is allowed.
        limit: u64,
    },
    /// An RPM package of something else than files, such as of what changed since another package.
    #[error("an RPM package whose payload is of the kind '{0}', not cpio: take the whole package")]
    Payload(String),
}

fn hint(nearest: &Option<String>, depends: &Option<String>) -> String {
    match (depends, nearest) {
        (Some(depends), _) => format!(", but depends on {depends}: take that package"),
        (None, Some(nearest)) => {
            format!(" (nearest: {nearest}): take a package with boot/vmlinuz-* or lib/modules/*/vmlinuz")
        }
        (None, None) => ": take a package with boot/vmlinuz-* or lib/modules/*/vmlinuz".to_owned(),
    }
}

/// The kernel of a Debian package and what the package says of itself. A kernel of more than `limit`
/// bytes is refused.
pub(super) fn from_deb(file: impl Read, limit: u64) -> Result<(Package, Vec<u8>), PackageError> {
    let mut file = file;
    let mut first = true;
    let mut control = None;
    io::copy(&mut file.by_ref().take(AR.len() as u64), &mut io::sink())
        .map_err(|source| at("list of members", source))?;
    // Members come in this order: debian-binary, control.tar, data.tar (deb(5)).
    while let Some((name, size)) = next_member(&mut file).map_err(|source| at("list of members", source))? {
        if std::mem::take(&mut first) && name != "debian-binary" {
            return Err(PackageError::NotDebian(name));
        }
        // Members start at even places.
        let mut member = file.by_ref().take(size.next_multiple_of(2));
        if name.starts_with("control.tar") {
            control = Some(read_control(&name, (&mut member).take(size))?);
        } else if name.starts_with("data.tar") {
            let control = control.ok_or(without("control.tar before its data.tar"))?;
            return take_kernel(&name, member.take(size), control, limit);
        }
        io::copy(&mut member, &mut io::sink()).map_err(|source| at(&name, source))?;
    }
    Err(without(if first { "members" } else { "data.tar" }))
}

fn without(part: &'static str) -> PackageError {
    PackageError::Without { kind: DEB, part }
}

/// The name and size of the next member of an archive, `None` at its end. Only what dpkg writes is
/// understood, which are short names (deb(5)).
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

/// What a package says of itself, as far as it is used.
pub(super) struct Control {
    pub name: String,
    pub version: String,
    pub architecture: String,
    /// A package of a kernel's name that it needs.
    pub depends: Option<String>,
}

/// A text out of a package that can be part of a line.
pub(super) fn printable(text: &[u8]) -> String {
    String::from_utf8_lossy(text).replace(char::is_control, "\u{fffd}")
}

/// What is wrong with a part of a package.
pub(super) fn at(member: &str, source: io::Error) -> PackageError {
    let member = member.to_owned();
    if source.kind() == io::ErrorKind::UnexpectedEof {
        return PackageError::Truncated { member };
    }
    // It quotes names that are in the package.
    let source = io::Error::new(source.kind(), printable(source.to_string().as_bytes()));
    PackageError::Damaged { member, source }
}

/// A part of a package, unpacked as it is read, unless it is `plain`.
pub(super) fn unpacked<'a>(
    kind: &'static str,
    name: &str,
    member: impl Read + 'a,
    plain: impl Fn(&[u8]) -> bool,
) -> Result<impl Read + 'a, PackageError> {
    let mut member = BufReader::with_capacity(1 << 16, member);
    let begin = member.fill_buf().map_err(|source| at(name, source))?;
    let reader: Box<dyn Read> = if plain(begin) {
        Box::new(member)
    } else {
        let unknown = || PackageError::Compression { kind, member: name.to_owned() };
        let compression = Compression::of(begin).ok_or_else(unknown)?;
        compression.reader(member).map_err(|source| at(name, source))?
    };
    Ok(reader.take(UNPACKED))
}

/// The archive in a member.
fn tar<'a>(name: &str, member: impl Read + 'a) -> Result<tar::Archive<impl Read + 'a>, PackageError> {
    Ok(tar::Archive::new(unpacked(DEB, name, member, |_| name.ends_with(".tar"))?))
}

/// Each regular file of an archive, until `visit` returns false. Long names are not put together,
/// since no path that is looked for is one, and whoever made the archive says how long they are.
fn files<R: Read>(
    member: &str,
    archive: &mut tar::Archive<R>,
    mut visit: impl FnMut(&str, &mut tar::Entry<'_, R>) -> Result<bool, PackageError>,
) -> Result<(), PackageError> {
    let entries = archive.entries().map_err(|source| at(member, source))?.raw(true);
    for entry in entries {
        let mut entry = entry.map_err(|source| at(member, source))?;
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

fn read_control(name: &str, member: impl Read) -> Result<Control, PackageError> {
    let mut text = None;
    files(name, &mut tar(name, member)?, |path, entry| {
        if path != "control" {
            return Ok(true);
        }
        let mut bytes = Vec::new();
        entry.take(CONTROL).read_to_end(&mut bytes).map_err(|source| at(name, source))?;
        text = Some(String::from_utf8_lossy(&bytes).into_owned());
        Ok(false)
    })?;
    let text = text.ok_or(without("control file"))?;
    let field = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        line.map(|value| printable(value.trim().as_bytes()))
    };
    Ok(Control {
        name: field("Package").ok_or(without("a name in its control file"))?,
        version: field("Version").ok_or(without("a version in its control file"))?,
        architecture: field("Architecture").unwrap_or_default(),
        depends: field("Depends").and_then(|all| {
            let mut names = all.split(',').filter_map(|one| one.split_whitespace().next());
            names.find(|name| is_kernel_package(name)).map(str::to_owned)
        }),
    })
}

fn is_kernel_package(name: &str) -> bool {
    ["linux-image-", "linux-binary-"].iter().any(|prefix| name.starts_with(prefix))
}

fn take_kernel(
    member: &str,
    data: impl Read,
    control: Control,
    limit: u64,
) -> Result<(Package, Vec<u8>), PackageError> {
    let mut search = Search::new(member, limit);
    let read = files(member, &mut tar(member, data)?, |path, entry| {
        let size = entry.size();
        search.visit(path, size, entry)
    });
    search.done(PackageKind::Deb, control, read)
}

/// The search for the kernel among a package's files.
pub(super) struct Search<'a> {
    member: &'a str,
    limit: u64,
    kernel: Option<(String, Vec<u8>)>,
    others: Vec<String>,
    nearest: Option<(u8, String)>,
}

impl Search<'_> {
    /// One in a part of a package. A kernel of more than `limit` bytes is refused.
    pub(super) fn new(member: &str, limit: u64) -> Search<'_> {
        Search { member, limit, kernel: None, others: Vec::new(), nearest: None }
    }

    /// Looks at the next file. False if no other one needs to be looked at.
    pub(super) fn visit(
        &mut self,
        path: &str,
        size: u64,
        content: &mut impl Read,
    ) -> Result<bool, PackageError> {
        if let Some((taken, _)) = &self.kernel {
            // Files of one directory follow each other. To look any further would be to unpack all.
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
        content.read_to_end(&mut bytes).map_err(|source| at(self.member, source))?;
        if (bytes.len() as u64) < size {
            return Err(PackageError::Truncated { member: self.member.to_owned() });
        }
        self.kernel = Some((path.to_owned(), bytes));
        Ok(true)
    }

    /// What was found, and how the files were read.
    pub(super) fn done(
        self,
        kind: PackageKind,
        control: Control,
        read: Result<(), PackageError>,
    ) -> Result<(Package, Vec<u8>), PackageError> {
        let Control { name, version, architecture, depends } = control;
        match (self.kernel, read) {
            // What is damaged behind the kernel does not matter.
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

fn folder(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// Whether a path in a package is that of a kernel: `boot/vmlinuz-VERSION` and the names that other
/// architectures and distributions have for it, or `usr/lib/modules/VERSION/vmlinuz`.
fn is_kernel(path: &str) -> bool {
    const NAMES: [&str; 6] = ["vmlinuz", "vmlinux", "Image", "image", "bzImage", "kernel"];
    // Checksums, signatures and symbols beside a kernel.
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

/// How much a path of a package is like that of a kernel, 0 for not at all.
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

impl fmt::Display for PackageKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            PackageKind::Deb => "Debian package",
            PackageKind::Rpm => "RPM package",
        })
    }
}

impl fmt::Display for Package {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {} ({})", self.kind, self.name, self.version, self.architecture)
    }
}
