//! A distribution's kernel, opened: from a package or boot image to memory as the kernel's own code
//! expects it.
//!
//! [`KernelFile::open`] does it all. What it gives is the same each time for the same file, whether it
//! comes from a [`Cache`] or not.

mod boot;
mod btf;
mod build_id;
mod cache;
mod decompress;
mod dynamic;
mod flat;
mod loaded;
mod package;
mod release;
mod relocation;
mod rpm;
#[cfg(test)]
mod tests;
mod without_btf;

use std::io::{self, BufReader, Read, Seek};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::files;

pub use boot::BootError;
pub use btf::{BtfPlace, Parameter, Prototype, Types, TypesError};
pub use cache::{Cache, CacheError, Key};
pub use decompress::{Compression, UnpackError};
pub use flat::{Flat, FlatError, PerCpu, Section, Segment, SegmentKind, Symbol, SymbolKind};
pub use loaded::{Found, Kernel, LoadError, Memory};
pub use package::{Package, PackageError, PackageKind};
pub use release::Release;
pub use relocation::Base;

/// What a file, a file in a package, or anything unpacked may have, in bytes. The largest kernel seen
/// has 66 MB; one with debug information can have more than this, and is not taken.
pub const LIMIT: u64 = 512 << 20;

/// The name of the cache's entries.
const ENTRY: &str = "image";

/// A kernel out of its file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KernelFile {
    /// The package that it was in.
    pub package: Option<Package>,
    /// The form of the boot image, from the outside in, such as `bzImage, xz, ELF`.
    pub format: String,
    /// The SHA-256 of the boot image, in hexadecimal: of the file, or of the one in the package.
    pub sha256: String,
    /// Which Linux it is.
    pub release: Release,
    /// Its GNU build ID, in hexadecimal, if it has one.
    pub build_id: Option<String>,
    /// The kernel in memory.
    pub flat: Flat,
    /// Where its description of its types is, if it has one.
    pub btf: Option<BtfPlace>,
}

/// A kernel, and how it was had.
#[derive(Debug)]
pub struct Opened {
    /// The kernel.
    pub kernel: KernelFile,
    /// What it is in the cache by, if there is one. Whatever else is made from the kernel can be kept
    /// under the same key.
    pub key: Option<Key>,
    /// Whether it comes from the cache.
    pub cached: bool,
    /// What was wrong with the cache. Nothing else is.
    pub notes: Vec<CacheError>,
}

/// Why a file is no kernel that can be run.
#[derive(Debug, thiserror::Error)]
pub enum KernelError {
    /// It cannot be read.
    #[error("{}: {source}", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Something that has no end or no bytes.
    #[error("{}: {what}, not a file: give a vmlinuz, a vmlinux, or the .deb or .rpm of a kernel", .path.display())]
    NotFile {
        /// What was given.
        path: PathBuf,
        /// What it is.
        what: &'static str,
    },
    /// Larger than any kernel.
    #[error("{}: has {size} bytes, more than any kernel: {limit} are read at most", .path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// How large it is.
        size: u64,
        /// What is allowed.
        limit: u64,
    },
    /// A package without a kernel that can be had.
    #[error("{}: {source}", .path.display())]
    Package {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: PackageError,
    },
    /// Not a boot image, or a damaged one.
    #[error("{}: {source}", .path.display())]
    Boot {
        /// The file, and within a package which one in it.
        path: PathBuf,
        /// Why not.
        source: BootError,
    },
    /// Not a kernel.
    #[error("{}: {source}", .path.display())]
    Flat {
        /// The file, and within a package which one in it.
        path: PathBuf,
        /// Why not.
        source: FlatError,
    },
}

impl KernelFile {
    /// Opens a package or boot image, whatever it is called: its content says what it is. With a cache,
    /// what was opened before is not unpacked again.
    pub fn open(path: &Path, cache: Option<&Cache>) -> Result<Opened, KernelError> {
        let read = |source| KernelError::Read { path: path.to_owned(), source };
        let no_file = |what| Err(KernelError::NotFile { path: path.to_owned(), what });
        let mut file = match files::open(path).map_err(read)? {
            files::Opened::File(file) => file,
            files::Opened::Folder => return no_file("a folder"),
            files::Opened::Device => return no_file("a device or pipe"),
        };
        let Some(cache) = cache else {
            let kernel = KernelFile::unpack(path, file, LIMIT)?;
            return Ok(Opened { kernel, key: None, cached: false, notes: Vec::new() });
        };
        let key = Key::of(&mut file).map_err(read)?;
        file.rewind().map_err(read)?;
        let mut notes = Vec::new();
        match cache.load(&key, ENTRY) {
            Ok(None) => (),
            Ok(Some(parts)) => match KernelFile::from_parts(parts) {
                Some(kernel) => return Ok(Opened { kernel, key: Some(key), cached: true, notes }),
                None => notes.push(CacheError::Damaged {
                    file: cache.path(&key, ENTRY),
                    what: "it does not have the parts of a kernel".to_owned(),
                }),
            },
            Err(note) => notes.push(note),
        }
        let kernel = KernelFile::unpack(path, file, LIMIT)?;
        let stored = kernel.description().map(|description| {
            let segments = kernel.flat.segments.iter().map(|segment| &segment.bytes[..]);
            let parts: Vec<_> = std::iter::once(&description[..]).chain(segments).collect();
            cache.store(&key, ENTRY, &parts)
        });
        notes.extend(stored.and_then(Result::err));
        Ok(Opened { kernel, key: Some(key), cached: false, notes })
    }

