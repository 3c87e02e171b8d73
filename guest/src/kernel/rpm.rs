//! Packages of RPM, and the kernel in them.
//!
//! A package is a lead, a header with signatures, a header that says what is in the package, and its
//! files as a compressed archive of cpio (RPM's manual, "RPM V4 Package format" and "Header format").
//! All numbers are big-endian.

use std::io::{self, Read};

use super::package::{Control, Package, PackageError, PackageKind, Search, at, printable, unpacked};

/// How a package begins.
pub(super) const MAGIC: &[u8] = &[0xed, 0xab, 0xee, 0xdb];
/// How long that part is. What it says is said better by the header.
const LEAD: usize = 96;
/// How each header begins, with its version.
const HEADER: &[u8] = &[0x8e, 0xad, 0xe8, 1];
/// What one entry of a header's index takes.
const ENTRY: usize = 16;
/// RPM takes no header with more entries (lib/header.c, `hdrchkTags`).
const ENTRIES: u32 = 0xffff;
/// Headers have the names of all files: of the largest packages of kernels they have a few megabytes.
const STORE: u32 = 64 << 20;
/// RPM reads no longer names from an archive.
const NAME: u64 = 8192;
/// What these packages are called in errors.
const KIND: &str = "an RPM package";

/// Kinds of data in a header's store (RPM's manual, "Tag data types").
const STRING: u32 = 6;
const STRINGS: u32 = 8;

/// The tags that are used (RPM's manual, "RPM tags").
mod tag {
    pub const NAME: u32 = 1000;
    pub const VERSION: u32 = 1001;
    pub const RELEASE: u32 = 1002;
    pub const ARCHITECTURE: u32 = 1022;
    pub const REQUIRES: u32 = 1049;
    pub const PAYLOAD_FORMAT: u32 = 1124;
    pub const PAYLOAD_COMPRESSOR: u32 = 1125;
}

