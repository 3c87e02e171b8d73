//! The loader: what is needed of an ELF file to run it.

use goblin::container::{Container, Ctx, Endian};
use goblin::elf::header::{self, Header};
use goblin::elf::program_header::{PF_W, PF_X, PT_LOAD, ProgramHeader};
use goblin::elf::section_header::{SHT_PROGBITS, SHT_SYMTAB, SectionHeader};
use goblin::elf::sym::{STT_FUNC, Symtab};
use goblin::elf::{Elf, program_header, sym};
use goblin::strtab::Strtab;
use pmdscope_arches::{Arch, ByteOrder, UnknownName};

use crate::abi::{LIMIT, PREDICATES, SURVEY, VALUES, WARNING};
use crate::declared::{self, DeclarationError, SECTION};
use crate::routine::{Role, Routine, find};

/// A part of a guest's memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    /// Where it starts.
    pub address: u64,
    /// Its first bytes; the rest is zero.
    pub bytes: Vec<u8>,
    /// How many bytes it takes in memory, at least as many as `bytes` has.
    pub size: u64,
    /// Whether it may be written to.
    pub writable: bool,
    /// Whether it holds code.
    pub executable: bool,
}

/// A function of a guest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Symbol {
    /// Its name.
    pub name: String,
    /// Where it starts.
    pub address: u64,
    /// How many bytes it takes.
    pub size: u64,
}

/// A guest that is ready to be put into memory and run.
#[derive(Debug, Clone)]
pub struct Guest {
    arch: Arch,
    segments: Vec<Segment>,
    functions: Vec<Symbol>,
    declared: Vec<&'static Routine>,
}

