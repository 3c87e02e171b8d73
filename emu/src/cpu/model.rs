//! The description of a vCPU.

use std::ops::RangeInclusive;

use pmdscope_arches::Arch;

use crate::error::EmuError;

/// Where a called function finds the address to return to.
#[derive(Debug, Clone, Copy)]
pub(crate) enum ReturnTo {
    /// In a register, less a constant: SPARC returns to `%o7 + 8`.
    Register { register: i32, less: u64 },
    /// On top of the stack.
    Stack,
}

/// Returns the value of a register.
pub(super) type ReadRegister<'a> = &'a dyn Fn(i32) -> Result<u64, EmuError>;

/// From an instruction's operands, and what reads a register, to the address it accesses.
pub(crate) type AddressOf = fn(&str, ReadRegister<'_>) -> Result<Option<u64>, EmuError>;

/// A model of CPU. Registers are given by the engine's numbers of them.
pub(crate) struct CpuModel {
    /// The architecture.
    pub(crate) arch: Arch,
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
    /// The first integer arguments.
    pub(crate) arguments: &'static [i32],
    /// The register that holds a function's return value.
    pub(crate) returns: i32,
    pub(crate) stack_pointer: i32,
    /// The registers that code computes with, flags included.
    ///
    /// With memory, they are all that code depends on. Where the engine numbers them in order, the first and last are
    /// given. Empty if waiting code is not to be noticed.
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
    /// The address that an instruction accesses, where it has one. For an engine that
    /// raises the same exception for an address where nothing is as for all else that goes wrong.
    pub(crate) address_of: Option<AddressOf>,
    /// Instructions of translation flushes that the engine cannot execute, and which are stepped over.
    pub(crate) skipped: &'static [&'static str],
}
