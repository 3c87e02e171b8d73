//! The place of the types (BTF) in a memory image.

use pmdscope_arches::ByteOrder;
use serde::{Deserialize, Serialize};

use crate::kernel::image::MemoryImage;

/// The magic number of BTF.
pub(super) const MAGIC: u16 = 0xeb9f;
/// The length of the header in bytes, up to Linux 6.19. Later headers can be longer.
const HEADER: u64 = 24;
/// The longest accepted header, in bytes.
const HEADER_LONGEST: u64 = 256;

/// The place of the types (BTF) in a memory image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct BtfPlace {
    /// The segment's index in [`MemoryImage::segments`].
    pub segment: usize,
    /// The offset from the segment's first byte, in bytes.
    pub offset: usize,
    /// The length of the BTF in bytes.
    pub length: usize,
}

impl BtfPlace {
    /// Finds the largest valid BTF in a memory image.
    ///
    /// A kernel can also contain small BTF of its tests.
    pub(crate) fn find(image: &MemoryImage) -> Option<BtfPlace> {
        let big = ByteOrder::of(image.arch) == ByteOrder::Big;
        let magic = if big { MAGIC.to_be_bytes() } else { MAGIC.to_le_bytes() };
        // Version 1, no flags.
        let begin = [magic[0], magic[1], 1, 0];
        let places = image.segments.iter().enumerate().flat_map(|(segment, part)| {
            memchr::memmem::find_iter(&part.bytes, &begin)
                .filter_map(|offset| Some((offset, length(&part.bytes[offset..], big)?)))
                .map(move |(offset, length)| BtfPlace { segment, offset, length })
                .collect::<Vec<_>>()
        });
        places.max_by_key(|place| place.length)
    }
}

/// Returns the length of the BTF at the start of `bytes`, `None` if it is not valid.
fn length(bytes: &[u8], big: bool) -> Option<usize> {
    let field = |number: usize| {
        let bytes = *bytes.get(4 + number * 4..)?.first_chunk()?;
        Some(u64::from(if big { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) }))
    };
    let (header, types, types_length) = (field(0)?, field(1)?, field(2)?);
    let (strings, strings_length) = (field(3)?, field(4)?);
    let sane = (HEADER..=HEADER_LONGEST).contains(&header)
        && header % 4 == 0
        && types % 4 == 0
        && types_length > 0
        && strings_length > 1
        && (strings >= types + types_length || types >= strings + strings_length);
    let length = header + (types + types_length).max(strings + strings_length);
    let (length, names) = (usize::try_from(length).ok()?, usize::try_from(header + strings).ok()?);
    let names = bytes.get(names..names + usize::try_from(strings_length).ok()?)?;
    // The first name is empty, and the last one ends in a zero byte.
    (sane && length <= bytes.len() && names.first() == Some(&0) && names.last() == Some(&0)).then_some(length)
}