/// The kernel of an RPM package and what the package says of itself. A kernel of more than `limit` bytes
/// is refused.
pub(super) fn from_rpm(file: impl Read, limit: u64) -> Result<(Package, Vec<u8>), PackageError> {
    const PAYLOAD: &str = "payload";
    let mut file = file;
    bytes(&mut file, LEAD).map_err(|source| at("lead", source))?;
    let signatures = Header::read(&mut file).map_err(|source| at("header of signatures", source))?;
    // The next header starts at a place that is a multiple of 8, as this one does.
    let padding = signatures.store.len().next_multiple_of(8) - signatures.store.len();
    bytes(&mut file, padding).map_err(|source| at("header of signatures", source))?;
    let header = Header::read(&mut file).map_err(|source| at("header", source))?;
    let without = |part| move || PackageError::Without { kind: KIND, part };
    let version = header.text(tag::VERSION).ok_or_else(without("a version in its header"))?;
    let release = header.text(tag::RELEASE).ok_or_else(without("a release in its header"))?;
    let control = Control {
        name: header.text(tag::NAME).ok_or_else(without("a name in its header"))?,
        version: format!("{version}-{release}"),
        architecture: header.text(tag::ARCHITECTURE).unwrap_or_default(),
        // Packages of the parts of a kernel are named like what they provide.
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
    // How it is compressed is told by its first bytes. What the header says of it is for errors.
    let mut archive = unpacked(KIND, &member, file, |begin| begin.starts_with(b"0707"))?;
    let mut search = Search::new(&member, limit);
    let read = files(&member, &mut archive, &mut search);
    search.done(PackageKind::Rpm, control, read)
}

/// As many bytes as are wanted. More memory than there are bytes is not taken.
fn bytes(file: &mut impl Read, count: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if file.take(count as u64).read_to_end(&mut bytes)? < count {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(bytes)
}

fn wrong(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

/// A header: an index of tags, and their data.
struct Header {
    /// Tag, kind of data, offset in the store, number of values.
    index: Vec<[u32; 4]>,
    store: Vec<u8>,
}

impl Header {
    fn read(file: &mut impl Read) -> io::Result<Header> {
        let begin = bytes(file, 16)?;
        let [_, _, entries, size] = numbers(&begin).next().unwrap_or_default();
        if !begin.starts_with(HEADER) {
            return Err(wrong("it does not begin like one"));
        }
        if entries > ENTRIES || size > STORE {
            return Err(wrong("it is larger than any"));
        }
        let index = numbers(&bytes(file, entries as usize * ENTRY)?).collect();
        Ok(Header { index, store: bytes(file, size as usize)? })
    }

    /// The text of a tag.
    fn text(&self, tag: u32) -> Option<String> {
        self.texts(tag).next()
    }

    /// The texts of a tag, none if it has none.
    fn texts(&self, tag: u32) -> impl Iterator<Item = String> {
        let entry = self.index.iter().find(|entry| entry[0] == tag && matches!(entry[1], STRING | STRINGS));
        let (start, count) = entry.map_or((0, 0), |entry| (entry[2] as usize, entry[3] as usize));
        let rest = self.store.get(start..).unwrap_or_default();
        // What is behind the last zero is nothing.
        let texts = rest.split_inclusive(|byte| *byte == 0).filter_map(|text| text.strip_suffix(&[0]));
        texts.take(count).map(printable)
    }
}

/// The numbers of a header's index.
fn numbers(bytes: &[u8]) -> impl Iterator<Item = [u32; 4]> {
    let (entries, _) = bytes.as_chunks::<ENTRY>();
    entries.iter().map(|entry| {
        let (numbers, _) = entry.as_chunks();
        std::array::from_fn(|at| numbers.get(at).map_or(0, |number| u32::from_be_bytes(*number)))
    })
}

/// Looks at each regular file of an archive, until the search is over.
fn files(member: &str, archive: &mut impl Read, search: &mut Search) -> Result<(), PackageError> {
    let failed = |source| at(member, source);
    while let Some(entry) = Entry::read(archive).map_err(failed)? {
        let mut content = archive.by_ref().take(entry.size);
        // Of a file with several names only the last one has the content.
        if entry.is_file && entry.size > 0 {
            let path = entry.path.trim_start_matches("./").trim_start_matches('/');
            if !search.visit(path, entry.size, &mut content)? {
                break;
            }
        }
        let left = content.limit() + padding(entry.size);
        if io::copy(&mut archive.by_ref().take(left), &mut io::sink()).map_err(failed)? < left {
            return Err(failed(io::ErrorKind::UnexpectedEof.into()));
        }
    }
    Ok(())
}

/// A file in an archive of cpio, in its "new" form, which is the only one that RPM writes (cpio(5)).
struct Entry {
    path: String,
    size: u64,
    is_file: bool,
}

impl Entry {
    /// The next one, `None` at the end of the archive. Behind it there is its content.
    fn read(archive: &mut impl Read) -> io::Result<Option<Entry>> {
        /// A magic and 13 numbers of 8 hexadecimal digits.
        const LENGTH: usize = 6 + 13 * 8;
        const FILE_TYPE: u64 = 0o170_000;
        const REGULAR: u64 = 0o100_000;
        let header = bytes(archive, LENGTH)?;
        let (magic, digits) = header.split_at(6);
        // The second one has checksums, which RPM does not write.
        if magic != b"070701" && magic != b"070702" {
            return Err(wrong("a file in it has no valid header"));
        }
        let number = |at: usize| {
            let digits = digits.get(at * 8..at * 8 + 8).filter(|all| all.iter().all(u8::is_ascii_hexdigit));
            let number = digits.and_then(|digits| u64::from_str_radix(str::from_utf8(digits).ok()?, 16).ok());
            number.ok_or_else(|| wrong("a file in it has a header of something else than numbers"))
        };
        let (mode, size, length) = (number(1)?, number(6)?, number(11)?);
        if length > NAME {
            return Err(wrong("a file in it has a name that is longer than any"));
        }
        // Header and name together end at a multiple of 4.
        let mut name = bytes(archive, (length + padding(LENGTH as u64 + length)) as usize)?;
        name.truncate(name.iter().position(|byte| *byte == 0).unwrap_or(length as usize));
        let path = printable(&name);
        let is_file = mode & FILE_TYPE == REGULAR;
        Ok((path != "TRAILER!!!").then_some(Entry { path, size, is_file }))
    }
}

/// How many bytes are between something and the next multiple of 4.
fn padding(length: u64) -> u64 {
    length.next_multiple_of(4) - length
}
