//! The addresses at which kernels of each architecture are linked by default.

use pmdscope_arches::Arch;

/// The link address of an s390x kernel. Its entry point has the same address.
///
/// Source: Linux arch/s390/kernel/vmlinux.lds.S.
pub(super) const S390X: u64 = 0x10_0000;

/// Returns the address at which kernels of an architecture are usually linked.
///
/// The address is 0 for architectures whose kernels are ELF files.
pub(super) fn default_link_address(arch: Arch) -> u64 {
    match arch {
        // Linux arch/arm64/include/asm/memory.h, KIMAGE_VADDR with 48-bit addresses, in v6.12.
        Arch::Arm64 => 0xffff_8000_8000_0000,
        // Linux arch/riscv/include/asm/pgtable.h, KERNEL_LINK_ADDR, in v6.12.
        Arch::Riscv64 => 0xffff_ffff_8000_0000,
        Arch::S390x => S390X,
        _ => 0,
    }
}
