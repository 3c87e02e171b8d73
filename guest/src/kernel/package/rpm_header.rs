//! The headers of RPM packages (RPM's manual, "Header format").
//!
//! All numbers are big-endian.

use std::io::{self, Read};

use super::read::{invalid_data, read_bytes};
use crate::kernel::text::printable;

/// The start of a header, with its version.
const HEADER: &[u8] = &[0x8e, 0xad, 0xe8, 1];
/// The number of bytes of an entry of the index.
const ENTRY: usize = 16;
/// The most entries that RPM takes (lib/header.c, `hdrchkTags`).
const ENTRIES: u32 = 0xffff;
/// The most bytes of data that are read.
///
/// Headers have the names of all files, a few megabytes for the largest packages of kernels.
const STORE: u32 = 64 << 20;

/// The kinds of data that are texts (RPM's manual, "Tag data types").
const STRING: u32 = 6;
const STRINGS: u32 = 8;

/// A header of an RPM package: an index of tags, and their data.
pub(super) struct Header {
    /// Tag, kind of data, offset in the store, number of values.
    index: Vec<[u32; 4]>,
    store: Vec<u8>,
}

impl Header {
    /// Reads a header.
    ///
    /// # Errors
    /// If it is malformed, larger than any, or cut off.
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

    /// The number of bytes of the tags' data.
    pub(super) fn store_length(&self) -> usize {
        self.store.len()
    }

    /// The first text of a tag.
    pub(super) fn text(&self, tag: u32) -> Option<String> {
        self.texts(tag).next()
    }

    /// The texts of a tag.
    pub(super) fn texts(&self, tag: u32) -> impl Iterator<Item = String> {
        let entry = self.index.iter().find(|entry| entry[0] == tag && matches!(entry[1], STRING | STRINGS));
        let (start, count) = entry.map_or((0, 0), |entry| (entry[2] as usize, entry[3] as usize));
        let rest = self.store.get(start..).unwrap_or_default();
        // Bytes after the last zero are no text.
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
