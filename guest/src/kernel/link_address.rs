//! The addresses at which kernels of each architecture are linked by default.

use pmdscope_arches::Arch;

/// The link address of an s390x kernel. Its entry point has the same address.
///
/// Source: Linux arch/s390/kernel/vmlinux.lds.S.
pub(super) const S390X: u64 = 0x10_0000;

/// The window through which a LoongArch kernel sees physical memory, cached.
///
/// Source: Linux arch/loongarch/include/asm/loongarch.h, CSR_DMW1_BASE, in v7.2.
const LOONGARCH64_WINDOW: u64 = 0x9000_0000_0000_0000;

/// Returns the link address of a LoongArch kernel from the load offset in its header; `None` if the header has none.
///
/// The header has the physical part of the address. Headers of old kernels have 0 there, and no kernel is linked at 0.
/// Source: Linux arch/loongarch/kernel/head.S and arch/loongarch/include/asm/addrspace.h, PHYS_LINK_KADDR, in v7.2.
pub(super) fn loongarch64(load_offset: u64) -> Option<u64> {
    // Linux arch/loongarch/include/asm/addrspace.h, DMW_PABITS.
    let is_physical = load_offset >> 48 == 0;
    (load_offset != 0 && is_physical).then_some(LOONGARCH64_WINDOW | load_offset)
}

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
        // Linux arch/loongarch/Makefile, load-y, in v7.2.
        Arch::LoongArch64 => LOONGARCH64_WINDOW | 0x20_0000,
        _ => 0,
    }
}
