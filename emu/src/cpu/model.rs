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

/// Computes the addresses that an instruction accesses, from its operands and a reader of registers.
pub(crate) type AddressesOf = fn(&str, ReadRegister<'_>) -> Result<Vec<u64>, EmuError>;

/// What is done in place of the engine, at an instruction that it executes wrongly, or whose accesses it does not show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum InPlace {
    /// A register gets bits of another.
    Insert(Insertion),
    /// Memory gets what other memory holds.
    Move(Move),
    /// The instruction at `target` is executed. If a register is given, its lowest byte has more bits of the length, less
    /// one.
    Execute { target: Place, length: Option<i32> },
    /// Nobody here does it: the call ends.
    Nothing,
}

/// An instruction that rotates a register and inserts some of its bits into another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Insertion {
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

impl Insertion {
    /// Returns the new value of the target.
    pub(crate) const fn apply(self, target: u64, source: u64) -> u64 {
        target & self.kept | source.rotate_left(self.rotate) & self.inserted
    }
}

/// What a byte of memory becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Combine {
    /// The other byte.
    Copy,
    /// Its conjunction with the other byte.
    And,
    /// Its disjunction with the other byte.
    Or,
    /// Its exclusive disjunction with the other byte.
    Xor,
}

impl Combine {
    /// Returns what `byte` becomes.
    pub(crate) const fn apply(self, byte: u8, other: u8) -> u8 {
        match self {
            Combine::Copy => other,
            Combine::And => byte & other,
            Combine::Or => byte | other,
            Combine::Xor => byte ^ other,
        }
    }
}

/// An address: that in a register, if one is given, plus a displacement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) base: Option<i32>,
    pub(crate) displacement: u64,
}

/// An instruction that changes memory byte by byte, from the lowest address on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Move {
    /// The length is in the instruction.
    Short { combine: Combine, bytes: u64, to: Place, from: Place },
    /// Addresses and lengths are in pairs of registers. What the source lacks is filled up.
    Long {
        to: [i32; 2],
        from: [i32; 2],
        /// The bits of a register of lengths that are the length.
        length: u64,
        /// The byte to fill up with: the lowest of an address, or in the register of the source's length.
        fill: Fill,
    },
}

/// Where a byte to fill memory up with is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fill {
    /// In the lowest byte of an address.
    Address(Place),
    /// In the register of the source's length, above so many bits.
    AboveLength(u32),
}

/// How a CPU says whether interrupts are off.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Interrupts {
    /// The register that says it.
    pub(crate) register: i32,
    /// The bit of it.
    pub(crate) bit: u32,
    /// Whether interrupts are off while the bit is set.
    pub(crate) off_if_set: bool,
    /// How the texts of the instructions begin after which interrupts may be on. A CPU counts as having them on for a moment
    /// at each.
    pub(crate) may_enable: &'static [&'static str],
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
    /// Computes the addresses that an instruction accesses.
    ///
    /// Present only where the engine raises the same exception for an unmapped address as for every other error.
    pub(crate) addresses_of: Option<AddressesOf>,
    /// Mnemonics of instructions that access one byte. They matter where the engine does not tell the size of an access
    /// to unmapped memory.
    pub(crate) byte_accesses: &'static [&'static str],
    /// Returns what is done in place of the engine at an instruction, by Capstone's mnemonic and operands; `None` at most.
    pub(crate) in_place: fn(&str, &str) -> Option<InPlace>,
    /// The register of the condition code, and the bit that its lowest bit is. It has two bits. `None` where nothing
    /// that is done in place of the engine sets it.
    pub(crate) condition_code: Option<(i32, u32)>,
    /// How a CPU says whether interrupts are off; `None` where that is not read, so that they never count as off.
    pub(crate) interrupts: Option<Interrupts>,
    /// How far the engine's program counter is past an instruction that raised an exception.
    pub(crate) past_exception: u64,
    /// Mnemonics of translation flushes that the engine cannot execute. They are stepped over.
    pub(crate) skipped: &'static [&'static str],
}
