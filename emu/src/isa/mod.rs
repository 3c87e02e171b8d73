//! What a vCPU of each architecture needs: how to open it, its registers and calling convention,
//! and which of its instructions are atomic or flush translations. One file an architecture.

mod arm64;
mod powerpc;
mod riscv64;
mod s390x;
mod sparc64;
mod x86_64;

use capstone::{Capstone, CsResult};
use pmdscope_arches::Arch;
use unicorn_engine::{Arch as EngineArch, Mode};

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

/// Where a called function finds the address to return to.
#[derive(Debug, Clone, Copy)]
pub(crate) enum ReturnTo {
    /// In a register, less a constant: SPARC returns to `%o7 + 8`.
    Register { register: i32, less: u64 },
    /// On top of the stack.
    Stack,
}

/// From an instruction's operands, and what reads a register, to the address it accesses.
pub(crate) type AddressOf = fn(&str, &dyn Fn(i32) -> u64) -> Option<u64>;

/// An instruction set: all that is particular to one architecture.
pub struct Isa {
    /// The architecture.
    pub arch: Arch,
    pub(crate) engine: (EngineArch, Mode),
    /// Translate by a hook, address for address. ppc64 traps on each fetch without it.
    pub(crate) virtual_tlb: bool,
    /// Registers that put the CPU into 64-bit privileged mode.
    pub(crate) start_registers: &'static [(i32, u64)],
    /// The first four integer arguments.
    pub(crate) arguments: [i32; 4],
    /// The engine's own idea of the program counter's register fails in some modes.
    pub(crate) program_counter: i32,
    pub(crate) stack_pointer: i32,
    /// What the ABI wants below the initial stack top: register save area, and SPARC's bias.
    pub(crate) stack_room: u64,
    pub(crate) stack_bias: u64,
    pub(crate) return_to: ReturnTo,
    /// A jump to itself, for where functions return to: code must be there to be hooked.
    pub(crate) idle: &'static [u8],
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
