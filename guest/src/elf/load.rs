//! Loading a guest from an ELF file.

use goblin::container::{Container, Ctx, Endian};
use goblin::elf::header::{self, Header};
use goblin::elf::program_header::{PF_W, PF_X, PT_LOAD, ProgramHeader};
use goblin::elf::section_header::{SHT_PROGBITS, SHT_SYMTAB, SectionHeader};
use goblin::elf::sym::{STT_FUNC, Symtab};
use goblin::elf::{Elf, program_header, sym};
use goblin::strtab::Strtab;
use pmdscope_arches::{Arch, ByteOrder};

use super::error::GuestError;
use super::format::{has_entry_size, index};
use super::guest::{Guest, Segment, Symbol};
use super::machine::check_machine;
use crate::abi::LIMIT;
use crate::declared::{self, SECTION};
use crate::probe::{self, Note};
use crate::routine::Routine;

impl Guest {
    /// Reads a guest for `arch` from an ELF file, and checks everything that it loads.
    ///
    /// # Errors
    /// If the file is damaged, is for another architecture, or is not a guest.
    pub fn parse(bytes: &[u8], arch: Arch) -> Result<Guest, GuestError> {
        let damaged = |part| move |source| GuestError::Damaged { part, source };
        if !bytes.starts_with(header::ELFMAG) {
            return Err(GuestError::NotElf);
        }
        let header = Elf::parse_header(bytes).map_err(damaged("header"))?;
        check_machine(&header, arch)?;
        if header.e_type != header::ET_EXEC {
            return Err(GuestError::NotProgram(header::et_to_str(header.e_type)));
        }
        let endian = match ByteOrder::of(arch) {
            ByteOrder::Little => Endian::Little,
            ByteOrder::Big => Endian::Big,
        };
        let context = Ctx::new(Container::Big, endian);

        check_entry_size(
            "program headers",
            header.e_phnum,
            header.e_phentsize.into(),
            program_header::program_header64::SIZEOF_PHDR,
        )?;
        let programs = ProgramHeader::parse(bytes, index(header.e_phoff), header.e_phnum.into(), context)
            .map_err(damaged("program headers"))?;
        let segments = segments(bytes, &programs)?;

        check_entry_size(
            "section headers",
            header.e_shnum,
            header.e_shentsize.into(),
            goblin::elf::section_header::section_header64::SIZEOF_SHDR,
        )?;
        let sections = SectionHeader::parse(bytes, index(header.e_shoff), header.e_shnum.into(), context)
            .map_err(damaged("section headers"))?;
        let functions = functions(bytes, &sections, context)?;
        // Readers of a function's code read as many bytes as its symbol says.
        if let Some(outside) = functions.iter().find(|function| !lies_in(function, &segments)) {
            return Err(GuestError::FunctionOutside { name: outside.name.clone() });
        }
        let declared = declared::parse(section(bytes, &header, &sections, SECTION)?)?;
        let note = match section(bytes, &header, &sections, probe::SECTION)? {
            [] => None,
            text => Some(Box::new(Note::parse(text).map_err(GuestError::Note)?)),
        };
        let has = |one: &Routine| functions.iter().any(|function| function.name == one.symbol());
        if let Some(without) = declared.iter().find(|one| !has(one)) {
            let (name, symbol) = (without.name.to_owned(), without.symbol().to_owned());
            return Err(GuestError::DeclaredWithout { name, symbol });
        }
        Ok(Guest { arch, segments, functions, declared, note })
    }
}

fn check_entry_size(table: &'static str, count: u16, found: u64, wanted: usize) -> Result<(), GuestError> {
    let wanted = wanted as u64;
    if has_entry_size(count, found, wanted) {
        Ok(())
    } else {
        Err(GuestError::EntrySize { table, found, wanted })
    }
}

