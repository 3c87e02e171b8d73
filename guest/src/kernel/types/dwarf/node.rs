//! Reads one type.
#![allow(non_upper_case_globals, reason = "the reader names constants as the standard does")]

use gimli::constants::*;
use gimli::{AttributeValue, Dwarf, UnitOffset, UnitSectionOffset};

use super::{Bytes, Entry, Unit};
use crate::kernel::types::error::TypesError;
use crate::kernel::types::source::{Budget, FunctionNode, MemberNode, TypeId, TypeNode};

/// The longest name in bytes. In a damaged file, one can be as long as the file.
const NAME_LONGEST: usize = 4096;

/// Reads the type at an offset of a unit, with what is directly below it.
pub(super) fn read(
    dwarf: &Dwarf<Bytes<'_>>,
    unit: &Unit<'_>,
    offset: UnitOffset<usize>,
    budget: &Budget,
) -> Result<TypeNode, TypesError> {
    let mut entries = unit.entries_raw(Some(offset))?;
    let mut root = Entry::null();
    budget.spend(1)?;
    if !entries.read_entry(&mut root)? {
        return Ok(TypeNode::Other("null".to_owned()));
    }
    let name = || name_of(dwarf, unit, &root);
    let of = || type_of(unit, &root);
    let size = || root.attr_value(DW_AT_byte_size).and_then(|value| value.udata_value()).unwrap_or(0);
    let declared = root.attr_value(DW_AT_declaration) == Some(AttributeValue::Flag(true));
    // Visits the entries directly below the root.
    let mut below = |visit: &mut dyn FnMut(&Entry<'_>)| -> Result<(), TypesError> {
        let mut entry = Entry::null();
        while root.has_children() && entries.next_depth() > 0 && !entries.is_empty() {
            budget.spend(1)?;
            if entries.next_depth() > 1 {
                if let Some(abbreviation) = entries.read_abbreviation()? {
                    entries.skip_attributes(abbreviation.attributes())?;
                }
            } else if entries.read_entry(&mut entry)? {
                visit(&entry);
            }
        }
        Ok(())
    };
    Ok(match root.tag() {
        DW_TAG_base_type => TypeNode::Base { name: name(), size: size() },
        DW_TAG_pointer_type => TypeNode::Pointer(of()),
        DW_TAG_typedef => TypeNode::Typedef { name: name(), of: of() },
        DW_TAG_const_type => TypeNode::Qualified { qualifier: "const", of: of() },
        DW_TAG_volatile_type => TypeNode::Qualified { qualifier: "volatile", of: of() },
        DW_TAG_restrict_type => TypeNode::Qualified { qualifier: "restrict", of: of() },
        DW_TAG_atomic_type => TypeNode::Qualified { qualifier: "_Atomic", of: of() },
        tag @ (DW_TAG_structure_type | DW_TAG_union_type) => {
            let word = if tag == DW_TAG_union_type { "union" } else { "struct" };
            if declared {
                return Ok(TypeNode::Declaration { word, name: name() });
            }
            let mut members = Vec::new();
            below(&mut |entry| {
                if entry.tag() == DW_TAG_member {
                    members.push(member(dwarf, unit, entry));
                }
            })?;
            TypeNode::Aggregate { word, name: name(), size: size(), members }
        }
        DW_TAG_enumeration_type => {
            let mut enumerators = Vec::new();
            below(&mut |entry| {
                if entry.tag() == DW_TAG_enumerator
                    && let Some(value) = value_of(entry)
                {
                    enumerators.push((name_of(dwarf, unit, entry), value));
                }
            })?;
            TypeNode::Enum { name: name(), size: size(), enumerators }
        }
        DW_TAG_array_type => {
            let mut counts = Vec::new();
            below(&mut |entry| {
                if entry.tag() == DW_TAG_subrange_type {
                    let number = |of| entry.attr_value(of).and_then(|value| value.udata_value());
                    let last = || number(DW_AT_upper_bound).map(|last: u64| last.wrapping_add(1));
                    // An array without either has no length, as at the end of a struct.
                    counts.push(number(DW_AT_count).or_else(last).unwrap_or(0));
                }
            })?;
            TypeNode::Array { of: of(), counts }
        }
        DW_TAG_subroutine_type => TypeNode::FunctionType,
        DW_TAG_subprogram => {
            let (mut parameters, mut variadic) = (Vec::new(), false);
            below(&mut |entry| match entry.tag() {
                DW_TAG_formal_parameter => {
                    let name = name_of(dwarf, unit, entry);
                    parameters.push((Some(name).filter(|name| !name.is_empty()), type_of(unit, entry)));
                }
                DW_TAG_unspecified_parameters => variadic = true,
                _ => (),
            })?;
            TypeNode::Function(FunctionNode { name: name(), parameters, returns: of(), variadic })
        }
        tag => TypeNode::Other(tag.static_string().unwrap_or("unknown").to_owned()),
    })
}

