//! The cache of unpacked kernels, kept from one run to the next.
//!
//! The name of an entry's file contains the hash of the kernel's file. An entry can therefore be damaged or left
//! over, but never out of date. A process writes an entry under another name and then renames it, so no process
//! reads half an entry. Two processes that make the same entry at once both do the work, and either result stays.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use etcetera::BaseStrategy;
use sha2::{Digest, Sha256};

use super::limits::LIMIT;
use crate::files::{self, Opened};

/// The version of the entry format.
///
/// It changes whenever the same input produces different entries, or the form of entries changes.
const FORMAT: u32 = 3;
/// The first bytes of an entry.
const MAGIC: [u8; 8] = *b"pmdscope";
/// The prefix of the names of unfinished files.
const UNFINISHED: &str = ".unfinished-";
/// The age at which an unfinished file counts as abandoned.
///
/// The process that wrote such a file was killed.
const ABANDONED: Duration = Duration::from_secs(24 * 60 * 60);
/// The most parts of an entry. It bounds the memory that a damaged entry can request.
const PARTS: u32 = 1 << 16;
/// The most bytes of an entry.
///
/// A larger file consists mostly of holes.
const BYTES: u64 = 2 * LIMIT;

/// A cache: a folder of entries.
#[derive(Debug, Clone)]
pub struct Cache {
    folder: PathBuf,
}

/// The key of an entry: the SHA-256 of the kernel's file.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Key(String);

/// Errors of the cache. Everything works without a cache, only slower.
#[derive(Debug, thiserror::Error)]
pub enum CacheError {
    /// The environment does not name a folder.
    #[error("nothing is cached: neither XDG_CACHE_HOME nor HOME is set")]
    NoFolder,
    /// An entry cannot be written.
    #[error("nothing is cached: {} cannot be written to: {source}", .folder.display())]
    NotWritten {
        /// The folder of the cache.
        folder: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// An entry exists, but cannot be read.
    #[error("the cached {} is damaged ({what}), and made anew", .file.display())]
    Damaged {
        /// The entry's file.
        file: PathBuf,
        /// A description of the damage.
        what: String,
    },
}

impl Cache {
    /// Returns the user's cache: `pmdscope` in `$XDG_CACHE_HOME`, or else in `~/.cache`.
    ///
    /// Storing the first entry creates the folder.
    ///
    /// # Errors
    /// [`CacheError::NoFolder`] if neither `XDG_CACHE_HOME` nor `HOME` is set.
    pub fn of_user() -> Result<Cache, CacheError> {
        // Without either variable, the library would ask the system for the user's home.
        let named = |variable| std::env::var_os(variable).is_some_and(|folder| !folder.is_empty());
        if !named("XDG_CACHE_HOME") && !named("HOME") {
            return Err(CacheError::NoFolder);
        }
        let folders = etcetera::base_strategy::Xdg::new().map_err(|_| CacheError::NoFolder)?;
        Ok(Cache::in_folder(folders.cache_dir().join("pmdscope")))
    }

    /// Returns a cache in a folder. Storing the first entry creates the folder.
    pub fn in_folder(folder: impl Into<PathBuf>) -> Cache {
        Cache { folder: folder.into() }
    }

    /// Returns the folder of the cache.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Loads the parts that [`Cache::store`] stored for a file under a name, if any.
    ///
    /// # Errors
    /// [`CacheError::Damaged`] if the entry is damaged. The caller should make it again and store it.
    pub fn load(&self, key: &Key, name: &str) -> Result<Option<Vec<Vec<u8>>>, CacheError> {
        let path = self.path(key, name);
        let read = match files::open(&path) {
            Ok(Opened::File(mut file)) => read(&mut file).map_err(|error| error.to_string()),
            Ok(_) => Err("it is no file".to_owned()),
            Err(_) => return Ok(None),
        };
        read.map(Some).map_err(|what| CacheError::Damaged { file: path, what })
    }

    /// Stores parts for a file under a name.
    ///
    /// The name identifies the kind of entry, such as `image`.
    ///
    /// # Errors
    /// [`CacheError::NotWritten`] if the entry cannot be written.
    pub fn store(&self, key: &Key, name: &str, parts: &[&[u8]]) -> Result<(), CacheError> {
        self.write(&self.path(key, name), parts)
            .map_err(|source| CacheError::NotWritten { folder: self.folder.clone(), source })
    }

