//! Stand-ins for the names that no object defines, as an object.

use std::ops::Range;

use object::elf::{self, ELFOSABI_NONE};
use object::write::{Object, SectionId, StandardSection, Symbol, SymbolSection};
use object::{Architecture, BinaryFormat, Endianness, FileFlags, SymbolFlags, SymbolKind, SymbolScope};
use pmdscope_arches::{Arch, ByteOrder};

use crate::kernel::{FUNCTIONS, ObjectsNote, SYMBOL, VARIABLES};

/// The alignment of a variable's stand-in, in bytes: that of a page.
const VARIABLE_ALIGN: u64 = 0x1000;

/// Returns an object that defines the absent names of a note, the note itself, and the kernel's banner.
///
/// `flags` are those of the ELF header of other objects, which a linker compares.
pub(super) fn stand_ins(
    arch: Arch,
    flags: u32,
    note: &ObjectsNote,
    banner: &str,
) -> Result<Vec<u8>, object::write::Error> {
    let order = match ByteOrder::of(arch) {
        ByteOrder::Little => Endianness::Little,
        ByteOrder::Big => Endianness::Big,
    };
    let mut object = Object::new(BinaryFormat::Elf, architecture(arch), order);
    object.flags = FileFlags::Elf { os_abi: ELFOSABI_NONE, abi_version: 0, e_flags: elf::FileFlags(flags) };
    let code = object.section_id(StandardSection::Text);
    let zeroes = object.section_id(StandardSection::UninitializedData);
    let constants = object.section_id(StandardSection::ReadOnlyData);

    let mut traps = [0; ObjectsNote::FUNCTION_BYTES as usize];
    traps[..trap(arch).len()].copy_from_slice(trap(arch));
    define(&mut object, code, SymbolKind::Text, FUNCTIONS, 0..0);
    for name in &note.functions {
        let start = object.append_section_data(code, &traps, ObjectsNote::FUNCTION_BYTES);
        define(&mut object, code, SymbolKind::Text, name, start..start + ObjectsNote::FUNCTION_BYTES);
    }
    define(&mut object, zeroes, SymbolKind::Data, VARIABLES, 0..0);
    for name in &note.variables {
        let start = object.append_section_bss(zeroes, ObjectsNote::VARIABLE_BYTES, VARIABLE_ALIGN);
        define(&mut object, zeroes, SymbolKind::Data, name, start..start + ObjectsNote::VARIABLE_BYTES);
    }
    let banner = [banner.as_bytes(), &[0]].concat();
    for (name, bytes) in [("linux_banner", banner), (SYMBOL, note.to_bytes())] {
        let start = object.append_section_data(constants, &bytes, 8);
        define(&mut object, constants, SymbolKind::Data, name, start..start + bytes.len() as u64);
    }
    object.write()
}

/// Defines a name for part of a section.
fn define(object: &mut Object<'_>, section: SectionId, kind: SymbolKind, name: &str, place: Range<u64>) {
    object.add_symbol(Symbol {
        name: name.as_bytes().to_vec(),
        value: place.start,
        size: place.end - place.start,
        kind,
        scope: SymbolScope::Linkage,
        weak: false,
        section: SymbolSection::Section(section),
        flags: SymbolFlags::None,
    });
}

/// Returns an instruction that raises an exception.
fn trap(arch: Arch) -> &'static [u8] {
    match arch {
        // brk #0
        Arch::Arm64 => &[0x00, 0x00, 0x20, 0xd4],
        // ud2
        Arch::X86_64 => &[0x0f, 0x0b],
        // No instruction begins with zeroes.
        Arch::S390x => &[0x00, 0x00],
        // trap
        Arch::Ppc64 => &[0x7f, 0xe0, 0x00, 0x08],
        Arch::Ppc64le => &[0x08, 0x00, 0xe0, 0x7f],
        // ebreak
        Arch::Riscv64 => &[0x73, 0x00, 0x10, 0x00],
        // ta 5
        Arch::Sparc64 => &[0x91, 0xd0, 0x20, 0x05],
        // break 0
        Arch::LoongArch64 => &[0x00, 0x00, 0x2a, 0x00],
    }
}

fn architecture(arch: Arch) -> Architecture {
    match arch {
        Arch::Arm64 => Architecture::Aarch64,
        Arch::X86_64 => Architecture::X86_64,
        Arch::S390x => Architecture::S390x,
        Arch::Ppc64 | Arch::Ppc64le => Architecture::PowerPc64,
        Arch::Riscv64 => Architecture::Riscv64,
        Arch::Sparc64 => Architecture::Sparc64,
        Arch::LoongArch64 => Architecture::LoongArch64,
    }
}

#[cfg(test)]
mod tests {
    use goblin::elf::Elf;
    use goblin::elf::section_header::SHT_PROGBITS;

    use super::*;

    #[test]
    fn every_architectures_object_defines_what_is_absent() {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let note = ObjectsNote {
            objects: vec!["mm/gup.o".to_owned()],
            functions: names(&["schedule", "wake_up_process"]),
            variables: names(&["jiffies_64"]),
        };
        for arch in Arch::ALL {
            let bytes = stand_ins(arch, 0, &note, "Linux version 7.2.13 (x)").unwrap();
            let elf = Elf::parse(&bytes).unwrap();
            assert_eq!(elf.header.e_machine, arch.elf_machine(), "{arch}");
            let place = |name: &str| {
                let symbol = elf.syms.iter().find(|symbol| elf.strtab.get_at(symbol.st_name) == Some(name));
                let symbol = symbol.unwrap_or_else(|| panic!("{arch}: no {name}"));
                let section = &elf.section_headers[symbol.st_shndx];
                let start = (section.sh_offset + symbol.st_value) as usize;
                (section.sh_type == SHT_PROGBITS)
                    .then(|| bytes[start..start + symbol.st_size as usize].to_vec())
            };
            assert!(place("schedule").unwrap().starts_with(trap(arch)), "{arch}");
            assert_eq!(place("jiffies_64"), None, "{arch}: it is zero, and takes no place in the file");
            assert_eq!(ObjectsNote::parse(&place(SYMBOL).unwrap()), note, "{arch}");
        }
    }
}
