//! Opening a kernel's file: from a package or boot image to the memory image.

use std::io::{self, BufReader, Read, Seek};
use std::path::Path;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::boot::{self, PayloadKind};
use super::build_id;
use super::cache::{Cache, CacheError, Key};
use super::error::{ImageError, KernelError};
use super::image::MemoryImage;
use super::layout::lay_out;
use super::limits::LIMIT;
use super::package::{self, Package};
use super::release::Release;
use super::types::{BtfPlace, Types, TypesError};
use crate::files::{self, Opened};

/// The name of cache entries for kernels.
const ENTRY: &str = "image";

/// A kernel as unpacked from its file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KernelFile {
    /// The package that contains the boot image, if the file is a package.
    pub package: Option<Package>,
    /// The form of the boot image, from the outside in, such as `bzImage, xz, ELF`.
    pub format: String,
    /// The SHA-256 of the boot image, in hexadecimal.
    pub sha256: String,
    /// The release of Linux.
    pub release: Release,
    /// The GNU build ID in hexadecimal, if the kernel has exactly one.
    pub build_id: Option<String>,
    /// The memory image.
    pub flat: MemoryImage,
    /// The place of the types (BTF) in the memory image, if the kernel has them.
    pub btf: Option<BtfPlace>,
}

/// An opened kernel, and the role of the cache in opening it.
#[derive(Debug)]
pub struct OpenedKernel {
    /// The kernel.
    pub kernel: KernelFile,
    /// The kernel's key in the cache, if there is a cache.
    ///
    /// Other data made from the kernel can be stored under the same key.
    pub key: Option<Key>,
    /// Whether the kernel comes from the cache.
    pub cached: bool,
    /// The problems with the cache. They do not affect the kernel.
    pub notes: Vec<CacheError>,
}

impl KernelFile {
    /// Opens a package or boot image. Its first bytes determine its format; its name does not matter.
    ///
    /// With a cache, a file that was opened before is not unpacked again.
    ///
    /// # Errors
    /// [`KernelError::Read`] if the file cannot be read, [`KernelError::NotFile`] if the path leads to a folder or
    /// device, and another [`KernelError`] if the file is not a kernel that can be run.
    pub fn open(path: &Path, cache: Option<&Cache>) -> Result<OpenedKernel, KernelError> {
        let read = |source| KernelError::Read { path: path.to_owned(), source };
        let not_file = |what| Err(KernelError::NotFile { path: path.to_owned(), what });
        let mut file = match files::open(path).map_err(read)? {
            Opened::File(file) => file,
            Opened::Folder => return not_file("a folder"),
            Opened::Device => return not_file("a device or pipe"),
        };
        let Some(cache) = cache else {
            let kernel = KernelFile::unpack(path, file, LIMIT)?;
            return Ok(OpenedKernel { kernel, key: None, cached: false, notes: Vec::new() });
        };
        let key = Key::of(&mut file).map_err(read)?;
        file.rewind().map_err(read)?;
        let mut notes = Vec::new();
        match cache.load(&key, ENTRY) {
            Ok(None) => (),
            Ok(Some(parts)) => match KernelFile::from_parts(parts) {
                Some(kernel) => return Ok(OpenedKernel { kernel, key: Some(key), cached: true, notes }),
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
        Ok(OpenedKernel { kernel, key: Some(key), cached: false, notes })
    }

    /// Opens a package or boot image in memory. Errors call it `-`.
    ///
    /// # Errors
    /// [`KernelError`] if the bytes are not a kernel that can be run, or if the boot image or anything unpacked from
    /// it exceeds `limit` bytes.
    pub fn from_bytes(bytes: &[u8], limit: u64) -> Result<KernelFile, KernelError> {
        KernelFile::unpack(Path::new("-"), io::Cursor::new(bytes), limit)
    }

    /// Returns the bytes of the types (BTF), if the kernel has them.
    pub fn btf(&self) -> Option<&[u8]> {
        let BtfPlace { segment, offset, length } = self.btf?;
        self.flat.segments.get(segment)?.bytes.get(offset..offset.checked_add(length)?)
    }

    /// Parses the types (BTF), if the kernel has them. This takes some 50 ms.
    pub fn types(&self) -> Option<Result<Types, TypesError>> {
        self.btf().map(Types::parse)
    }

    /// Unpacks a package or boot image. Errors call it `path`.
    fn unpack(path: &Path, mut file: impl Read + Seek, limit: u64) -> Result<KernelFile, KernelError> {
        let read = |source| KernelError::Read { path: path.to_owned(), source };
        let mut begin = Vec::new();
        file.by_ref().take(package::MAGIC_LENGTH as u64).read_to_end(&mut begin).map_err(read)?;
        if let Some(kind) = package::kind_of(&begin) {
            file.rewind().map_err(read)?;
            let (package, bytes) = package::read_kernel(kind, BufReader::new(file), limit)
                .map_err(|source| KernelError::Package { path: path.to_owned(), source })?;
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

    /// Unpacks a boot image and lays out its kernel.
    fn from_boot(
        path: &Path,
        package: Option<Package>,
        bytes: Vec<u8>,
        limit: u64,
    ) -> Result<KernelFile, KernelError> {
        let path = package.as_ref().map_or(path.to_owned(), |package| path.join(&package.kernel));
        let sha256 = hex::encode(Sha256::digest(&bytes));
        let payload =
            boot::unpack(bytes, limit).map_err(|source| KernelError::Boot { path: path.clone(), source })?;
        let format = payload.format.clone();
        let what = match payload.kind {
            PayloadKind::Elf => "an ELF file",
            PayloadKind::Flat { .. } => "an image",
        };
        let (flat, release) = lay_out(payload)
            .and_then(|image| {
                let release = image.segments.iter().find_map(|segment| Release::find(&segment.bytes));
                Ok((image, release.ok_or(ImageError::NoBanner(what))?))
            })
            .map_err(|source| KernelError::Image { path, source })?;
        let btf = BtfPlace::find(&flat);
        let build_id = build_id::find(&flat);
        Ok(KernelFile { package, format, sha256, release, build_id, flat, btf })
    }

    /// Serialises the kernel for the cache, without the bytes of its segments.
    fn description(&self) -> Option<Vec<u8>> {
        postcard::to_stdvec(self).ok()
    }

    /// Restores a kernel from the parts of its cache entry.
    ///
    /// The parts are the kernel's description, then the bytes of each segment. `None` if they do not fit together.
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
