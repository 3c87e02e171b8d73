//! The instructions with which kernels report bugs and warnings.

use pmdscope_arches::{Arch, ByteOrder};

use crate::kernel::image::MemoryImage;

/// Whether the kernels of an architecture have a table of bugs that is known here.
pub(super) const fn is_known(arch: Arch) -> bool {
    !matches!(arch, Arch::Sparc64)
}

/// Whether the instruction at an address is one with which `BUG()` or `WARN_ON()` traps.
///
/// Source: Linux arch/*/include/asm/bug.h.
pub(crate) fn is_trap(image: &MemoryImage, address: u64) -> bool {
    let starts_with = |bytes: &[u8]| image.read(address, bytes.len()) == Some(bytes);
    let word = || {
        let bytes = *image.read(address, 4)?.first_chunk()?;
        Some(match ByteOrder::of(image.arch) {
            ByteOrder::Little => u32::from_le_bytes(bytes),
            ByteOrder::Big => u32::from_be_bytes(bytes),
        })
    };
    match image.arch {
        // brk #0x800
        Arch::Arm64 => address.is_multiple_of(4) && word() == Some(0xd421_0000),
        // ud2
        Arch::X86_64 => starts_with(&[0x0f, 0x0b]),
        // ebreak, c.ebreak
        Arch::Riscv64 => {
            address.is_multiple_of(2)
                && (word() == Some(0x0010_0073) || starts_with(&0x9002_u16.to_le_bytes()))
        }
        // break 1
        Arch::LoongArch64 => address.is_multiple_of(4) && word() == Some(0x002a_0001),
        // mc 0,0
        Arch::S390x => address.is_multiple_of(2) && starts_with(&[0xaf, 0, 0, 0]),
        // tdi and twi, whose operands have the condition, and in assembly tw and td.
        Arch::Ppc64 | Arch::Ppc64le => {
            let traps = |word: u32| match word >> 26 {
                2 | 3 => true,
                31 => matches!(word >> 1 & 0x3ff, 4 | 68),
                _ => false,
            };
            address.is_multiple_of(4) && word().is_some_and(traps)
        }
        Arch::Sparc64 => false,
    }
}
