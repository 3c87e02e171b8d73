//! The index of names, made by one pass over all units.
#![allow(non_upper_case_globals, reason = "the reader names constants as the standard does")]

use std::hash::{DefaultHasher, Hash, Hasher};

use gimli::constants::*;
use gimli::{AttributeValue, UnitType};

use super::DwarfTypes;
use crate::kernel::types::error::TypesError;

/// The most names in the index. The 3000 units of a distribution's kernel have some ten million.
const MOST: usize = 48 << 20;

/// Where names are described: for each a part of its hash, and the offset in `.debug_info`. In this order.
///
/// A lookup compares the names themselves.
#[derive(Debug, Default)]
pub(super) struct Index {
    types: Vec<(u32, u32)>,
    enumerators: Vec<(u32, u32)>,
}

impl Index {
    /// Returns the offsets of the types and functions whose names have the hash of a name.
    pub(super) fn named(&self, name: &str) -> impl Iterator<Item = u32> {
        with_hash(&self.types, hash(name.as_bytes()))
    }

    /// Returns the offsets of the enumerators whose names have the hash of a name.
    pub(super) fn enumerators(&self, name: &str) -> impl Iterator<Item = u32> {
        with_hash(&self.enumerators, hash(name.as_bytes()))
    }

    /// Returns the first offset of each hash of a type or function.
    pub(super) fn one_of_each(&self) -> impl Iterator<Item = u32> {
        self.types.chunk_by(|a, b| a.0 == b.0).map(|of_name| of_name[0].1)
    }
}

fn with_hash(entries: &[(u32, u32)], hash: u32) -> impl Iterator<Item = u32> {
    let first = entries.partition_point(|entry| entry.0 < hash);
    entries[first..].iter().take_while(move |entry| entry.0 == hash).map(|entry| entry.1)
}

fn hash(name: &[u8]) -> u32 {
    let mut hasher = DefaultHasher::new();
    name.hash(&mut hasher);
    hasher.finish() as u32
}

/// Reads the offsets of all units, and the names of what is at their top level.
pub(super) fn read(types: &DwarfTypes) -> Result<(Vec<usize>, Index), TypesError> {
    let dwarf = types.dwarf();
    let (mut units, mut index) = (Vec::new(), Index::default());
    let mut split = false;
    let mut headers = dwarf.units();
    while let Some(header) = headers.next()? {
        let Some(start) = header.debug_info_offset() else { continue };
        units.push(start.0);
        split |= matches!(header.type_(), UnitType::Skeleton(_));
        let unit = types.unit(&dwarf, header)?;
        let mut entries = unit.entries_raw(None)?;
        // The tag of the last entry below the root of the unit.
        let mut parent = DW_TAG_null;
        while !entries.is_empty() {
            let (offset, depth) = (entries.next_offset(), entries.next_depth());
            let Some(abbreviation) = entries.read_abbreviation()? else { continue };
            let tag = abbreviation.tag();
            let list = match (depth, tag) {
                (
                    1,
                    DW_TAG_structure_type
                    | DW_TAG_union_type
                    | DW_TAG_enumeration_type
                    | DW_TAG_typedef
                    | DW_TAG_base_type
                    | DW_TAG_subprogram,
                ) => &mut index.types,
                (2, DW_TAG_enumerator) if parent == DW_TAG_enumeration_type => &mut index.enumerators,
                // GCC marks units whose types are elsewhere by an attribute of the root.
                (0, _) => {
                    for of in abbreviation.attributes() {
                        let attribute = entries.read_attribute(*of)?;
                        split |= attribute.name() == DW_AT_GNU_dwo_name;
                    }
                    continue;
                }
                _ => {
                    if depth == 1 {
                        parent = tag;
                    }
                    entries.skip_attributes(abbreviation.attributes())?;
                    continue;
                }
            };
            if depth == 1 {
                parent = tag;
            }
            let mut name: Option<AttributeValue<_>> = None;
            let mut declared = false;
            for of in abbreviation.attributes() {
                let attribute = entries.read_attribute(*of)?;
                match attribute.name() {
                    DW_AT_name => name = Some(attribute.value()),
                    // Forms other than a flag are of no declaration of C.
                    DW_AT_declaration => declared = attribute.value() == AttributeValue::Flag(true),
                    _ => (),
                }
            }
            let Some(name) = name else { continue };
            // A declaration answers nothing; of a function it has the parameters.
            if declared && tag != DW_TAG_subprogram {
                continue;
            }
            let name = dwarf.attr_string(&unit, name)?;
            let whole = start.0 + offset.0;
            let whole = u32::try_from(whole)
                .map_err(|_| TypesError::TooLarge { what: "bytes", most: u32::MAX.into() })?;
            list.push((hash(name.slice()), whole));
            if index.types.len() + index.enumerators.len() > MOST {
                return Err(TypesError::TooLarge { what: "names", most: MOST as u64 });
            }
        }
    }
    if index.types.is_empty() {
        return Err(if split { TypesError::Split } else { TypesError::Empty });
    }
    index.types.sort_unstable();
    index.enumerators.sort_unstable();
    Ok((units, index))
}
