//! Reads the headers of RPM packages (RPM's manual, "Header format").
//!
//! All numbers are big-endian.

use std::io::{self, Read};

use super::read::{invalid_data, read_bytes};
use crate::kernel::text::printable;

/// The first bytes of a header: magic number and version.
const HEADER: &[u8] = &[0x8e, 0xad, 0xe8, 1];
/// The size of an index entry in bytes.
const ENTRY: usize = 16;
/// The most entries that RPM accepts (lib/header.c, `hdrchkTags`).
const ENTRIES: u32 = 0xffff;
/// The most bytes of tag data that are read.
///
/// Headers contain the names of all files, a few megabytes for the largest kernel packages.
const STORE: u32 = 64 << 20;

/// The data types of texts (RPM's manual, "Tag data types").
const STRING: u32 = 6;
const STRINGS: u32 = 8;

/// A header of an RPM package: an index of tags, and their data.
pub(super) struct Header {
    /// The entries: tag, data type, offset in the store, number of values.
    index: Vec<[u32; 4]>,
    store: Vec<u8>,
}

impl Header {
    /// Reads a header.
    ///
    /// # Errors
    /// [`io::ErrorKind::InvalidData`] if the header is malformed or larger than any, [`io::ErrorKind::UnexpectedEof`]
    /// if it is cut off.
    pub(super) fn read(file: &mut impl Read) -> io::Result<Header> {
        let begin = read_bytes(file, 16)?;
        let [_, _, entries, size] = numbers(&begin).next().unwrap_or_default();
        if !begin.starts_with(HEADER) {
            return Err(invalid_data("it does not begin like one"));
        }
        if entries > ENTRIES || size > STORE {
            return Err(invalid_data("it is larger than any"));
        }
        let index = numbers(&read_bytes(file, entries as usize * ENTRY)?).collect();
        Ok(Header { index, store: read_bytes(file, size as usize)? })
    }

    /// Returns the length of the tags' data in bytes.
    pub(super) fn store_length(&self) -> usize {
        self.store.len()
    }

    /// Returns the first text of a tag, if it has one.
    pub(super) fn text(&self, tag: u32) -> Option<String> {
        self.texts(tag).next()
    }

    /// Returns the texts of a tag.
    pub(super) fn texts(&self, tag: u32) -> impl Iterator<Item = String> {
        let entry = self.index.iter().find(|entry| entry[0] == tag && matches!(entry[1], STRING | STRINGS));
        let (start, count) = entry.map_or((0, 0), |entry| (entry[2] as usize, entry[3] as usize));
        let rest = self.store.get(start..).unwrap_or_default();
        // Bytes after the last zero byte do not form a text.
        let texts = rest.split_inclusive(|byte| *byte == 0).filter_map(|text| text.strip_suffix(&[0]));
        texts.take(count).map(printable)
    }
}

/// Splits an index into its entries, of four numbers each.
fn numbers(bytes: &[u8]) -> impl Iterator<Item = [u32; 4]> {
    let (entries, _) = bytes.as_chunks::<ENTRY>();
    entries.iter().map(|entry| {
        let (numbers, _) = entry.as_chunks();
        std::array::from_fn(|at| numbers.get(at).map_or(0, |number| u32::from_be_bytes(*number)))
    })
}
