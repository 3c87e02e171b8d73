//! Instruction sets: how the engine and the disassembler are opened, which instructions are atomic, call or flush
//! translations, and how the engine maps addresses. Each architecture has a file, and a line below.

mod arm64;
mod loongarch64;
mod model;
mod powerpc;
mod riscv64;
mod s390x;
mod sparc64;
mod x86_64;

use pmdscope_arches::Arch;

pub(crate) use self::model::TextSource;
pub use self::model::{Atomicity, Class, Isa};

impl Isa {
    /// The instruction set of `arch`.
    pub fn of(arch: Arch) -> &'static Isa {
        match arch {
            Arch::Arm64 => &arm64::ISA,
            Arch::X86_64 => &x86_64::ISA,
            Arch::S390x => &s390x::ISA,
            Arch::Ppc64 => &powerpc::PPC64,
            Arch::Ppc64le => &powerpc::PPC64LE,
            Arch::Riscv64 => &riscv64::ISA,
            Arch::Sparc64 => &sparc64::ISA,
            Arch::LoongArch64 => &loongarch64::ISA,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kernels_address_comes_back_from_what_the_engine_makes_of_it() {
        for isa in Arch::ALL.map(Isa::of) {
            for address in isa.kernel_addresses {
                let physical = isa.physical(*address);
                assert_eq!(isa.kernel_address(physical), *address, "{} {address:#x}", isa.arch);
                assert_eq!(
                    isa.physical(physical),
                    physical,
                    "{}: no address of its own {physical:#x}",
                    isa.arch
                );
                // The engine keeps distances within a region.
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
    fn no_two_of_a_kernels_regions_have_the_same_physical_address() {
        for isa in Arch::ALL.map(Isa::of) {
            let mut addresses = isa.kernel_addresses.to_vec();
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
        for isa in Arch::ALL.map(Isa::of) {
            for address in [0, 8, 0x5555_5555_5000, 0x7fff_ffff_f000] {
                assert_eq!(isa.physical(address), address, "{}", isa.arch);
                assert_eq!(isa.kernel_address(address), address, "{}", isa.arch);
            }
        }
    }
}
