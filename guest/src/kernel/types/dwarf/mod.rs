//! Types as debug information describes them (DWARF 4 and 5).
//!
//! Each unit describes all types that it uses, so a kernel has thousands of descriptions of `struct page`. One pass
//! over the units makes an index of names; lookups then read what they need.

mod index;
mod node;
mod sections;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use gimli::{
    Abbreviations, AttributeValue, DebugAddrBase, DebugInfoOffset, DebugLocListsBase, DebugRngListsBase,
    DebugStrOffsetsBase, Dwarf, DwarfSections, EndianSlice, RunTimeEndian, Section, UnitOffset,
};

use super::error::TypesError;
use super::source::{Budget, TypeId, TypeNode, TypeSource};
use index::Index;
pub(super) use sections::{read_section, read_sections};

/// A piece of a section.
type Bytes<'a> = EndianSlice<'a, RunTimeEndian>;
type Unit<'a> = gimli::Unit<Bytes<'a>>;
type Entry<'a> = gimli::DebuggingInformationEntry<Bytes<'a>>;

/// Debug information of either byte order.
pub(super) struct DwarfTypes {
    sections: DwarfSections<Vec<u8>>,
    endian: RunTimeEndian,
    /// The offsets of all units, in ascending order.
    units: Vec<usize>,
    index: Index,
    abbreviations: Mutex<AbbreviationTables>,
}

impl DwarfTypes {
    /// Reads the units' names and makes an index of them.
    ///
    /// # Errors
    /// - [`TypesError::Dwarf`] if the information is damaged.
    /// - [`TypesError::Split`] if the types are in files of their own.
    /// - [`TypesError::TooLarge`] if there are more names than in any kernel.
    pub(super) fn parse(sections: DwarfSections<Vec<u8>>, big: bool) -> Result<DwarfTypes, TypesError> {
        let endian = if big { RunTimeEndian::Big } else { RunTimeEndian::Little };
        let (units, index, tables) = (Vec::new(), Index::default(), AbbreviationTables::default());
        let mut types = DwarfTypes { sections, endian, units, index, abbreviations: Mutex::new(tables) };
        let tables = AbbreviationTables::new(&types.dwarf());
        types.abbreviations = Mutex::new(tables);
        (types.units, types.index) = index::read(&types)?;
        Ok(types)
    }

    /// Returns the sections, for the reader.
    fn dwarf(&self) -> Dwarf<Bytes<'_>> {
        self.sections.borrow(|section| EndianSlice::new(section, self.endian))
    }

    /// Returns a unit, given its header.
    ///
    /// The reader's own constructor would read the table of lines too.
    fn unit<'a>(
        &'a self,
        dwarf: &Dwarf<Bytes<'a>>,
        header: gimli::UnitHeader<Bytes<'a>>,
    ) -> Result<Unit<'a>, TypesError> {
        let mut tables = self.abbreviations.lock().unwrap_or_else(PoisonError::into_inner);
        let abbreviations = tables.get(dwarf, &header)?;
        drop(tables);
        let encoding = header.encoding();
        let mut unit = Unit {
            header,
            abbreviations,
            name: None,
            comp_dir: None,
            low_pc: 0,
            str_offsets_base: DebugStrOffsetsBase::default_for_encoding_and_file(encoding, dwarf.file_type),
            addr_base: DebugAddrBase(0),
            loclists_base: DebugLocListsBase(0),
            rnglists_base: DebugRngListsBase(0),
            line_program: None,
            dwo_id: None,
        };
        let mut root = Entry::null();
        unit.entries_raw(None)?.read_entry(&mut root)?;
        if let Some(AttributeValue::DebugStrOffsetsBase(base)) =
            root.attr_value(gimli::DW_AT_str_offsets_base)
        {
            unit.str_offsets_base = base;
        }
        Ok(unit)
    }

    /// Returns the unit that holds an entry, and the entry's offset in it.
    fn unit_of<'a>(
        &'a self,
        dwarf: &Dwarf<Bytes<'a>>,
        id: TypeId,
    ) -> Result<(Unit<'a>, UnitOffset<usize>), TypesError> {
        let offset = usize::try_from(id.0).unwrap_or(usize::MAX);
        let number = self.units.partition_point(|unit| *unit <= offset);
        let start = number.checked_sub(1).and_then(|number| self.units.get(number));
        let start = *start.ok_or(gimli::Error::OffsetOutOfBounds(id.0))?;
        let header = dwarf.debug_info.header_from_offset(DebugInfoOffset(start))?;
        Ok((self.unit(dwarf, header)?, UnitOffset(offset - start)))
    }
}

