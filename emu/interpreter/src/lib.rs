//! Interprets machine code of 64-bit LoongArch and RISC-V, one instruction at a time: the integer instructions that
//! compilers emit for a kernel.
//!
//! An [`Instruction`] is decoded once and executed any number of times, on a [`Cpu`], over a [`Memory`] of the
//! caller's. An instruction that is not known is never skipped: [`Instruction::decode`] returns `None`, and
//! [`Stop::NotDone`] ends one that is known and cannot be executed here.
#![forbid(unsafe_code)]

mod cpu;
mod instruction;
mod loongarch64;
mod memory;
mod riscv64;

pub use cpu::{Cpu, Reservation};
pub use instruction::{Instruction, InstructionSet};
pub use memory::{Memory, Stop};
