//! Errors of opening a kernel.
//!
//! Each step of opening a kernel has its own error type.

use std::io;
use std::path::PathBuf;

use pmdscope_arches::Arch;

use super::compression::Compression;
use super::limits::{LARGEST, LAYERS};

/// Errors of opening a file as a kernel that can be run.
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
        /// The kind of thing at the path, such as `a folder`.
        what: &'static str,
    },
    /// The file is larger than the largest kernel.
    #[error(
        "{}: has {size} bytes, more than any kernel: {limit} are read at most; of a vmlinux with debug information give one without (objcopy --strip-debug), and its BTF by --types if it has none",
        .path.display()
    )]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The size of the file in bytes.
        size: u64,
        /// The largest accepted size in bytes.
        limit: u64,
    },
    /// No kernel can be extracted from the package.
    #[error("{}: {source}", .path.display())]
    Package {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: PackageError,
    },
    /// The file is not a boot image, or is damaged.
    #[error("{}: {source}", .path.display())]
    Boot {
        /// The file, followed by the path within it if it is a package.
        path: PathBuf,
        /// The reason.
        source: BootError,
    },
    /// The contents of the boot image are not a kernel, or are damaged.
    #[error("{}: {source}", .path.display())]
    Image {
        /// The file, followed by the path within it if it is a package.
        path: PathBuf,
        /// The reason.
        source: ImageError,
    },
}

/// Errors of extracting the kernel from a package.
#[derive(Debug, thiserror::Error)]
pub enum PackageError {
    /// An `ar` archive is not a Debian package. The field names its first member.
    #[error("an ar archive, but not a Debian package: it begins with '{0}', not with 'debian-binary'")]
    NotDebian(String),
    /// The package lacks a part, or has it in the wrong order or form.
    #[error("{kind} without {part}")]
    Without {
        /// The kind of package.
        kind: &'static str,
        /// The missing part.
        part: &'static str,
    },
    /// A part has a compression that neither dpkg nor rpm writes.
    #[error("{kind} whose {member} is compressed in no way known here: xz, zstd, gzip, bzip2 and lzma are")]
    Compression {
        /// The kind of package.
        kind: &'static str,
        /// The compressed part.
        member: String,
    },
    /// The package ends within a part.
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
    /// The package does not contain a kernel.
    #[error("{package} holds no kernel{}", hint(.nearest, .depends))]
    NoKernel {
        /// The package's name and version.
        package: Box<str>,
        /// The path in the package that is most similar to a kernel's.
        nearest: Option<String>,
        /// A dependency of the package whose name is that of a kernel package.
        depends: Option<String>,
    },
    /// The kernel in the package is larger than the largest kernel.
    #[error("{path} in the package has {size} bytes, more than any kernel: {limit} are read at most")]
    TooLarge {
        /// The path in the package.
        path: String,
        /// The size of the file in bytes.
        size: u64,
        /// The largest accepted size in bytes.
        limit: u64,
    },
    /// The payload of an RPM package is not a cpio archive, as in a delta package. The field names its format.
    #[error("an RPM package whose payload is of the kind '{0}', not cpio: take the whole package")]
    Payload(String),
}

/// Returns the end of the message of [`PackageError::NoKernel`]: the package to take instead.
fn hint(nearest: &Option<String>, depends: &Option<String>) -> String {
    match (depends, nearest) {
        (Some(depends), _) => format!(", but depends on {depends}: take that package"),
        (None, Some(nearest)) => {
            format!(" (nearest: {nearest}): take a package with boot/vmlinuz-* or lib/modules/*/vmlinuz")
        }
        (None, None) => ": take a package with boot/vmlinuz-* or lib/modules/*/vmlinuz".to_owned(),
    }
}