    /// Opens a package or boot image that is in memory, of which nothing may have or unpack to more than
    /// `limit` bytes. Errors call it `-`.
    pub fn from_bytes(bytes: &[u8], limit: u64) -> Result<KernelFile, KernelError> {
        KernelFile::unpack(Path::new("-"), io::Cursor::new(bytes), limit)
    }

    /// Its description of its types, as bytes.
    pub fn btf(&self) -> Option<&[u8]> {
        let BtfPlace { segment, offset, length } = self.btf?;
        self.flat.segments.get(segment)?.bytes.get(offset..offset.checked_add(length)?)
    }

    /// Its types, if it describes them. This takes some 50 ms.
    pub fn types(&self) -> Option<Result<Types, TypesError>> {
        self.btf().map(Types::parse)
    }

    fn unpack(path: &Path, mut file: impl Read + Seek, limit: u64) -> Result<KernelFile, KernelError> {
        let read = |source| KernelError::Read { path: path.to_owned(), source };
        let mut begin = Vec::new();
        file.by_ref().take(package::AR.len() as u64).read_to_end(&mut begin).map_err(read)?;
        let wrong = |source| KernelError::Package { path: path.to_owned(), source };
        if begin.starts_with(package::AR) {
            file.rewind().map_err(read)?;
            let (package, bytes) = package::from_deb(BufReader::new(file), limit).map_err(wrong)?;
            return KernelFile::from_boot(path, Some(package), bytes, limit);
        }
        if begin.starts_with(rpm::MAGIC) {
            file.rewind().map_err(read)?;
            let (package, bytes) = rpm::from_rpm(BufReader::new(file), limit).map_err(wrong)?;
            return KernelFile::from_boot(path, Some(package), bytes, limit);
        }
        let size = file.seek(io::SeekFrom::End(0)).map_err(read)?;
        if size > limit {
            return Err(KernelError::TooLarge { path: path.to_owned(), size, limit });
        }
        file.rewind().map_err(read)?;
        let mut bytes = Vec::new();
        file.take(limit).read_to_end(&mut bytes).map_err(read)?;
        KernelFile::from_boot(path, None, bytes, limit)
    }

    fn from_boot(
        path: &Path,
        package: Option<Package>,
        bytes: Vec<u8>,
        limit: u64,
    ) -> Result<KernelFile, KernelError> {
        let path = package.as_ref().map_or(path.to_owned(), |package| path.join(&package.kernel));
        let sha256 = hex::encode(Sha256::digest(&bytes));
        let unpacked =
            boot::unpack(bytes, limit).map_err(|source| KernelError::Boot { path: path.clone(), source })?;
        let wrong = |source| KernelError::Flat { path, source };
        let format = unpacked.format.clone();
        let what = match unpacked.kind {
            boot::Kind::Elf => "an ELF file",
            boot::Kind::Flat { .. } => "an image",
        };
        let (flat, release) = Flat::new(unpacked)
            .and_then(|flat| {
                let release = flat.segments.iter().find_map(|segment| Release::find(&segment.bytes));
                Ok((flat, release.ok_or(FlatError::NoBanner(what))?))
            })
            .map_err(wrong)?;
        let btf = btf::find(&flat);
        let build_id = build_id::find(&flat);
        Ok(KernelFile { package, format, sha256, release, build_id, flat, btf })
    }

    /// All but the bytes of its segments, as it is kept in the cache.
    fn description(&self) -> Option<Vec<u8>> {
        postcard::to_stdvec(self).ok()
    }

    /// What the cache kept, put together.
    fn from_parts(parts: Vec<Vec<u8>>) -> Option<KernelFile> {
        let mut parts = parts.into_iter();
        let mut kernel: KernelFile = postcard::from_bytes(&parts.next()?).ok()?;
        let segments = &mut kernel.flat.segments;
        if parts.len() != segments.len() {
            return None;
        }
        for (segment, bytes) in segments.iter_mut().zip(parts) {
            if bytes.len() as u64 > segment.size {
                return None;
            }
            segment.bytes = bytes;
        }
        Some(kernel)
    }
}