/// Returns the segments to load, in ascending order of addresses.
fn segments(bytes: &[u8], programs: &[ProgramHeader]) -> Result<Vec<Segment>, GuestError> {
    let mut segments = Vec::new();
    for program in programs.iter().filter(|program| program.p_type == PT_LOAD && program.p_memsz > 0) {
        let content = program
            .p_offset
            .checked_add(program.p_filesz)
            .filter(|_| program.p_filesz <= program.p_memsz)
            .and_then(|end| bytes.get(index(program.p_offset)..index(end)))
            .ok_or(GuestError::SegmentOutside {
                address: program.p_vaddr,
                offset: program.p_offset,
                bytes: program.p_filesz,
                size: program.p_memsz,
                length: bytes.len() as u64,
            })?;
        if program.p_vaddr.checked_add(program.p_memsz).is_none_or(|end| end > LIMIT) {
            return Err(GuestError::SegmentTooHigh { address: program.p_vaddr });
        }
        segments.push(Segment {
            address: program.p_vaddr,
            bytes: content.to_vec(),
            size: program.p_memsz,
            writable: program.p_flags & PF_W != 0,
            executable: program.p_flags & PF_X != 0,
        });
    }
    segments.sort_by_key(|segment| segment.address);
    for pair in segments.windows(2) {
        let (first, second) = (pair[0].address, pair[1].address);
        if first + pair[0].size > second {
            return Err(GuestError::SegmentsOverlap { first, second });
        }
    }
    if !segments.iter().any(|segment| segment.executable) {
        return Err(GuestError::Without("code"));
    }
    Ok(segments)
}

/// Returns the functions that the symbol table defines, in ascending order of addresses.
fn functions(bytes: &[u8], sections: &[SectionHeader], context: Ctx) -> Result<Vec<Symbol>, GuestError> {
    let damaged = |part| move |source| GuestError::Damaged { part, source };
    let table = sections
        .iter()
        .find(|section| section.sh_type == SHT_SYMTAB)
        .ok_or(GuestError::Without("a symbol table"))?;
    let size = sym::sym64::SIZEOF_SYM as u64;
    if table.sh_entsize != size {
        return Err(GuestError::EntrySize { table: "symbol table", found: table.sh_entsize, wanted: size });
    }
    let names = sections.get(table.sh_link as usize).ok_or(GuestError::Without("names of its symbols"))?;
    let names = Strtab::parse(bytes, index(names.sh_offset), index(names.sh_size), 0)
        .map_err(damaged("symbol names"))?;
    let symbols = Symtab::parse(bytes, index(table.sh_offset), index(table.sh_size / size), context)
        .map_err(damaged("symbol table"))?;
    let mut functions: Vec<_> = symbols
        .iter()
        .filter(|symbol| symbol.st_type() == STT_FUNC && symbol.st_shndx != 0)
        .filter_map(|symbol| {
            let name = names.get_at(symbol.st_name).filter(|name| !name.is_empty())?;
            Some(Symbol { name: name.to_owned(), address: symbol.st_value, size: symbol.st_size })
        })
        .collect();
    functions.sort_by(|a, b| (a.address, &a.name).cmp(&(b.address, &b.name)));
    Ok(functions)
}

/// Returns the bytes of the section of a name; empty without such a section.
fn section<'a>(
    bytes: &'a [u8],
    header: &Header,
    sections: &[SectionHeader],
    name: &'static str,
) -> Result<&'a [u8], GuestError> {
    let damaged = |part| move |source| GuestError::Damaged { part, source };
    let Some(names) = sections.get(usize::from(header.e_shstrndx)) else { return Ok(&[]) };
    let names = Strtab::parse(bytes, index(names.sh_offset), index(names.sh_size), 0)
        .map_err(damaged("names of its sections"))?;
    let Some(section) = sections.iter().find(|section| names.get_at(section.sh_name) == Some(name)) else {
        return Ok(&[]);
    };
    let end = section.sh_offset.checked_add(section.sh_size).filter(|_| section.sh_type == SHT_PROGBITS);
    end.and_then(|end| bytes.get(index(section.sh_offset)..index(end))).ok_or(GuestError::Damaged {
        part: name,
        source: goblin::error::Error::Malformed("it does not lie in the file".to_owned()),
    })
}

