//! Facts of the ELF format that readers of guests and of kernels share.

use goblin::elf::header;
use pmdscope_arches::Arch;

/// A file offset as an index. One that does not fit is beyond the end of any file.
pub(crate) fn index(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

/// Whether the entries of a table have the size that ELF gives them.
///
/// An empty table may give any size.
pub(crate) fn has_entry_size(count: u16, found: u64, wanted: u64) -> bool {
    count == 0 || found == wanted
}

/// The number that ELF gives an architecture (`e_machine`).
pub(crate) fn machine_number(arch: Arch) -> u16 {
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
