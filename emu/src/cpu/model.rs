//! The description of a CPU model.

use std::ops::RangeInclusive;

use pmdscope_arches::Arch;

use crate::error::EmuError;

/// Where a called function finds the address to return to.
#[derive(Debug, Clone, Copy)]
pub(crate) enum ReturnTo {
    /// In a register, which holds the address minus `less`: SPARC returns to `%o7 + 8`.
    Register { register: i32, less: u64 },
    /// On top of the stack.
    Stack,
}

/// Reads a register, given its engine number.
pub(super) type ReadRegister<'a> = &'a dyn Fn(i32) -> Result<u64, EmuError>;

/// Computes the address that an instruction accesses, from its operands and a reader of registers.
///
/// Returns `None` if the operands name no memory.
pub(crate) type AddressOf = fn(&str, ReadRegister<'_>) -> Result<Option<u64>, EmuError>;

/// An instruction that rotates a register and inserts some of its bits into another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Correction {
    /// The register that is changed.
    pub(crate) target: i32,
    /// The register that is rotated.
    pub(crate) source: i32,
    /// By how many bits it is rotated to the left.
    pub(crate) rotate: u32,
    /// The bits that are inserted.
    pub(crate) inserted: u64,
    /// The bits of the target that stay. All others become 0.
    pub(crate) kept: u64,
}

impl Correction {
    /// Returns the new value of the target.
    pub(crate) const fn apply(self, target: u64, source: u64) -> u64 {
        target & self.kept | source.rotate_left(self.rotate) & self.inserted
    }
}

/// A CPU model. Registers are given by their engine numbers.
pub(crate) struct CpuModel {
    /// The architecture.
    pub(crate) arch: Arch,
    /// Whether a hook translates addresses, instead of the CPU. Without it, ppc64 traps on each fetch.
    pub(crate) virtual_tlb: bool,
    /// Registers, with their values, that put the CPU into 64-bit privileged mode.
    pub(crate) start_registers: &'static [(i32, u64)],
    /// Registers that control address translation, each with a mask of the bits that do.
    ///
    /// If a call changes such a bit, the engine's cached translations are flushed before the next call.
    pub(crate) translation: &'static [(i32, u64)],
    /// Registers that the engine leaves out when it saves a CPU's context. For sparc64 it saves nothing.
    pub(crate) not_in_context: &'static [RangeInclusive<i32>],
    /// Machine code of a function that clears state for which the engine has neither a saved context nor a
    /// register. Empty if there is no such state.
    pub(crate) clearing: &'static [u8],
    /// The registers of the first integer arguments, in order.
    pub(crate) arguments: &'static [i32],
    /// The register that holds a function's return value.
    pub(crate) returns: i32,
    pub(crate) stack_pointer: i32,
    /// The registers that code computes with, flags included.
    ///
    /// Together with memory, they are all that code depends on. Where the engine numbers them in order, a range
    /// gives the first and the last. Empty if waiting code is not detected.
    pub(crate) registers: &'static [RangeInclusive<i32>],
    /// Bytes that the ABI reserves below the initial stack top, such as the register save area.
    pub(crate) stack_room: u64,
    /// Offset from the initial stack pointer, without its bias, of the first argument that has no register. Where a
    /// call puts its return address on the stack, it is on top of the stack.
    pub(crate) stack_arguments: u64,
    /// Subtracted from the initial stack pointer: SPARC's stack bias.
    pub(crate) stack_bias: u64,
    pub(crate) return_to: ReturnTo,
    /// A jump to itself, placed where functions return to: only code can be hooked.
    pub(crate) idle: &'static [u8],
    /// The shortest no-operation. The length of every instruction is a multiple of its length.
    pub(crate) no_operation: &'static [u8],
    /// The hint by which code says that it only waits until the next such hint. Empty where the engine does not
    /// stop at hints.
    pub(crate) begins_to_spin: &'static [u8],
    /// The register that must hold a function's own address when it is entered.
    pub(crate) entry_register: Option<i32>,
    /// Computes the address that an instruction accesses.
    ///
    /// Present only where the engine raises the same exception for an unmapped address as for every other error.
    pub(crate) address_of: Option<AddressOf>,
    /// Mnemonics of instructions that access one byte. They matter where the engine does not tell the size of an access
    /// to unmapped memory.
    pub(crate) byte_accesses: &'static [&'static str],
    /// Returns what an instruction does that the engine executes wrongly, by Capstone's mnemonic and operands; `None` for
    /// all others.
    pub(crate) corrected: fn(&str, &str) -> Option<Correction>,
    /// How far the engine's program counter is past an instruction that raised an exception.
    pub(crate) past_exception: u64,
    /// Mnemonics of translation flushes that the engine cannot execute. They are stepped over.
    pub(crate) skipped: &'static [&'static str],
}
