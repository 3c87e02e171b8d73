//! Instruction sets: which instructions are atomic or flush translations, and what the engine makes of addresses. One
//! file an architecture.

mod arm64;
mod model;
mod powerpc;
mod riscv64;
mod s390x;
mod sparc64;
mod x86_64;

use pmdscope_arches::Arch;

pub use self::model::{Atomicity, Class, Isa, ReadRegister};

impl Isa {
    /// The instruction set of `arch`; `None` where the engine has no such CPU.
    pub fn of(arch: Arch) -> Option<&'static Isa> {
        match arch {
            Arch::Arm64 => Some(&arm64::ISA),
            Arch::X86_64 => Some(&x86_64::ISA),
            Arch::S390x => Some(&s390x::ISA),
            Arch::Ppc64 => Some(&powerpc::PPC64),
            Arch::Ppc64le => Some(&powerpc::PPC64LE),
            Arch::Riscv64 => Some(&riscv64::ISA),
            Arch::Sparc64 => Some(&sparc64::ISA),
            Arch::LoongArch64 => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where kernels of an architecture have their image, their linear map and their struct pages.
    fn addresses(arch: Arch) -> &'static [u64] {
        match arch {
            Arch::Arm64 => &[0xffff_8000_1000_0000, 0xffff_0000_4000_0000, 0xffff_fdff_ffe0_0000],
            Arch::X86_64 => &[0xffff_ffff_8100_0000, 0xffff_8880_0000_0000, 0xffff_ea00_0000_0000],
            Arch::S390x => &[0x10_0000, 0x100_0000_0000, 0x70_0000_0000],
            Arch::Ppc64 | Arch::Ppc64le => {
                &[0xc000_0000_0000_0000, 0xc00c_0000_0000_0000, 0xc000_0200_1000_0000]
            }
            Arch::Riscv64 => &[0xffff_ffff_8000_2000, 0xff60_0000_0000_0000, 0xff1c_0000_0000_0000],
            Arch::Sparc64 | Arch::LoongArch64 => &[0x40_0000],
        }
    }

    fn all() -> impl Iterator<Item = &'static Isa> {
        Arch::ALL.into_iter().filter_map(Isa::of)
    }

    #[test]
    fn a_kernels_address_comes_back_from_what_the_engine_makes_of_it() {
        for isa in all() {
            for address in addresses(isa.arch) {
                let physical = isa.physical(*address);
                assert_eq!(isa.kernel_address(physical), *address, "{} {address:#x}", isa.arch);
                assert_eq!(
                    isa.physical(physical),
                    physical,
                    "{}: no address of its own {physical:#x}",
                    isa.arch
                );
                // Within a region the engine keeps distances.
                assert_eq!(
                    isa.physical(address + 0x12_3458),
                    physical + 0x12_3458,
                    "{} {address:#x}",
                    isa.arch
                );
            }
        }
    }

    #[test]
    fn no_two_of_a_kernels_regions_come_to_the_same() {
        for isa in all() {
            let mut addresses = addresses(isa.arch).to_vec();
            addresses.extend([0, 0x1000, 0x7fff_ffff_f000]);
            addresses.sort_unstable();
            addresses.dedup();
            let mut physical: Vec<u64> = addresses.iter().map(|address| isa.physical(*address)).collect();
            physical.sort_unstable();
            physical.dedup();
            assert_eq!(physical.len(), addresses.len(), "{}", isa.arch);
        }
    }

    #[test]
    fn an_address_of_user_space_stays_as_it_is() {
        for isa in all() {
            for address in [0, 8, 0x5555_5555_5000, 0x7fff_ffff_f000] {
                assert_eq!(isa.physical(address), address, "{}", isa.arch);
                assert_eq!(isa.kernel_address(address), address, "{}", isa.arch);
            }
        }
    }
}
