//! Instruction sets: how the engine and the disassembler are opened, which instructions are atomic, call or flush
//! translations, and how the engine maps addresses. Each architecture has a file, and a line in the list below.

mod arm64;
mod model;
mod powerpc;
mod riscv64;
mod s390x;
mod sparc64;
mod x86_64;

use pmdscope_arches::Arch;

pub use self::model::{Atomicity, Class, Isa, ReadRegister};

/// Every instruction set.
static INSTRUCTION_SETS: &[&Isa] = &[
    &arm64::ISA,
    &x86_64::ISA,
    &s390x::ISA,
    &powerpc::PPC64,
    &powerpc::PPC64LE,
    &riscv64::ISA,
    &sparc64::ISA,
];

impl Isa {
    /// The instruction set of `arch`; `None` where the engine has no such CPU.
    pub fn of(arch: Arch) -> Option<&'static Isa> {
        INSTRUCTION_SETS.iter().find(|isa| isa.arch == arch).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kernels_address_comes_back_from_what_the_engine_makes_of_it() {
        for isa in INSTRUCTION_SETS {
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
        for isa in INSTRUCTION_SETS {
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
        for isa in INSTRUCTION_SETS {
            for address in [0, 8, 0x5555_5555_5000, 0x7fff_ffff_f000] {
                assert_eq!(isa.physical(address), address, "{}", isa.arch);
                assert_eq!(isa.kernel_address(address), address, "{}", isa.arch);
            }
        }
    }
}