/// Returns the name of an entry, empty if it has none.
pub(super) fn name_of(dwarf: &Dwarf<Bytes<'_>>, unit: &Unit<'_>, entry: &Entry<'_>) -> String {
    let name = entry.attr_value(DW_AT_name).and_then(|name| dwarf.attr_string(unit, name).ok());
    let name = name.map(|name| name.slice()).filter(|name| name.len() <= NAME_LONGEST);
    name.and_then(|name| str::from_utf8(name).ok()).unwrap_or_default().to_owned()
}

/// Returns the value of an enumerator.
///
/// Compilers write negative values as signed numbers, and others as numbers of any kind.
pub(super) fn value_of(entry: &Entry<'_>) -> Option<i64> {
    Some(match entry.attr_value(DW_AT_const_value)? {
        AttributeValue::Sdata(value) => value,
        AttributeValue::Udata(value) | AttributeValue::Data8(value) => value as i64,
        AttributeValue::Data4(value) => value.into(),
        AttributeValue::Data2(value) => value.into(),
        AttributeValue::Data1(value) => value.into(),
        _ => return None,
    })
}

/// Returns the number of an entry's type. `void` if it has none, or one in another file.
fn type_of(unit: &Unit<'_>, entry: &Entry<'_>) -> TypeId {
    let offset = match entry.attr_value(DW_AT_type) {
        Some(AttributeValue::UnitRef(offset)) => match offset.to_unit_section_offset(&unit.header) {
            UnitSectionOffset(offset) => Some(offset),
        },
        Some(AttributeValue::DebugInfoRef(offset)) => Some(offset.0),
        _ => None,
    };
    offset.map_or(TypeId::VOID, |offset| TypeId(offset as u64))
}

/// Reads a member of a struct or union.
fn member(dwarf: &Dwarf<Bytes<'_>>, unit: &Unit<'_>, entry: &Entry<'_>) -> MemberNode {
    let number = |of| entry.attr_value(of).and_then(|value| value.udata_value());
    let bytes = match entry.attr_value(DW_AT_data_member_location) {
        // DW_OP_plus_uconst, which old compilers write.
        Some(AttributeValue::Exprloc(expression)) => {
            let mut rest = expression.0;
            match gimli::Reader::read_u8(&mut rest) {
                Ok(0x23) => gimli::Reader::read_uleb128(&mut rest).unwrap_or(0),
                _ => 0,
            }
        }
        // A member of a union has no location.
        Some(value) => value.udata_value().unwrap_or(0),
        None => 0,
    };
    MemberNode {
        name: name_of(dwarf, unit, entry),
        // A bitfield's offset is not asked for, but its being one.
        bits: number(DW_AT_data_bit_offset).unwrap_or_else(|| bytes.saturating_mul(8)),
        of: type_of(unit, entry),
        bitfield: entry.attr_value(DW_AT_bit_size).is_some(),
    }
}
