//! What there is to know of an object before it is linked.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use goblin::elf::Elf;
use goblin::elf::header::ET_REL;
use goblin::elf::reloc::{
    R_AARCH64_CALL26, R_AARCH64_JUMP26, R_LARCH_B26, R_LARCH_CALL36, R_PPC64_REL24, R_PPC64_REL24_NOTOC,
    R_RISCV_CALL, R_RISCV_CALL_PLT, R_RISCV_JAL, R_X86_64_PLT32,
};
use goblin::elf::section_header::SHN_UNDEF;
use goblin::elf::sym::{STB_GLOBAL, STB_LOCAL};
use pmdscope_arches::{Arch, ByteOrder};

use super::ObjectsError;

/// What LLVM's bitcode begins with.
const BITCODE: &[u8] = b"BC\xc0\xde";

/// POWER's table of contents, which the linker defines.
const TOC: &str = ".TOC.";

/// The names of an object.
#[derive(Debug, Default)]
pub(super) struct ObjectFile {
    /// Whether it is LLVM's bitcode, which the linker compiles. The rest is not known then.
    pub(super) is_bitcode: bool,
    /// Whether it has debug information.
    pub(super) has_debug: bool,
    /// The architecture's own flags of the ELF header.
    pub(super) flags: u32,
    /// The names that it defines for others.
    pub(super) defines: BTreeSet<String>,
    /// The names that it calls as functions and does not define.
    pub(super) calls: BTreeSet<String>,
    /// The other names that it needs and does not define.
    pub(super) needs: BTreeSet<String>,
}

impl ObjectFile {
    /// Reads an object of an architecture.
    ///
    /// # Errors
    /// [`ObjectsError::Object`] if it is no object of it.
    pub(super) fn read(path: &Path, arch: Arch) -> Result<ObjectFile, ObjectsError> {
        let bytes = fs::read(path).map_err(|error| ObjectsError::File { path: path.to_owned(), error })?;
        if bytes.starts_with(BITCODE) {
            return Ok(ObjectFile { is_bitcode: true, ..ObjectFile::default() });
        }
        let wrong = |what: String| ObjectsError::Object { object: path.to_owned(), what };
        let elf = Elf::parse(&bytes).map_err(|error| wrong(format!("this is no object: {error}")))?;
        let is_big = ByteOrder::of(arch) == ByteOrder::Big;
        let header = &elf.header;
        if header.e_type != ET_REL {
            return Err(wrong("this is no object, but an ELF file that was linked".to_owned()));
        }
        if (header.e_machine, elf.little_endian) != (arch.elf_machine(), !is_big) || !elf.is_64 {
            return Err(wrong(format!("this object is not of {arch}, which the folder is configured for")));
        }
        let has_debug = elf
            .section_headers
            .iter()
            .any(|section| elf.shdr_strtab.get_at(section.sh_name) == Some(".debug_info"));
        let mut file = ObjectFile { has_debug, flags: header.e_flags, ..ObjectFile::default() };
        let mut undefined = BTreeSet::new();
        for (number, symbol) in elf.syms.iter().enumerate() {
            let name = elf.strtab.get_at(symbol.st_name).unwrap_or_default();
            if name.is_empty() || symbol.st_bind() == STB_LOCAL {
                continue;
            }
            if symbol.st_shndx != SHN_UNDEF as usize {
                file.defines.insert(name.to_owned());
            } else if symbol.st_bind() == STB_GLOBAL && name != TOC {
                undefined.insert(number);
            }
            // A weak name may stay undefined: the code that uses it asks first.
        }
        let mut called = BTreeSet::new();
        for (_, relocations) in &elf.shdr_relocs {
            let calls = relocations.iter().filter(|relocation| is_call(arch, relocation.r_type));
            called.extend(calls.map(|relocation| relocation.r_sym));
        }
        for number in undefined {
            let symbol = elf.syms.get(number);
            let name = symbol.and_then(|symbol| elf.strtab.get_at(symbol.st_name)).unwrap_or_default();
            let names = if called.contains(&number) { &mut file.calls } else { &mut file.needs };
            names.insert(name.to_owned());
        }
        Ok(file)
    }
}

/// Whether a relocation is that of a call.
fn is_call(arch: Arch, relocation: u32) -> bool {
    let calls: &[u32] = match arch {
        Arch::Arm64 => &[R_AARCH64_CALL26, R_AARCH64_JUMP26],
        Arch::X86_64 => &[R_X86_64_PLT32],
        Arch::S390x => &[R_390_PLT32DBL],
        Arch::Ppc64 | Arch::Ppc64le => &[R_PPC64_REL24, R_PPC64_REL24_NOTOC],
        Arch::Riscv64 => &[R_RISCV_JAL, R_RISCV_CALL, R_RISCV_CALL_PLT],
        Arch::Sparc64 => &[R_SPARC_WDISP30],
        Arch::LoongArch64 => &[R_LARCH_B26, R_LARCH_CALL36],
    };
    calls.contains(&relocation)
}

/// The number of a call by its distance in the ELF supplement of s390x.
const R_390_PLT32DBL: u32 = 20;
/// The same of SPARC.
const R_SPARC_WDISP30: u32 = 7;