    /// Returns the path of an entry's file.
    pub(super) fn path(&self, key: &Key, name: &str) -> PathBuf {
        self.folder.join(format!("{key}-{FORMAT}.{name}"))
    }

    fn write(&self, path: &Path, parts: &[&[u8]]) -> io::Result<()> {
        fs::create_dir_all(&self.folder)?;
        self.remove_abandoned();
        let file = tempfile::Builder::new().prefix(UNFINISHED).tempfile_in(&self.folder)?;
        let mut to = BufWriter::new(file);
        let header = header(parts);
        let mut checksum = crc32fast::Hasher::new();
        for bytes in [&header[..]].iter().chain(parts) {
            checksum.update(bytes);
            to.write_all(bytes)?;
        }
        to.write_all(&checksum.finalize().to_le_bytes())?;
        to.into_inner()?.persist(path)?;
        Ok(())
    }

    /// Removes the unfinished files of processes that were killed.
    fn remove_abandoned(&self) {
        for entry in fs::read_dir(&self.folder).into_iter().flatten().flatten() {
            let unfinished = entry.file_name().to_string_lossy().starts_with(UNFINISHED);
            let age = entry.metadata().and_then(|data| data.modified()).ok().and_then(|at| at.elapsed().ok());
            if unfinished && age.is_some_and(|age| age > ABANDONED) {
                // If the file is gone, another process has removed it.
                let _ = fs::remove_file(entry.path());
            }
        }
    }
}

impl Key {
    /// Computes the key of a file, from the current position to the end.
    ///
    /// # Errors
    /// The reader's error if the file cannot be read.
    pub fn of(file: &mut impl Read) -> io::Result<Key> {
        let mut hash = Sha256::new();
        let mut buffer = vec![0; 1 << 18];
        loop {
            match file.read(&mut buffer) {
                Ok(0) => return Ok(Key(hex::encode(hash.finalize()))),
                Ok(taken) => hash.update(&buffer[..taken]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => (),
                Err(error) => return Err(error),
            }
        }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Returns the header of an entry: magic, format, number of parts, and their lengths.
///
/// All numbers are little-endian. The parts follow the header, and then a CRC-32 of header and parts.
fn header(parts: &[&[u8]]) -> Vec<u8> {
    let mut header = MAGIC.to_vec();
    header.extend(FORMAT.to_le_bytes());
    header.extend((parts.len() as u32).to_le_bytes());
    header.extend(parts.iter().flat_map(|part| (part.len() as u64).to_le_bytes()));
    header
}

/// Reads the parts of an entry, and verifies its lengths and checksum.
fn read(file: &mut File) -> io::Result<Vec<Vec<u8>>> {
    let wrong = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what);
    let size = file.metadata()?.len();
    let mut checksum = crc32fast::Hasher::new();
    let mut begin = [0; 16];
    file.read_exact(&mut begin)?;
    checksum.update(&begin);
    let count = u32::from_le_bytes([begin[12], begin[13], begin[14], begin[15]]);
    if begin[..8] != MAGIC || begin[8..12] != FORMAT.to_le_bytes() || count > PARTS {
        return Err(wrong("its header is of something else"));
    }
    let mut lengths = vec![0; count as usize * 8];
    file.read_exact(&mut lengths)?;
    checksum.update(&lengths);
    let (lengths, _) = lengths.as_chunks();
    let lengths: Vec<_> = lengths.iter().map(|length| u64::from_le_bytes(*length)).collect();
    let whole =
        lengths.iter().fold(16 + lengths.len() as u64 * 8 + 4, |sum, length| sum.saturating_add(*length));
    if whole != size {
        return Err(wrong("its length is not what its header says"));
    }
    if size > BYTES {
        return Err(wrong("it is larger than any"));
    }
    let mut parts = Vec::new();
    for length in lengths {
        let mut part = Vec::new();
        // The lengths match the file's size, so no part needs more memory than the file has bytes.
        part.reserve_exact(usize::try_from(length).map_err(io::Error::other)?);
        Read::by_ref(file).take(length).read_to_end(&mut part)?;
        checksum.update(&part);
        parts.push(part);
    }
    let mut end = [0; 4];
    file.read_exact(&mut end)?;
    if u32::from_le_bytes(end) != checksum.finalize() {
        return Err(wrong("its checksum is not right"));
    }
    Ok(parts)
}