/// Why a file is not a guest, or a guest has no such function.
#[derive(Debug, thiserror::Error)]
pub enum GuestError {
    /// No ELF magic.
    #[error("not an ELF file")]
    NotElf,
    /// The file ends too early, or a field points outside of it.
    #[error("damaged ELF file, in its {part}")]
    Damaged {
        /// What was being read.
        part: &'static str,
        /// What was wrong.
        source: goblin::error::Error,
    },
    /// Not for the architecture that it is to be run on.
    #[error("an ELF file for {found}, not for {wanted}")]
    WrongMachine {
        /// What it is for.
        found: String,
        /// What it should be for.
        wanted: Arch,
    },
    /// Not linked.
    #[error("an ELF file that is not a linked program (its type is {0})")]
    NotProgram(&'static str),
    /// A table whose entries are not of the size that ELF gives them.
    #[error("damaged ELF file: an entry of its {table} takes {found} bytes instead of {wanted}")]
    EntrySize {
        /// Which table.
        table: &'static str,
        /// What the file says.
        found: u64,
        /// What it must be.
        wanted: u64,
    },
    /// A segment whose bytes are not in the file, or which is smaller in memory than in the file.
    #[error(
        "damaged ELF file: the segment at {address:#x} takes {bytes:#x} bytes at {offset:#x} of a file of {length:#x}, and {size:#x} in memory"
    )]
    SegmentOutside {
        /// Where the segment starts in memory.
        address: u64,
        /// Where its bytes start in the file.
        offset: u64,
        /// How many they are.
        bytes: u64,
        /// How many bytes it takes in memory.
        size: u64,
        /// How long the file is.
        length: u64,
    },
    /// A function that is not in what is loaded.
    #[error("damaged ELF file: its function {} does not lie in what it loads", .name.escape_debug())]
    FunctionOutside {
        /// Its name.
        name: String,
    },
    /// A segment beyond what a guest may use.
    #[error("the segment at {address:#x} ends beyond {LIMIT:#x}, where a guest must end")]
    SegmentTooHigh {
        /// Where it starts.
        address: u64,
    },
    /// Two segments at one place.
    #[error("the segments at {first:#x} and {second:#x} overlap")]
    SegmentsOverlap {
        /// The lower one.
        first: u64,
        /// The upper one.
        second: u64,
    },
    /// Nothing to run.
    #[error("an ELF file without {0}")]
    Without(&'static str),
    /// What it declares is no routine.
    #[error(transparent)]
    Declaration(#[from] DeclarationError),
    /// It declares a routine whose function it has not.
    #[error("it declares {name}, and has no function {symbol}")]
    DeclaredWithout {
        /// The routine.
        name: String,
        /// The function.
        symbol: String,
    },
    /// The guest has no such function.
    #[error(transparent)]
    NoSuchFunction(UnknownName),
}

impl Guest {
    /// Reads a guest for `arch` from the bytes of an ELF file, and checks whatever a loader could
    /// trip over. No input makes it panic.
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

        entry_size(
            "program headers",
            header.e_phnum,
            header.e_phentsize.into(),
            program_header::program_header64::SIZEOF_PHDR,
        )?;
        let programs = ProgramHeader::parse(bytes, offset(header.e_phoff), header.e_phnum.into(), context)
            .map_err(damaged("program headers"))?;
        let segments = segments(bytes, &programs)?;

        entry_size(
            "section headers",
            header.e_shnum,
            header.e_shentsize.into(),
            goblin::elf::section_header::section_header64::SIZEOF_SHDR,
        )?;
        let sections = SectionHeader::parse(bytes, offset(header.e_shoff), header.e_shnum.into(), context)
            .map_err(damaged("section headers"))?;
        let functions = functions(bytes, &sections, context)?;
        // Whoever walks the code of a function would walk on for as long as its symbol says.
        if let Some(outside) = functions.iter().find(|function| !lies_in(function, &segments)) {
            return Err(GuestError::FunctionOutside { name: outside.name.clone() });
        }
        let declared = declared::parse(declarations(bytes, &header, &sections)?)?;
        let has = |one: &Routine| functions.iter().any(|function| function.name == one.symbol());
        if let Some(without) = declared.iter().find(|one| !has(one)) {
            let (name, symbol) = (without.name.to_owned(), without.symbol().to_owned());
            return Err(GuestError::DeclaredWithout { name, symbol });
        }
        Ok(Guest { arch, segments, functions, declared })
    }

    /// The architecture that an ELF file is for, of those that there are.
    ///
    /// # Errors
    /// If it is for none of them, or no ELF file.
    pub fn arch_of(bytes: &[u8]) -> Result<Arch, GuestError> {
        if !bytes.starts_with(header::ELFMAG) {
            return Err(GuestError::NotElf);
        }
        let header =
            Elf::parse_header(bytes).map_err(|source| GuestError::Damaged { part: "header", source })?;
        let is = |arch: &Arch| check_machine(&header, *arch).is_ok();
        match Arch::ALL.into_iter().find(is) {
            Some(arch) => Ok(arch),
            None => check_machine(&header, Arch::Arm64).map(|()| Arch::Arm64),
        }
    }

    /// The architecture it is for.
    pub fn arch(&self) -> Arch {
        self.arch
    }

    /// What goes into memory, from the lowest address up. No two overlap.
    pub fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// The routines that it declares.
    pub fn declared(&self) -> &[&'static Routine] {
        &self.declared
    }

    /// The routines of a role: those that it declares, then those of the registry, whether it has them or not.
    pub fn routines(&self, role: Role) -> impl Iterator<Item = &'static Routine> + Clone + '_ {
        let declared = self.declared.iter().copied().filter(move |one| one.role == role);
        declared.chain(Routine::all(role).iter().copied())
    }

    /// Its routine of this role and name.
    ///
    /// # Errors
    /// If there is none: then the nearest name.
    pub fn routine(&self, role: Role, name: &str) -> Result<&'static Routine, UnknownName> {
        find(self.routines(role), role.name(), name)
    }

    /// Its routine of this name, whatever its role.
    ///
    /// # Errors
    /// If there is none: then the nearest name.
    pub fn routine_of_any_role(&self, name: &str) -> Result<&'static Routine, UnknownName> {
        find(Role::ALL.into_iter().flat_map(|role| self.routines(role)), "routine", name)
    }

    /// Its functions, from the lowest address up.
    pub fn functions(&self) -> &[Symbol] {
        &self.functions
    }

    /// The function that an address lies in, and how far from its start.
    pub fn symbol_at(&self, pc: u64) -> Option<(&str, u64)> {
        let at = self.functions.partition_point(|function| function.address <= pc).checked_sub(1)?;
        let function = &self.functions[at];
        let distance = pc - function.address;
        (distance < function.size).then_some((function.name.as_str(), distance))
    }

    /// The address of a function.
    pub fn function(&self, name: &str) -> Result<u64, GuestError> {
        self.find(name).map(|function| function.address).ok_or_else(|| {
            let registered = Role::ALL.into_iter().flat_map(|role| Routine::all(role).iter().copied());
            let known = (registered.chain(self.declared.iter().copied()).map(Routine::symbol))
                .chain(PREDICATES)
                .chain(VALUES)
                .chain([SURVEY, WARNING])
                .filter(|known| self.find(known).is_some());
            GuestError::NoSuchFunction(UnknownName::new("function of this guest", name, known))
        })
    }

    /// Whether it has the function of a routine.
    pub fn has_routine(&self, routine: &Routine) -> bool {
        self.has(routine.symbol())
    }

    /// Whether it has a function of this name.
    pub fn has(&self, name: &str) -> bool {
        self.find(name).is_some()
    }

    fn find(&self, name: &str) -> Option<&Symbol> {
        self.functions.iter().find(|function| function.name == name)
    }
}