/// Whether one segment holds all of a function.
fn lies_in(function: &Symbol, segments: &[Segment]) -> bool {
    let end = function.address.checked_add(function.size);
    segments.iter().any(|segment| {
        segment.address <= function.address
            && end.is_some_and(|end| end <= segment.address.saturating_add(segment.size))
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::bundled::{all_bundled, bundled};
    use pmdscope_arches::Version;

    fn arm64() -> Vec<u8> {
        bundled(Arch::Arm64, None, Version::new(6, 12)).unwrap().elf.to_vec()
    }

    fn error_of(bytes: &[u8]) -> String {
        Guest::parse(bytes, Arch::Arm64).unwrap_err().to_string()
    }

    /// Returns a guest for arm64 in which these bytes replace those at `offset`.
    fn patched<const N: usize>(offset: usize, bytes: [u8; N]) -> Vec<u8> {
        let mut elf = arm64();
        elf[offset..offset + N].copy_from_slice(&bytes);
        elf
    }

    /// The offset of the second program header, that of the headers' own segment.
    const LOAD: usize = 64 + 56;

    #[test]
    fn a_guest_is_loaded() {
        let guest = Guest::parse(&arm64(), Arch::Arm64).unwrap();
        let start = guest.function("pmdp_invalidate").unwrap();
        assert_eq!(guest.symbol_at(start + 4), Some(("pmdp_invalidate", 4)));
        assert_eq!(guest.symbol_at(0), None);
        assert_eq!(guest.symbol_at(u64::MAX), None);
        let code = guest.segments().iter().find(|segment| segment.executable).unwrap();
        assert!((code.address..code.address + code.size).contains(&start));
        assert_eq!(
            guest.function("pmd_presnet").unwrap_err().to_string(),
            "unknown function of this guest 'pmd_presnet': did you mean 'pmd_present'?"
        );
    }

    #[test]
    fn what_is_wrong_is_said_in_a_line() {
        assert_eq!(error_of(b""), "not an ELF file");
        assert_eq!(error_of(b"#!/bin/sh\n"), "not an ELF file");
        assert!(error_of(&arm64()[..40]).starts_with("damaged ELF file, in its header"));
        assert!(error_of(&arm64()[..100]).starts_with("damaged ELF file, in its program headers"));
        let x86_64 = bundled(Arch::X86_64, None, Version::new(6, 12)).unwrap();
        assert_eq!(error_of(x86_64.elf), "an ELF file for x86_64, not for arm64");
        assert_eq!(
            error_of(&patched(18, 40u16.to_le_bytes())),
            "an ELF file for a 64-bit little-endian ARM, not for arm64"
        );
        assert_eq!(
            error_of(&patched(16, [1, 0])),
            "an ELF file that is not a linked program (its type is REL)"
        );
        assert_eq!(
            error_of(&patched(54, [32, 0])),
            "damaged ELF file: an entry of its program headers takes 32 bytes instead of 56"
        );
        assert!(
            error_of(&patched(LOAD + 8, u64::MAX.to_le_bytes()))
                .starts_with("damaged ELF file: the segment at 0x100000 ")
        );
        assert!(
            error_of(&patched(LOAD + 40, [1, 0, 0, 0]))
                .starts_with("damaged ELF file: the segment at 0x100000 ")
        );
        assert_eq!(
            error_of(&patched(LOAD + 16, u64::MAX.to_le_bytes())),
            "the segment at 0xffffffffffffffff ends beyond 0x200000, where a guest must end"
        );
        assert_eq!(
            error_of(&patched(LOAD + 40, 0x8_0000u64.to_le_bytes())),
            "the segments at 0x100000 and 0x102120 overlap"
        );
        assert_eq!(error_of(&patched(60, [0, 0])), "an ELF file without a symbol table");
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_loader_panic(
            which in 0..all_bundled().len(),
            changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..8),
            header_changes in prop::collection::vec((0usize..64 + 4 * 56, any::<u8>()), 0..4),
            length in any::<prop::sample::Index>(),
            truncate: bool,
        ) {
            let guest = &all_bundled()[which];
            let mut elf = guest.elf.to_vec();
            for (index, byte) in changes {
                let at = index.index(elf.len());
                elf[at] = byte;
            }
            for (at, byte) in header_changes {
                elf[at] = byte;
            }
            if truncate {
                elf.truncate(length.index(elf.len()));
            }
            if let Ok(guest) = Guest::parse(&elf, guest.arch) {
                for function in guest.functions() {
                    guest.symbol_at(function.address);
                }
                for pair in guest.segments().windows(2) {
                    prop_assert!(pair[0].address + pair[0].size <= pair[1].address);
                }
            }
        }

        #[test]
        fn garbage_is_refused(mut bytes in prop::collection::vec(any::<u8>(), 0..400), magic: bool) {
            if magic && bytes.len() >= 4 {
                bytes[..4].copy_from_slice(header::ELFMAG);
            }
            for arch in Arch::ALL {
                prop_assert!(Guest::parse(&bytes, arch).is_err());
            }
        }
    }
}
