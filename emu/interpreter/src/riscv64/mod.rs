//! RV64IMAC with Zicsr, Zifencei and Zihintpause, in S-mode.
//!
//! Source: RISC-V Instruction Set Manual, Volume I: Unprivileged Architecture, and Volume II: Privileged Architecture.
//! What the manual leaves open is decided as follows:
//!
//! - An encoding that is reserved is not known; nor is one of an extension that is not named above.
//! - Loads and stores may be misaligned. Atomic instructions may not.
//! - A store-conditional succeeds if memory still has the value that the load-reserved has read.
//! - There is no clock: see [`Operation::Control`].
//! - There is no TLB and no cache: fences have no effect.

mod arithmetic;
mod bits;
mod compressed;
mod decode;
mod execute;
mod privileged;
mod text;

#[cfg(test)]
mod tests;

use arithmetic::Arithmetic;
use privileged::Privileged;

/// A decoded instruction. A compressed one is decoded to the instruction that it expands to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Instruction {
    operation: Operation,
    rd: u8,
    /// A register; for [`ControlSource::Immediate`], the number itself.
    rs1: u8,
    rs2: u8,
    /// 2 or 4 bytes.
    length: u8,
    /// The sign-extended immediate; for [`Operation::Control`], the number of the register; for [`Operation::Fence`],
    /// its predecessors and its successors, four bits each.
    immediate: i32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operation {
    Lui,
    Auipc,
    Jal,
    Jalr,
    Branch(Condition),
    Load(Load),
    Store(Size),
    /// Arithmetic of a register and the immediate.
    Immediate(Arithmetic),
    /// Arithmetic of two registers.
    Register(Arithmetic),
    LoadReserved(Size, Ordering),
    StoreConditional(Size, Ordering),
    Atomic(Atomic, Size, Ordering),
    /// Access to a control and status register. They are data, whatever the mode. Each read of `cycle`, `time` and
    /// `instret` adds one to it: a loop that waits for a time ends, and a program runs the same way each time.
    Control(ControlWrite, ControlSource),
    Fence,
    FenceTso,
    FenceI,
    Pause,
    SfenceVma,
    Ecall,
    Ebreak,
    /// An instruction that is known, and not executed.
    Privileged(Privileged),
}

/// The condition of a branch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Condition {
    Equal,
    NotEqual,
    Less,
    GreaterOrEqual,
    LessUnsigned,
    GreaterOrEqualUnsigned,
}

/// The size of a load, and how the value is extended to 64 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Load {
    Byte,
    Half,
    Word,
    Double,
    ByteUnsigned,
    HalfUnsigned,
    WordUnsigned,
}

/// The size of a store or of an atomic access.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Size {
    Byte,
    Half,
    Word,
    Double,
}

/// The operation of an atomic memory operation (AMO).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Atomic {
    Swap,
    Add,
    Xor,
    And,
    Or,
    Min,
    Max,
    MinUnsigned,
    MaxUnsigned,
}

/// The ordering bits of an atomic access. They have no effect here: instructions are executed in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ordering {
    Relaxed,
    Release,
    Acquire,
    AcquireRelease,
}

/// The way in which an instruction changes a control and status register.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ControlWrite {
    Replace,
    SetBits,
    ClearBits,
}

/// The place of the operand that a control and status register is changed with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ControlSource {
    Register,
    Immediate,
}

impl Size {
    fn bytes(self) -> u8 {
        match self {
            Size::Byte => 1,
            Size::Half => 2,
            Size::Word => 4,
            Size::Double => 8,
        }
    }
}

impl Instruction {
    /// Returns its length in bytes: 2 or 4.
    pub(crate) fn length(&self) -> u64 {
        self.length.into()
    }

    /// Whether the next instruction may be another than the one that follows it in memory.
    ///
    /// `fence.i` is one of these: a program executes it after it has changed its code.
    pub(crate) fn ends_block(&self) -> bool {
        match self.operation {
            Operation::Jal
            | Operation::Jalr
            | Operation::Branch(_)
            | Operation::FenceI
            | Operation::Ecall
            | Operation::Ebreak
            | Operation::Privileged(_) => true,
            Operation::Control(..) => self.is_illegal_write(),
            _ => false,
        }
    }

    /// Returns the number of the control and status register that it accesses.
    fn control_number(&self) -> u16 {
        (self.immediate & 0xfff) as u16
    }

    /// Whether it writes the control and status register that it accesses. An instruction that sets or clears bits
    /// does not if its operand is the register `zero` or the immediate 0.
    fn writes_control(&self) -> bool {
        !matches!(self.operation, Operation::Control(ControlWrite::SetBits | ControlWrite::ClearBits, _))
            || self.rs1 != 0
    }

    /// Whether it writes a read-only control and status register: one with bits 11 and 10 of its number set.
    fn is_illegal_write(&self) -> bool {
        self.control_number() >> 10 == 0b11 && self.writes_control()
    }
}
