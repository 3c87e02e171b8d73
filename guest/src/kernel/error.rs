//! The reasons why a file is not a kernel that can be run.
//!
//! Each step of opening a kernel has a type.

use std::io;
use std::path::PathBuf;

use pmdscope_arches::Arch;

use super::compression::Compression;
use super::limits::{LARGEST, LAYERS};

/// Why a file is not a kernel that can be run.
#[derive(Debug, thiserror::Error)]
pub enum KernelError {
    /// The file cannot be read.
    #[error("{}: {source}", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// The path leads to a folder, or to a device, which may have no end.
    #[error("{}: {what}, not a file: give a vmlinuz, a vmlinux, or the .deb or .rpm of a kernel", .path.display())]
    NotFile {
        /// The path.
        path: PathBuf,
        /// What it leads to.
        what: &'static str,
    },
    /// The file is larger than any kernel.
    #[error("{}: has {size} bytes, more than any kernel: {limit} are read at most", .path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The size of the file in bytes.
        size: u64,
        /// The largest size that is read.
        limit: u64,
    },
    /// No kernel can be taken from the package.
    #[error("{}: {source}", .path.display())]
    Package {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: PackageError,
    },
    /// The file is not a boot image, or a damaged one.
    #[error("{}: {source}", .path.display())]
    Boot {
        /// The file, followed by the path within it if it is a package.
        path: PathBuf,
        /// The reason.
        source: BootError,
    },
    /// The boot image holds something else than a kernel, or a damaged one.
    #[error("{}: {source}", .path.display())]
    Image {
        /// The file, followed by the path within it if it is a package.
        path: PathBuf,
        /// The reason.
        source: ImageError,
    },
}

/// Why no kernel can be taken from a package.
#[derive(Debug, thiserror::Error)]
pub enum PackageError {
    /// An archive of `ar` that is not a Debian package.
    #[error("an ar archive, but not a Debian package: it begins with '{0}', not with 'debian-binary'")]
    NotDebian(String),
    /// A part is missing, or in an order or form that is never written.
    #[error("{kind} without {part}")]
    Without {
        /// The kind of package.
        kind: &'static str,
        /// The missing part.
        part: &'static str,
    },
    /// A compression that neither dpkg nor rpm has.
    #[error("{kind} whose {member} is compressed in no way known here: xz, zstd, gzip, bzip2 and lzma are")]
    Compression {
        /// The kind of package.
        kind: &'static str,
        /// The compressed part.
        member: String,
    },
    /// The package ends too early.
    #[error("the package is cut off, in its {member}: fetch it again")]
    Truncated {
        /// The part that was being read.
        member: String,
    },
    /// A part cannot be read, or is malformed.
    #[error("the package is damaged, in its {member}: {source}")]
    Damaged {
        /// The part that was being read.
        member: String,
        /// The reader's error.
        source: io::Error,
    },
    /// The package has no kernel.
    #[error("{package} holds no kernel{}", hint(.nearest, .depends))]
    NoKernel {
        /// Name and version.
        package: Box<str>,
        /// The file in it that is most like a kernel.
        nearest: Option<String>,
        /// A package that it depends on and that has the name of a kernel.
        depends: Option<String>,
    },
    /// The kernel in the package is larger than any.
    #[error("{path} in the package has {size} bytes, more than any kernel: {limit} are read at most")]
    TooLarge {
        /// The path in the package.
        path: String,
        /// The size of the file in bytes.
        size: u64,
        /// The largest size that is read.
        limit: u64,
    },
    /// An RPM package without files, such as one of differences.
    #[error("an RPM package whose payload is of the kind '{0}', not cpio: take the whole package")]
    Payload(String),
}

/// The end of the message of [`PackageError::NoKernel`]: the package to take.
fn hint(nearest: &Option<String>, depends: &Option<String>) -> String {
    match (depends, nearest) {
        (Some(depends), _) => format!(", but depends on {depends}: take that package"),
        (None, Some(nearest)) => {
            format!(" (nearest: {nearest}): take a package with boot/vmlinuz-* or lib/modules/*/vmlinuz")
        }
        (None, None) => ": take a package with boot/vmlinuz-* or lib/modules/*/vmlinuz".to_owned(),
    }
}

