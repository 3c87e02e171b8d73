//! The instructions that a kernel for sparc64 replaces when it starts on a sun4v machine.
//!
//! Headers write them for sun4u, and beside them, in sections of their own, what a sun4v machine has in their place.
//!
//! Source: Linux kernel 7.2.13, `sun4v_patch()` in arch/sparc/kernel/setup_64.c, and the uses of its sections in
//! arch/sparc/include/asm/. The sections of later machines (`.sun_m7_*`) are left out: the machine is one before the M7.

use goblin::elf::{Elf, SectionHeader};

/// What can be wrong with an object's replacements.
#[derive(Debug, thiserror::Error)]
pub(super) enum PatchError {
    /// The object is not readable ELF.
    #[error(transparent)]
    Elf(#[from] goblin::error::Error),
    /// A section of replacements is not what a kernel reads.
    #[error("its section {section} is not as sun4v_patch() of Linux reads it: {what}")]
    Section {
        /// The section.
        section: &'static str,
        /// What is wrong.
        what: &'static str,
    },
}

/// The sections, each with the number of instructions behind the address of an entry.
const SECTIONS: [(&str, usize); 2] = [(".sun4v_1insn_patch", 1), (".sun4v_2insn_patch", 2)];

const OUTSIDE: &str = "its address is outside of the object";

/// The types of a relocation by a 32-bit address, aligned or not (SPARC psABI).
const BY_ADDRESS: [u32; 2] = [3, 23];

/// Replaces the instructions of a relocatable object. Returns how many.
///
/// # Errors
/// [`PatchError`]; the object is as it was then.
pub(super) fn replace_instructions(object: &mut [u8]) -> Result<usize, PatchError> {
    let elf = Elf::parse(object)?;
    let mut replacements: Vec<(usize, [u8; 4])> = Vec::new();
    for (section, count) in SECTIONS {
        let fail = |what| PatchError::Section { section, what };
        // Each group of sections has its own.
        for (index, header) in elf.section_headers.iter().enumerate() {
            if elf.shdr_strtab.get_at(header.sh_name) != Some(section) {
                continue;
            }
            let entry_bytes = 4 + 4 * count;
            let entries = header.file_range().and_then(|range| object.get(range)).unwrap_or_default();
            let relocations: Vec<_> = elf
                .shdr_relocs
                .iter()
                .filter(|(of, _)| elf.section_headers[*of].sh_info as usize == index)
                .flat_map(|(_, relocations)| relocations.iter())
                .collect();
            if !entries.len().is_multiple_of(entry_bytes) || relocations.len() != entries.len() / entry_bytes
            {
                return Err(fail("an entry is an address and instructions"));
            }
            for relocation in relocations {
                let at = relocation.r_offset as usize;
                if !BY_ADDRESS.contains(&relocation.r_type) || !at.is_multiple_of(entry_bytes) {
                    return Err(fail("an entry begins with an address"));
                }
                let symbol = elf.syms.get(relocation.r_sym).ok_or_else(|| fail(OUTSIDE))?;
                let offset = symbol.st_value.checked_add_signed(relocation.r_addend.unwrap_or(0));
                let replaced = offset.and_then(|offset| Some(offset..offset.checked_add(4 * count as u64)?));
                let replaced = replaced.ok_or_else(|| fail(OUTSIDE))?;
                let code = elf.section_headers.get(symbol.st_shndx).and_then(SectionHeader::file_range);
                let code = code.ok_or_else(|| fail(OUTSIDE))?;
                let place = code.start.saturating_add(usize::try_from(replaced.start).unwrap_or(usize::MAX));
                if place.saturating_add(4 * count) > code.end {
                    return Err(fail(OUTSIDE));
                }
                let mut linked = elf
                    .shdr_relocs
                    .iter()
                    .filter(|(of, _)| elf.section_headers[*of].sh_info as usize == symbol.st_shndx)
                    .flat_map(|(_, relocations)| relocations.iter());
                if linked.any(|relocation| replaced.contains(&(relocation.r_offset & !3))) {
                    return Err(fail("a linker would write over what replaces an address"));
                }
                let instructions = entries.get(at + 4..at + entry_bytes);
                let instructions = instructions.ok_or_else(|| fail("an entry is cut off"))?;
                for (number, instruction) in instructions.as_chunks().0.iter().enumerate() {
                    replacements.push((place + 4 * number, *instruction));
                }
            }
        }
    }
    for (place, instruction) in &replacements {
        if let Some(there) = object.get_mut(*place..place + 4) {
            there.copy_from_slice(instruction);
        }
    }
    Ok(replacements.len())
}

#[cfg(test)]
mod tests {
    use object::write::{Object, Relocation, StandardSection, Symbol, SymbolSection};
    use object::{
        Architecture, BinaryFormat, Endianness, RelocationFlags, SectionKind, SymbolFlags, SymbolKind,
        SymbolScope,
    };

    use super::*;

    const NOP: u32 = 0x0100_0000;