/// A file offset as an index. What does not fit is beyond the end of any file.
pub(crate) fn offset(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

fn entry_size(table: &'static str, count: u16, found: u64, wanted: usize) -> Result<(), GuestError> {
    let wanted = wanted as u64;
    if entry_size_is(count, found, wanted) {
        Ok(())
    } else {
        Err(GuestError::EntrySize { table, found, wanted })
    }
}

/// Whether the entries of a table have the size that ELF gives them. Of an empty table any will do.
pub(crate) fn entry_size_is(count: u16, found: u64, wanted: u64) -> bool {
    count == 0 || found == wanted
}

/// The ELF machine number of an architecture, and whether its files are big-endian.
pub(crate) fn machine_of(arch: Arch) -> u16 {
    match arch {
        Arch::Arm64 => header::EM_AARCH64,
        Arch::X86_64 => header::EM_X86_64,
        Arch::S390x => header::EM_S390,
        Arch::Ppc64 | Arch::Ppc64le => header::EM_PPC64,
        Arch::Riscv64 => header::EM_RISCV,
        Arch::Sparc64 => header::EM_SPARCV9,
        Arch::LoongArch64 => header::EM_LOONGARCH,
    }
}

fn check_machine(header: &Header, wanted: Arch) -> Result<(), GuestError> {
    let class = header.e_ident[header::EI_CLASS];
    let data = header.e_ident[header::EI_DATA];
    let order = if data == header::ELFDATA2MSB { ByteOrder::Big } else { ByteOrder::Little };
    let is = |arch| {
        header.e_machine == machine_of(arch) && order == ByteOrder::of(arch) && class == header::ELFCLASS64
    };
    if is(wanted) {
        return Ok(());
    }
    let found = match Arch::ALL.into_iter().find(|arch| is(*arch)) {
        Some(arch) => arch.name().to_owned(),
        None => {
            let bits = if class == header::ELFCLASS64 { 64 } else { 32 };
            let order = if order == ByteOrder::Big { "big" } else { "little" };
            format!("a {bits}-bit {order}-endian {}", header::machine_to_str(header.e_machine))
        }
    };
    Err(GuestError::WrongMachine { found, wanted })
}

fn segments(bytes: &[u8], programs: &[ProgramHeader]) -> Result<Vec<Segment>, GuestError> {
    let mut segments = Vec::new();
    for program in programs.iter().filter(|program| program.p_type == PT_LOAD && program.p_memsz > 0) {
        let content = program
            .p_offset
            .checked_add(program.p_filesz)
            .filter(|_| program.p_filesz <= program.p_memsz)
            .and_then(|end| bytes.get(offset(program.p_offset)..offset(end)))
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
    let names = Strtab::parse(bytes, offset(names.sh_offset), offset(names.sh_size), 0)
        .map_err(damaged("symbol names"))?;
    let symbols = Symtab::parse(bytes, offset(table.sh_offset), offset(table.sh_size / size), context)
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

/// The bytes of the section that declares routines; none if there is no such section.
fn declarations<'a>(
    bytes: &'a [u8],
    header: &Header,
    sections: &[SectionHeader],
) -> Result<&'a [u8], GuestError> {
    let damaged = |part| move |source| GuestError::Damaged { part, source };
    let Some(names) = sections.get(usize::from(header.e_shstrndx)) else { return Ok(&[]) };
    let names = Strtab::parse(bytes, offset(names.sh_offset), offset(names.sh_size), 0)
        .map_err(damaged("names of its sections"))?;
    let Some(section) = sections.iter().find(|section| names.get_at(section.sh_name) == Some(SECTION)) else {
        return Ok(&[]);
    };
    let end = section.sh_offset.checked_add(section.sh_size).filter(|_| section.sh_type == SHT_PROGBITS);
    end.and_then(|end| bytes.get(offset(section.sh_offset)..offset(end))).ok_or(GuestError::Damaged {
        part: SECTION,
        source: goblin::error::Error::Malformed("it does not lie in the file".to_owned()),
    })
}

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

    /// Writes a number into a little-endian header.
    fn patched<const N: usize>(offset: usize, bytes: [u8; N]) -> Vec<u8> {
        let mut elf = arm64();
        elf[offset..offset + N].copy_from_slice(&bytes);
        elf
    }

    /// Where the second program header starts; it is the one of the headers' own segment.
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