/// Errors of unpacking the kernel of a boot image.
#[derive(Debug, thiserror::Error)]
pub enum BootError {
    /// The format of the file is unknown. The field shows its first bytes.
    #[error(
        "not a kernel image or package: begins with {0}; give a vmlinuz, a vmlinux, or the .deb or .rpm of a kernel"
    )]
    Unknown(String),
    /// The file is empty.
    #[error("an empty file: give a vmlinuz, a vmlinux, or the .deb or .rpm of a kernel")]
    Empty,
    /// The boot image has a 32-bit kernel. The field names its format.
    #[error("a 32-bit kernel ({0}): only 64-bit ones can be run")]
    Bits32(&'static str),
    /// The file ends within its header.
    #[error("{format} is cut off: its header ends at byte {at:#x}")]
    Header {
        /// The format of the file.
        format: &'static str,
        /// The length of the file in bytes.
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
        /// The length of the file in bytes.
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
    /// No payload of an s390x boot image unpacks to a kernel.
    #[error("an s390x boot image without a compressed kernel in it ({tried} places looked like one)")]
    NoPayload {
        /// The number of places that were tried.
        tried: usize,
    },
    /// The boot format, byte order or compression is not supported.
    #[error("{0}")]
    Unsupported(&'static str),
    /// The boot image has more layers of compression than any kernel. The field lists them.
    #[error("compressed more than {LAYERS} times, which no kernel is: {0}")]
    TooDeep(String),
}

/// Errors of unpacking compressed data.
///
/// Offsets count bytes from the start of the data.
#[derive(Debug, thiserror::Error)]
pub enum UnpackError {
    /// The data ends too early.
    #[error("{compression} data is cut off after {at:#x} bytes")]
    Truncated {
        /// The compression.
        compression: Compression,
        /// The number of bytes before the end.
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
    /// The data unpacks to more bytes than any kernel has.
    #[error("{compression} data unpacks to more than {limit} bytes, which no kernel does")]
    TooLarge {
        /// The compression.
        compression: Compression,
        /// The largest accepted size in bytes, unpacked.
        limit: u64,
    },
}

/// Errors of laying out a kernel as a memory image.
#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    /// The ELF file ends too early, or a field points outside the file.
    #[error("damaged ELF file, in its {part}: {source}")]
    Damaged {
        /// The part that was being read.
        part: &'static str,
        /// The reader's error.
        source: goblin::error::Error,
    },
    /// The entries of a table do not have the size that ELF defines.
    #[error("damaged ELF file: an entry of its {table} takes {found} bytes instead of {wanted}")]
    EntrySize {
        /// The table.
        table: &'static str,
        /// The size in the file, in bytes.
        found: u64,
        /// The size that ELF defines, in bytes.
        wanted: u64,
    },
    /// The ELF file is 32-bit. The field names its architecture.
    #[error("a 32-bit ELF file for {0}: only 64-bit kernels can be run")]
    Bits32(&'static str),
    /// The ELF file is for an unknown architecture, which the field names.
    #[error("an ELF file for {0}, whose kernels cannot be run: those of {known} can", known = Arch::ALL.map(Arch::name).join(", "))]
    Machine(String),
    /// The ELF file is not linked. The field names its type.
    #[error("an ELF file that is not a linked kernel (its type is {0}): give the vmlinux or vmlinuz itself")]
    Type(&'static str),
    /// The memory image has no kernel banner. The field names the file's form.
    #[error("{0} that is not a kernel: there is no 'Linux version' in it")]
    NoBanner(&'static str),
    /// The bytes of a segment lie outside the file, or exceed the segment's memory.
    #[error(
        "damaged ELF file: the segment at {address:#x} takes {bytes:#x} bytes at {offset:#x} of a file of {length:#x}, and {size:#x} in memory"
    )]
    SegmentOutside {
        /// The segment's address.
        address: u64,
        /// The offset of its bytes in the file.
        offset: u64,
        /// The number of bytes in the file.
        bytes: u64,
        /// The size of the segment in memory, in bytes.
        size: u64,
        /// The length of the file in bytes.
        length: u64,
    },
    /// Two segments overlap.
    #[error("damaged ELF file: the segments at {first:#x} and {second:#x} overlap")]
    SegmentsOverlap {
        /// The address of the lower segment.
        first: u64,
        /// The address of the upper segment.
        second: u64,
    },
    /// The kernel takes more memory than the largest kernel.
    #[error("a kernel that takes {size:#x} bytes of memory, more than {LARGEST:#x}: damaged, or not one")]
    TooLarge {
        /// The size in memory in bytes.
        size: u64,
    },
    /// A relocation has an unknown kind.
    #[error("a kernel with a relocation of kind {kind} (symbol {symbol}), which is not known here")]
    RelocationKind {
        /// The number of the kind, as in the architecture's ELF supplement.
        kind: u32,
        /// The number of the symbol.
        symbol: u32,
    },
    /// A relocation refers to a symbol that the symbol table does not have.
    #[error(
        "a kernel with a relocation against its symbol {symbol}, which it does not have: damaged, or changed after it was built"
    )]
    RelocationSymbol {
        /// The number of the symbol.
        symbol: u32,
    },
    /// The relocations do not fit the image at any address.
    #[error(
        "a kernel with {count} relocations that fit it at no address: damaged, or changed after it was built"
    )]
    Relocations {
        /// The number of relocations.
        count: usize,
    },
}
