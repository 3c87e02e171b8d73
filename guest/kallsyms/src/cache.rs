//! The file format of cached symbols.
//!
//! All numbers are little-endian. A header of [`HEADER`] bytes holds [`MAGIC`], the version (`u32`), the number of
//! symbols (`u32`), the length of all names in bytes (`u64`), and the [`checksum`] (`u64`) of everything after the
//! header mixed with the fields before it. Then follow the columns, each with the values of all symbols: addresses
//! (`u64`), the order by name (`u32`), lengths of names (`u16`), letters (`u8`), and the names.

use crate::columns::Columns;
use crate::symbols::Symbols;

/// The first bytes of the file.
const MAGIC: &[u8; 8] = b"pmdsyms\n";
/// The version of the format.
const VERSION: u32 = 1;
/// The size of the header in bytes.
const HEADER: usize = 32;
/// The size of a symbol in bytes, without its name.
const PER_SYMBOL: usize = 8 + 4 + 2 + 1;

/// Errors of [`Symbols::from_bytes`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CacheError {
    /// The bytes do not begin with the magic.
    #[error("not a file of cached kernel symbols")]
    NotACache,
    /// Another version of this crate, with another format, wrote the bytes.
    #[error("cached kernel symbols of format {0}, not {VERSION}")]
    OtherVersion(u32),
    /// The bytes are cut off or changed.
    #[error("the cached kernel symbols are damaged")]
    Damaged,
}

impl Symbols {
    /// Returns the symbols as bytes for a cache, the same on each machine.
    ///
    /// [`from_bytes`](Self::from_bytes) reads them in a fraction of the time that it takes to find the
    /// table in an image.
    pub fn to_bytes(&self) -> Vec<u8> {
        let columns = self.columns();
        let count = columns.addresses.len();
        let mut bytes = Vec::with_capacity(HEADER + count * PER_SYMBOL + columns.names.len());
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&VERSION.to_le_bytes());
        // A table has less than 2^32 bytes of names, and each name has at least one.
        bytes.extend_from_slice(&(count as u32).to_le_bytes());
        bytes.extend_from_slice(&(columns.names.len() as u64).to_le_bytes());
        bytes.extend_from_slice(&[0; 8]);
        bytes.extend(columns.addresses.iter().flat_map(|address| address.to_le_bytes()));
        bytes.extend(columns.by_name.iter().flat_map(|index| index.to_le_bytes()));
        bytes.extend(columns.lengths.iter().flat_map(|length| length.to_le_bytes()));
        bytes.extend_from_slice(&columns.kinds);
        bytes.extend_from_slice(columns.names);
        let sum = bytes.split_at_checked(HEADER).map_or(0, |(header, body)| checksum(header, body));
        if let Some(slot) = bytes.get_mut(HEADER - 8..HEADER) {
            slot.copy_from_slice(&sum.to_le_bytes());
        }
        bytes
    }

    /// Reads the symbols that [`to_bytes`](Self::to_bytes) wrote.
    ///
    /// # Errors
    ///
    /// [`CacheError`] for all other bytes. The check finds damage, not forgery: a forged file gives false
    /// symbols, but no panic.
    pub fn from_bytes(bytes: &[u8]) -> Result<Symbols, CacheError> {
        if !bytes.starts_with(MAGIC) {
            return Err(CacheError::NotACache);
        }
        let (header, body) = bytes.split_at_checked(HEADER).ok_or(CacheError::Damaged)?;
        let mut fields = header.as_chunks::<8>().0.iter().map(|&field| u64::from_le_bytes(field)).skip(1);
        let (Some(version_and_count), Some(names), Some(sum)) = (fields.next(), fields.next(), fields.next())
        else {
            return Err(CacheError::Damaged);
        };
        let version = version_and_count as u32; // The low half.
        if version != VERSION {
            return Err(CacheError::OtherVersion(version));
        }
        let count = (version_and_count >> 32) as usize;
        let expected = (count as u64 * PER_SYMBOL as u64).checked_add(names);
        if expected != Some(body.len() as u64) || sum != checksum(header, body) {
            return Err(CacheError::Damaged);
        }
        columns(body, count).and_then(Symbols::from_columns).ok_or(CacheError::Damaged)
    }
}

/// Returns the columns in the bytes after the header.
fn columns(body: &[u8], count: usize) -> Option<Columns<'_>> {
    let (addresses, rest) = body.split_at_checked(8 * count)?;
    let (by_name, rest) = rest.split_at_checked(4 * count)?;
    let (lengths, rest) = rest.split_at_checked(2 * count)?;
    let (kinds, names) = rest.split_at_checked(count)?;
    Some(Columns {
        addresses: addresses.as_chunks().0.iter().map(|&bytes| u64::from_le_bytes(bytes)).collect(),
        by_name: by_name.as_chunks().0.iter().map(|&bytes| u32::from_le_bytes(bytes)).collect(),
        lengths: lengths.as_chunks().0.iter().map(|&bytes| u16::from_le_bytes(bytes)).collect(),
        kinds: kinds.to_vec(),
        names,
    })
}

/// Returns the checksum over `body` and the fields of `header` before the checksum.
///
/// Each step is invertible for a given word, so a change within one word of eight bytes always changes
/// the checksum.
fn checksum(header: &[u8], body: &[u8]) -> u64 {
    let step = |sum: u64, word: u64| (sum ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29);
    let header = header.get(..HEADER - 8).unwrap_or_default();
    let mut sum = 0;
    for part in [header, body] {
        let (words, rest) = part.as_chunks::<8>();
        sum = words.iter().fold(sum, |sum, &word| step(sum, u64::from_le_bytes(word)));
        let mut last = [0; 8];
        last.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
        sum = step(sum, u64::from_le_bytes(last));
    }
    sum
}
