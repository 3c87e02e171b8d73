//! Decoded instructions of any set.

use crate::cpu::Cpu;
use crate::memory::{Memory, Stop};
use crate::{loongarch64, riscv64};

/// The instruction sets that are interpreted here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum InstructionSet {
    /// LoongArch, LA64: base integer and privileged instructions.
    LoongArch64,
    /// RISC-V, RV64IMAC with Zicsr, Zifencei and Zihintpause.
    Riscv64,
}

/// A decoded instruction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Instruction(Kind);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    LoongArch64(loongarch64::Instruction),
    Riscv64(riscv64::Instruction),
}

impl Instruction {
    /// Decodes the instruction that `code` begins with; `None` if it is not known, or not whole.
    pub fn decode(set: InstructionSet, code: &[u8]) -> Option<Self> {
        match set {
            InstructionSet::LoongArch64 => loongarch64::Instruction::decode(code).map(Kind::LoongArch64),
            InstructionSet::Riscv64 => riscv64::Instruction::decode(code).map(Kind::Riscv64),
        }
        .map(Instruction)
    }

    /// Returns its length in bytes.
    pub fn length(&self) -> u64 {
        match &self.0 {
            Kind::LoongArch64(_) => 4,
            Kind::Riscv64(instruction) => instruction.length(),
        }
    }

    /// Whether the instruction after it may be another than the one that follows it in memory: a branch, a call, a
    /// return, a trap.
    pub fn ends_block(&self) -> bool {
        match &self.0 {
            Kind::LoongArch64(instruction) => instruction.ends_block(),
            Kind::Riscv64(instruction) => instruction.ends_block(),
        }
    }

    /// Executes it: it lies at the CPU's program counter, which becomes that of the next instruction.
    ///
    /// # Errors
    /// What ends the program. The program counter is unchanged then.
    pub fn execute(&self, cpu: &Cpu, memory: &dyn Memory) -> Result<(), Stop> {
        match &self.0 {
            Kind::LoongArch64(instruction) => instruction.execute(cpu, memory),
            Kind::Riscv64(instruction) => instruction.execute(cpu, memory),
        }
    }

    /// Returns its mnemonic and its operands, given its address: a branch's target is an address.
    pub fn text(&self, pc: u64) -> (String, String) {
        match &self.0 {
            Kind::LoongArch64(instruction) => instruction.text(pc),
            Kind::Riscv64(instruction) => instruction.text(pc),
        }
    }
}
