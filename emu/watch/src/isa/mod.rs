//! What a vCPU of each architecture needs: how to open it, its registers and calling convention,
//! and which of its instructions are atomic or flush translations. One file an architecture.

mod arm64;
mod powerpc;
mod riscv64;
mod s390x;
mod sparc64;
mod x86_64;

use std::ops::RangeInclusive;

use capstone::{Capstone, CsResult};
use pmdscope_arches::Arch;
use unicorn_engine::{Arch as EngineArch, Mode};

use crate::EmuError;

/// How an instruction takes part in an access to memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Atomicity {
    /// Loads or stores, once.
    Plain,
    /// Loads and stores as one (exchange, compare-and-swap, fetch-and-op, IDTE).
    Atomic,
    /// Opens a load-reserved, store-conditional pair.
    LoadReserved,
    /// Closes such a pair.
    StoreConditional,
}

/// What kind of instruction stands at an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Class {
    /// How it accesses memory.
    pub atomicity: Atomicity,
    /// Whether it invalidates translations.
    pub flushes: bool,
}

impl Class {
    pub(crate) const PLAIN: Class = Class { atomicity: Atomicity::Plain, flushes: false };
    pub(crate) const ATOMIC: Class = Class { atomicity: Atomicity::Atomic, flushes: false };
    pub(crate) const LOAD_RESERVED: Class = Class { atomicity: Atomicity::LoadReserved, flushes: false };
    pub(crate) const STORE_CONDITIONAL: Class =
        Class { atomicity: Atomicity::StoreConditional, flushes: false };
    pub(crate) const FLUSH: Class = Class { atomicity: Atomicity::Plain, flushes: true };
    pub(crate) const ATOMIC_FLUSH: Class = Class { atomicity: Atomicity::Atomic, flushes: true };
}

/// What the engine keeps of an address.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Addresses {
    /// All of it.
    Whole,
    /// The low 52 bits.
    Low52,
    /// 60 bits: of a kernel's addresses, which have bit 63 set, the region is folded into what the address leaves
    /// free, so that address 0 is not taken for the beginning of the kernel.
    Folded,
}

/// Where a called function finds the address to return to.
#[derive(Debug, Clone, Copy)]
pub(crate) enum ReturnTo {
    /// In a register, less a constant: SPARC returns to `%o7 + 8`.
    Register { register: i32, less: u64 },
    /// On top of the stack.
    Stack,
}

/// Gives what a register holds.
pub type ReadRegister<'a> = &'a dyn Fn(i32) -> Result<u64, EmuError>;

/// From an instruction's operands, and what reads a register, to the address it accesses.
pub(crate) type AddressOf = fn(&str, ReadRegister<'_>) -> Result<Option<u64>, EmuError>;

/// An instruction set: all that is particular to one architecture.
pub struct Isa {
    /// The architecture.
    pub arch: Arch,
    pub(crate) engine: (EngineArch, Mode),
    /// Translate by a hook, address for address. ppc64 traps on each fetch without it.
    pub(crate) virtual_tlb: bool,
    /// Registers that put the CPU into 64-bit privileged mode.
    pub(crate) start_registers: &'static [(i32, u64)],
    /// Registers that select how addresses are translated, with the bits of each that do. If a call changes one, what the
    /// engine has translated is forgotten before the next.
    pub(crate) translation: &'static [(i32, u64)],
    /// Registers that the engine leaves out when it keeps what a CPU is like: of sparc64 it keeps nothing.
    pub(crate) not_in_context: &'static [RangeInclusive<i32>],
    /// A function that clears what the engine leaves out as well and has no register for; empty where there is no such.
    pub(crate) clearing: &'static [u8],
    /// What the engine keeps of an address when it accesses memory; the program counter keeps all.
    pub(crate) addresses: Addresses,
    /// The first integer arguments.
    pub(crate) arguments: &'static [i32],
    /// Where a function's value is returned.
    pub(crate) returns: i32,
    /// The engine's own idea of the program counter's register fails in some modes.
    pub(crate) program_counter: i32,
    pub(crate) stack_pointer: i32,
    /// Those that code computes with, flags among them: with memory, all that it depends on. Where the engine numbers
    /// them in order, the first and last are given. Empty if code that waits is not to be noticed.
    pub(crate) registers: &'static [RangeInclusive<i32>],
    /// What the ABI wants below the initial stack top: register save area, and SPARC's bias.
    pub(crate) stack_room: u64,
    pub(crate) stack_bias: u64,
    pub(crate) return_to: ReturnTo,
    /// A jump to itself, for where functions return to: code must be there to be hooked.
    pub(crate) idle: &'static [u8],
    /// The shortest instruction that does nothing; every other has a multiple of its bytes.
    pub(crate) no_operation: &'static [u8],
    /// The instruction by which code says that all it does from here to another such hint is to wait, where the
    /// engine stops at hints; else empty.
    pub(crate) begins_to_spin: &'static [u8],
    /// The register that must hold a function's own address when it is entered.
    pub(crate) entry_register: Option<i32>,
    pub(crate) capstone: fn() -> CsResult<Capstone>,
    /// The class of an instruction, by Capstone's mnemonic and operands.
    pub(crate) classify: fn(&str, &str) -> Class,
    /// Mnemonic and operands of an instruction that Capstone cannot decode.
    pub(crate) supplement: fn(&[u8]) -> Option<(&'static str, String)>,
    /// The address that an instruction accesses, where it has one. For an engine that
    /// raises the same exception for an address where nothing is as for all else that goes wrong.
    pub(crate) address_of: Option<AddressOf>,
    /// Instructions of translation flushes that the engine cannot execute, and which are stepped over.
    pub(crate) skipped: &'static [&'static str],
}

impl Isa {
    /// What the engine makes of an address when it accesses memory, without translation.
    pub(crate) const fn physical(&self, address: u64) -> u64 {
        const LOW_52: u64 = (1 << 52) - 1;
        const LOW_56: u64 = (1 << 56) - 1;
        match self.addresses {
            Addresses::Whole => address,
            Addresses::Low52 => address & LOW_52,
            Addresses::Folded if address >> 60 == 0 => address,
            Addresses::Folded => address & LOW_56 | (address >> 60 & 7) << 56 | 1 << 59,
        }
    }

    /// The kernel's address that the engine makes this of.
    pub(crate) const fn kernel_address(&self, physical: u64) -> u64 {
        match self.addresses {
            Addresses::Low52 if physical >> 51 & 1 == 1 => physical | 0xfff << 52,
            Addresses::Folded if physical >> 59 & 1 == 1 => {
                physical & ((1 << 56) - 1) | (physical >> 56 & 7 | 8) << 60
            }
            _ => physical,
        }
    }

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
