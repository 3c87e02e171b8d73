//! Unpacked kernels, kept from one run to the next.
//!
//! The name of an entry's file has the hash of what the entry was made from, so an entry cannot be out of date, only
//! damaged or left over. An entry is written under another name and then renamed, so no process reads half of one. Two
//! processes that make the same entry do the work twice, and either result stays.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use etcetera::BaseStrategy;
use sha2::{Digest, Sha256};

use super::limits::LIMIT;
use crate::files::{self, Opened};

/// The version of the entries.
///
/// It changes whenever the same input gives other entries, or their form changes.
const FORMAT: u32 = 3;
/// The start of an entry.
const MAGIC: [u8; 8] = *b"pmdscope";
/// The start of the name of a file that is being written.
const UNFINISHED: &str = ".unfinished-";
/// The age at which an unfinished file is abandoned.
///
/// The process that wrote it was killed.
const ABANDONED: Duration = Duration::from_secs(24 * 60 * 60);
/// The most parts of an entry. A damaged entry must not ask for more memory.
const PARTS: u32 = 1 << 16;
/// The most bytes of an entry.
///
/// A larger one is a file that consists mostly of holes.
const BYTES: u64 = 2 * LIMIT;

/// A folder of entries.
#[derive(Debug, Clone)]
pub struct Cache {
    folder: PathBuf,
}

/// The key of an entry: the SHA-256 of the file it is made from.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Key(String);

/// Why the cache is not used. All works without a cache, only slower.
#[derive(Debug, thiserror::Error)]
pub enum CacheError {
    /// The environment names no folder.
    #[error("nothing is cached: neither XDG_CACHE_HOME nor HOME is set")]
    NoFolder,
    /// No entry can be written.
    #[error("nothing is cached: {} cannot be written to: {source}", .folder.display())]
    NotWritten {
        /// The folder of the cache.
        folder: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// An entry cannot be read, though it is there.
    #[error("the cached {} is damaged ({what}), and made anew", .file.display())]
    Damaged {
        /// The entry's file.
        file: PathBuf,
        /// The damage.
        what: String,
    },
}

impl Cache {
    /// The user's cache: `pmdscope` in `$XDG_CACHE_HOME`, or else in `~/.cache`.
    ///
    /// The folder is made with its first entry.
    ///
    /// # Errors
    /// If the environment names neither.
    pub fn of_user() -> Result<Cache, CacheError> {
        // Without either the library would ask the system for the user's home.
        let named = |variable| std::env::var_os(variable).is_some_and(|folder| !folder.is_empty());
        if !named("XDG_CACHE_HOME") && !named("HOME") {
            return Err(CacheError::NoFolder);
        }
        let folders = etcetera::base_strategy::Xdg::new().map_err(|_| CacheError::NoFolder)?;
        Ok(Cache::in_folder(folders.cache_dir().join("pmdscope")))
    }

    /// A cache in a folder, which is made with its first entry.
    pub fn in_folder(folder: impl Into<PathBuf>) -> Cache {
        Cache { folder: folder.into() }
    }

    /// The folder of the cache.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The parts that [`Cache::store`] kept under a name for a file, if any.
    ///
    /// # Errors
    /// If the entry is damaged. It should be made and stored again.
    pub fn load(&self, key: &Key, name: &str) -> Result<Option<Vec<Vec<u8>>>, CacheError> {
        let path = self.path(key, name);
        let read = match files::open(&path) {
            Ok(Opened::File(mut file)) => read(&mut file).map_err(|error| error.to_string()),
            Ok(_) => Err("it is no file".to_owned()),
            Err(_) => return Ok(None),
        };
        read.map(Some).map_err(|what| CacheError::Damaged { file: path, what })
    }

    /// Keeps parts under a name, for a file.
    ///
    /// The name is that of a kind of entry, such as `image`.
    ///
    /// # Errors
    /// If the entry cannot be written.
    pub fn store(&self, key: &Key, name: &str, parts: &[&[u8]]) -> Result<(), CacheError> {
        self.write(&self.path(key, name), parts)
            .map_err(|source| CacheError::NotWritten { folder: self.folder.clone(), source })
    }

    /// The file of an entry.
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
                // If it is gone, another process has removed it.
                let _ = fs::remove_file(entry.path());
            }
        }
    }
}

impl Key {
    /// The key of a file, which is read from its position to its end.
    ///
    /// # Errors
    /// If the file cannot be read.
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

/// The header of an entry: magic, format, number of parts, and their lengths.
///
/// All numbers are little-endian. The parts follow, and then a CRC-32 of all before it.
fn header(parts: &[&[u8]]) -> Vec<u8> {
    let mut header = MAGIC.to_vec();
    header.extend(FORMAT.to_le_bytes());
    header.extend((parts.len() as u32).to_le_bytes());
    header.extend(parts.iter().flat_map(|part| (part.len() as u64).to_le_bytes()));
    header
}

/// Reads the parts of an entry.
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
        // The file has as much, so this is no more memory than there is to read.
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