impl TypeSource for DwarfTypes {
    fn named(&self, name: &str) -> Result<Vec<TypeId>, TypesError> {
        Ok(self.index.named(name).map(|offset| TypeId(offset.into())).collect())
    }

    fn read(&self, id: TypeId, budget: &Budget) -> Result<TypeNode, TypesError> {
        if id == TypeId::VOID {
            return Ok(TypeNode::Void);
        }
        let dwarf = self.dwarf();
        let (unit, offset) = self.unit_of(&dwarf, id)?;
        node::read(&dwarf, &unit, offset, budget)
    }

    fn enumerators(&self, name: &str, budget: &Budget) -> Result<Vec<i64>, TypesError> {
        let dwarf = self.dwarf();
        let mut values = Vec::new();
        for offset in self.index.enumerators(name) {
            budget.spend(1)?;
            let (unit, offset) = self.unit_of(&dwarf, TypeId(offset.into()))?;
            let entry = unit.entry(offset)?;
            if node::name_of(&dwarf, &unit, &entry) == name
                && let Some(value) = node::value_of(&entry)
                && !values.contains(&value)
            {
                values.push(value);
            }
        }
        Ok(values)
    }

    fn names(&self) -> Vec<String> {
        let dwarf = self.dwarf();
        let mut names = Vec::new();
        // One entry of each name; they are similar to a name that was asked for, so unreadable ones do not matter.
        for offset in self.index.one_of_each() {
            if let Ok((unit, offset)) = self.unit_of(&dwarf, TypeId(offset.into()))
                && let Ok(entry) = unit.entry(offset)
                && entry.tag() != gimli::DW_TAG_subprogram
            {
                names.push(node::name_of(&dwarf, &unit, &entry));
            }
        }
        names
    }
}

/// The abbreviations of units, by their offset in `.debug_abbrev`.
#[derive(Debug, Default)]
struct AbbreviationTables {
    tables: HashMap<usize, Arc<Abbreviations>>,
    /// The bytes of tables that may be read yet.
    ///
    /// Tables of a linker's output do not overlap. Those of a crafted file can, and could take for ever.
    left: usize,
}

impl AbbreviationTables {
    fn new(dwarf: &Dwarf<Bytes<'_>>) -> Self {
        let length = dwarf.debug_abbrev.reader().len();
        AbbreviationTables { tables: HashMap::new(), left: length.saturating_mul(4).saturating_add(64) }
    }

    /// Returns the abbreviations of a unit.
    fn get(
        &mut self,
        dwarf: &Dwarf<Bytes<'_>>,
        header: &gimli::UnitHeader<Bytes<'_>>,
    ) -> Result<Arc<Abbreviations>, TypesError> {
        let offset = header.debug_abbrev_offset().0;
        if let Some(known) = self.tables.get(&offset) {
            return Ok(Arc::clone(known));
        }
        let bytes = dwarf.debug_abbrev.reader().slice().get(offset..).unwrap_or_default();
        self.left = self.left.checked_sub(table_length(bytes, self.left)).ok_or(TypesError::TooMany)?;
        let table = dwarf.abbreviations(header)?;
        self.tables.insert(offset, Arc::clone(&table));
        Ok(table)
    }
}

/// Returns the number of bytes of a table of abbreviations, or a number above `most`.
fn table_length(bytes: &[u8], most: usize) -> usize {
    let mut at = 0;
    // Returns whether the next LEB128 number is zero, and skips it.
    let mut number = || {
        let rest = bytes.get(at..)?;
        let length = rest.iter().position(|byte| byte & 0x80 == 0)? + 1;
        at += length;
        Some((rest[..length].iter().all(|byte| byte & 0x7f == 0), rest[0]))
    };
    let mut table = || -> Option<()> {
        loop {
            // The code, 0 at the end of the table; the tag, and a byte that says whether there are children.
            if number()?.0 {
                return Some(());
            }
            number()?;
            number()?;
            // Pairs of name and form up to a pair of zeros. A form of an implicit value (0x21) has the value after it.
            loop {
                let (name, form) = (number()?, number()?);
                if form.1 == 0x21 {
                    number()?;
                }
                if name.0 && form.0 {
                    break;
                }
            }
        }
    };
    let _ = table();
    at.min(most.saturating_add(1)).max(1)
}