    /// Returns an object with four instructions, and entries that are in the section: each with the offset of the
    /// instructions that it replaces, and the type of the relocation that says so.
    fn object_with(section: &str, entries: &[u8], addresses: &[(u64, i64, u32)]) -> Vec<u8> {
        linked_object_with(section, entries, addresses, &[])
    }

    /// The same, with instructions that a linker writes to: their offsets.
    fn linked_object_with(
        section: &str,
        entries: &[u8],
        addresses: &[(u64, i64, u32)],
        linked: &[u64],
    ) -> Vec<u8> {
        let mut object = Object::new(BinaryFormat::Elf, Architecture::Sparc64, Endianness::Big);
        let code = object.section_id(StandardSection::Text);
        object.append_section_data(code, &NOP.to_be_bytes().repeat(4), 4);
        let start = object.add_symbol(Symbol {
            name: b"start".to_vec(),
            value: 0,
            size: 0,
            kind: SymbolKind::Label,
            scope: SymbolScope::Compilation,
            weak: false,
            section: SymbolSection::Section(code),
            flags: SymbolFlags::None,
        });
        let patches = object.add_section(Vec::new(), section.as_bytes().to_vec(), SectionKind::Text);
        object.append_section_data(patches, entries, 4);
        let mut relocate = |section, offset, addend, r_type| {
            let flags = RelocationFlags::Elf { r_type: object::elf::RelocationType(r_type) };
            object.add_relocation(section, Relocation { offset, symbol: start, addend, flags }).unwrap();
        };
        for (offset, addend, r_type) in addresses {
            relocate(patches, *offset, *addend, *r_type);
        }
        for offset in linked {
            relocate(code, *offset, 0, object::elf::R_SPARC_LO10.0);
        }
        object.write().unwrap()
    }

    fn code_of(object: &[u8]) -> Vec<u32> {
        let elf = Elf::parse(object).unwrap();
        let code =
            elf.section_headers.iter().find(|header| elf.shdr_strtab.get_at(header.sh_name) == Some(".text"));
        let code = code.unwrap();
        let bytes = &object[code.file_range().unwrap()];
        bytes.as_chunks().0.iter().map(|word| u32::from_be_bytes(*word)).collect()
    }

    fn entry(instructions: &[u32]) -> Vec<u8> {
        [0].iter().chain(instructions).flat_map(|word| word.to_be_bytes()).collect()
    }

    #[test]
    fn instructions_are_replaced_where_the_entries_say() {
        let mut one = object_with(".sun4v_1insn_patch", &entry(&[7]), &[(0, 8, 3)]);
        assert_eq!(replace_instructions(&mut one).unwrap(), 1);
        assert_eq!(code_of(&one), [NOP, NOP, 7, NOP]);

        let entries = [entry(&[1, 2]), entry(&[3, 4])].concat();
        let mut two = object_with(".sun4v_2insn_patch", &entries, &[(0, 8, 3), (12, 0, 23)]);
        assert_eq!(replace_instructions(&mut two).unwrap(), 4);
        assert_eq!(code_of(&two), [3, 4, 1, 2]);

        // Those of later machines stay out.
        let mut later = object_with(".sun_m7_2insn_patch", &entry(&[1, 2]), &[(0, 0, 3)]);
        assert_eq!(replace_instructions(&mut later).unwrap(), 0);
    }

    #[test]
    fn an_instruction_that_a_linker_writes_to_is_not_replaced() {
        let with =
            |linked: &[u64]| linked_object_with(".sun4v_2insn_patch", &entry(&[1, 2]), &[(0, 4, 3)], linked);
        assert!(replace_instructions(&mut with(&[0, 12])).is_ok());
        for linked in [4, 8] {
            let error = replace_instructions(&mut with(&[linked])).unwrap_err().to_string();
            assert!(error.contains("a linker would write over"), "{error}");
        }
    }

    #[test]
    fn entries_that_a_kernel_could_not_read_are_an_error_and_change_nothing() {
        let whole = [entry(&[1, 2]), entry(&[3, 4])].concat();
        for (entries, addresses, what) in [
            (&whole[..20], &[(0, 0, 3)][..], "an address and instructions"),
            (&whole[..], &[(0, 0, 3)][..], "an address and instructions"),
            (&whole[..], &[(0, 0, 3), (8, 0, 3)][..], "begins with an address"),
            (&whole[..], &[(0, 0, 3), (12, 0, 54)][..], "begins with an address"),
            (&whole[..], &[(0, 0, 3), (12, 12, 3)][..], "outside of the object"),
            (&whole[..], &[(0, 0, 3), (12, -4, 3)][..], "outside of the object"),
        ] {
            let mut object = object_with(".sun4v_2insn_patch", entries, addresses);
            let before = object.clone();
            let error = replace_instructions(&mut object).unwrap_err().to_string();
            assert!(error.contains(what), "{error}");
            assert_eq!(object, before);
        }
    }
}