/// Why no kernel can be taken from a boot image.
#[derive(Debug, thiserror::Error)]
pub enum BootError {
    /// The file has no known format.
    #[error(
        "not a kernel image or package: begins with {0}; give a vmlinuz, a vmlinux, or the .deb or .rpm of a kernel"
    )]
    Unknown(String),
    /// The file has no bytes.
    #[error("an empty file: give a vmlinuz, a vmlinux, or the .deb or .rpm of a kernel")]
    Empty,
    /// The kernel is a 32-bit one.
    #[error("a 32-bit kernel ({0}): only 64-bit ones can be run")]
    Bits32(&'static str),
    /// The file ends within its header.
    #[error("{format} is cut off: its header ends at byte {at:#x}")]
    Header {
        /// The format of the file.
        format: &'static str,
        /// The length of the file.
        at: u64,
    },
    /// The header places the payload outside the file.
    #[error(
        "{format} is cut off: its payload is at {offset:#x} to {end:#x}, and the file has {length:#x} bytes"
    )]
    PayloadOutside {
        /// The format of the file.
        format: &'static str,
        /// The offset of the payload.
        offset: u64,
        /// The offset of the payload's end.
        end: u64,
        /// The length of the file.
        length: u64,
    },
    /// The payload has an unknown compression.
    #[error(
        "{format} with a payload at {offset:#x} that is compressed in no way known here (gzip, xz, lzma, zstd, lz4 and bzip2 are): it begins with {begin}"
    )]
    Compression {
        /// The format of the file.
        format: &'static str,
        /// The offset of the payload.
        offset: u64,
        /// The payload's first bytes, or the name of its compression.
        begin: String,
    },
    /// The payload cannot be unpacked.
    #[error("{format}, payload at {offset:#x}: {source}")]
    Unpack {
        /// The format of the file.
        format: String,
        /// The offset of the payload.
        offset: u64,
        /// The reason.
        source: UnpackError,
    },
    /// An s390x boot image in which no payload unpacks to a kernel.
    #[error("an s390x boot image without a compressed kernel in it ({tried} places looked like one)")]
    NoPayload {
        /// The number of places that were tried.
        tried: usize,
    },
    /// A boot format or byte order that is not supported.
    #[error("{0}")]
    Unsupported(&'static str),
    /// More layers than any kernel has.
    #[error("compressed more than {LAYERS} times, which no kernel is: {0}")]
    TooDeep(String),
}

/// Why compressed data cannot be unpacked.
///
/// Offsets count bytes from the start of the data.
#[derive(Debug, thiserror::Error)]
pub enum UnpackError {
    /// The data ends too early.
    #[error("{compression} data is cut off after {at:#x} bytes")]
    Truncated {
        /// The compression.
        compression: Compression,
        /// The number of bytes there are.
        at: u64,
    },
    /// The data is malformed.
    #[error("{compression} data is damaged, near byte {at:#x} of it: {source}")]
    Corrupt {
        /// The compression.
        compression: Compression,
        /// The number of bytes that were read.
        at: u64,
        /// The decompressor's error.
        source: io::Error,
    },
    /// The data unpacks to more than any kernel has.
    #[error("{compression} data unpacks to more than {limit} bytes, which no kernel does")]
    TooLarge {
        /// The compression.
        compression: Compression,
        /// The largest size that is unpacked.
        limit: u64,
    },
}

/// Why no memory image can be made of what a boot image holds.
#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    /// The file ends too early, or a field points outside of it.
    #[error("damaged ELF file, in its {part}: {source}")]
    Damaged {
        /// The part that was being read.
        part: &'static str,
        /// The reader's error.
        source: goblin::error::Error,
    },
    /// A table whose entries do not have the size that ELF gives them.
    #[error("damaged ELF file: an entry of its {table} takes {found} bytes instead of {wanted}")]
    EntrySize {
        /// The table.
        table: &'static str,
        /// The size in the file.
        found: u64,
        /// The size that ELF gives.
        wanted: u64,
    },
    /// The ELF file is a 32-bit one.
    #[error("a 32-bit ELF file for {0}: only 64-bit kernels can be run")]
    Bits32(&'static str),
    /// The ELF file is for an unknown architecture.
    #[error("an ELF file for {0}, whose kernels cannot be run: those of {known} can", known = Arch::ALL.map(Arch::name).join(", "))]
    Machine(String),
    /// The ELF file is not linked.
    #[error("an ELF file that is not a linked kernel (its type is {0}): give the vmlinux or vmlinuz itself")]
    Type(&'static str),
    /// The program is not a kernel.
    #[error("{0} that is not a kernel: there is no 'Linux version' in it")]
    NoBanner(&'static str),
    /// A segment with bytes outside the file, or more bytes than it has memory.
    #[error(
        "damaged ELF file: the segment at {address:#x} takes {bytes:#x} bytes at {offset:#x} of a file of {length:#x}, and {size:#x} in memory"
    )]
    SegmentOutside {
        /// The segment's address.
        address: u64,
        /// The offset of its bytes in the file.
        offset: u64,
        /// The number of its bytes in the file.
        bytes: u64,
        /// The number of bytes it takes in memory.
        size: u64,
        /// The length of the file.
        length: u64,
    },
    /// Two segments overlap.
    #[error("damaged ELF file: the segments at {first:#x} and {second:#x} overlap")]
    SegmentsOverlap {
        /// The address of the lower one.
        first: u64,
        /// The address of the upper one.
        second: u64,
    },
    /// The kernel takes more memory than any.
    #[error("a kernel that takes {size:#x} bytes of memory, more than {LARGEST:#x}: damaged, or not one")]
    TooLarge {
        /// The number of bytes.
        size: u64,
    },
    /// A relocation of an unknown kind.
    #[error("a kernel with a relocation of kind {kind} (symbol {symbol}), which is not known here")]
    RelocationKind {
        /// The number of the kind, as in the architecture's ELF supplement.
        kind: u32,
        /// The number of the symbol.
        symbol: u32,
    },
    /// A relocation against a symbol that is not in the symbol table.
    #[error(
        "a kernel with a relocation against its symbol {symbol}, which it does not have: damaged, or changed after it was built"
    )]
    RelocationSymbol {
        /// The number of the symbol.
        symbol: u32,
    },
    /// The relocations fit the image at no address.
    #[error(
        "a kernel with {count} relocations that fit it at no address: damaged, or changed after it was built"
    )]
    Relocations {
        /// The number of relocations.
        count: usize,
    },
}
