//! LoongArch, LA64: the base integer and privileged instructions.
//!
//! Source: LoongArch Reference Manual, Volume 1: Basic Architecture, v1.00.
//!
//! Control and status registers are data, and so is what else a CPU would know of its machine:
//! - Word `n` of `cpucfg` is [`Cpu::control`] of `0x4000 + (n & 0xff)`, and 0 unless somebody has set it.
//! - The time that `rdtime` reads is [`Cpu::control`] of `0x5000`. There is no clock: each read adds 1, so that a
//!   program gives the same every time.
//!
//! Neither is the number of a control and status register: those have 14 bits.

mod atomic;
mod compute;
mod execute;
mod table;
#[cfg(test)]
mod tests;
mod text;

use table::{Operands, Operation, Row, TABLE};

/// A decoded instruction. An operand that it lacks is 0, as the value of register 0 is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Instruction {
    /// The index of its row in the table.
    row: u16,
    operation: Operation,
    /// A register; of `preld`, `cacop` and `invtlb` the number in its place.
    rd: u8,
    /// A register.
    rj: u8,
    /// A register; of a field of bits its lowest bit.
    rk: u8,
    /// Any other operand; of a field of bits its highest bit. Offsets are in bytes.
    immediate: i32,
}

impl Instruction {
    /// Decodes the instruction that `code` begins with; `None` if it is not known, or not whole.
    pub(crate) fn decode(code: &[u8]) -> Option<Self> {
        let word = u32::from_le_bytes(*code.first_chunk()?);
        let (index, row) = TABLE.iter().enumerate().find(|(_, row)| word & row.mask == row.value)?;
        let instruction = Instruction::from_row(index as u16, row, word);
        instruction.exists().then_some(instruction)
    }

    fn from_row(index: u16, row: &Row, word: u32) -> Self {
        let register = |low: u32| (word >> low & 31) as u8;
        let (d, j, k) = (register(0), register(5), register(10));
        let unsigned = |low: u32, bits: u32| (word >> low & ((1 << bits) - 1)) as i32;
        let signed = |low: u32, bits: u32| sign_extend(unsigned(low, bits), bits);
        // The high bits of a branch's offset are below the low ones.
        let offset = |high: u32| sign_extend(unsigned(0, high) << 16 | unsigned(10, 16), 16 + high) << 2;
        let (rd, rj, rk, immediate) = match row.operands {
            Operands::None => (0, 0, 0, 0),
            Operands::RdRj => (d, j, 0, 0),
            Operands::RjRk => (0, j, k, 0),
            Operands::RdRjRk | Operands::RdRkRj | Operands::HintRjRk | Operands::Invtlb => (d, j, k, 0),
            Operands::RdRjRkShift => (d, j, k, unsigned(15, 2) + 1),
            Operands::RdRjRkByte4 => (d, j, k, unsigned(15, 2)),
            Operands::RdRjRkByte8 => (d, j, k, unsigned(15, 3)),
            Operands::RdRjUi5 => (d, j, 0, unsigned(10, 5)),
            Operands::RdRjUi6 => (d, j, 0, unsigned(10, 6)),
            Operands::RdRjUi8 => (d, j, 0, unsigned(10, 8)),
            Operands::RdRjUi12 => (d, j, 0, unsigned(10, 12)),
            Operands::RdRjSi12 | Operands::HintRjSi12 => (d, j, 0, signed(10, 12)),
            Operands::RdRjSi14 => (d, j, 0, signed(10, 14) << 2),
            Operands::RdRjSi16 => (d, j, 0, signed(10, 16)),
            // lu32i.d keeps the low half of rd: it has it for rj.
            Operands::RdSi20 => (d, d, 0, signed(5, 20)),
            Operands::RjUi8 => (0, j, 0, unsigned(10, 8)),
            Operands::BitsW => (d, j, unsigned(10, 5) as u8, unsigned(16, 5)),
            Operands::BitsD => (d, j, unsigned(10, 6) as u8, unsigned(16, 6)),
            Operands::Code => (0, 0, 0, unsigned(0, 15)),
            Operands::RdCsr => (d, 0, 0, unsigned(10, 14)),
            Operands::RdRjCsr => (d, j, 0, unsigned(10, 14)),
            Operands::RdRjOffset16 | Operands::RjRdOffset16 => (d, j, 0, signed(10, 16) << 2),
            // rd is register 0: it is with 0 that they compare.
            Operands::RjOffset21 => (0, j, 0, offset(5)),
            Operands::Offset26 => (0, 0, 0, offset(10)),
        };
        Instruction { row: index, operation: row.operation, rd, rj, rk, immediate }
    }

    /// Whether the values of its operands make it an instruction of its row.
    fn exists(&self) -> bool {
        match self.row().operands {
            // Of a field whose ends are exchanged the manual says nothing.
            Operands::BitsW | Operands::BitsD => self.immediate >= i32::from(self.rk),
            Operands::RdRjCsr => self.rj > 1,
            // The manual has operations 0 to 6.
            Operands::Invtlb => self.rd <= 6,
            _ => true,
        }
    }

    fn row(&self) -> &'static Row {
        &TABLE[usize::from(self.row)]
    }

    /// Whether the instruction after it may be another than the one that follows it in memory.
    pub(crate) fn ends_block(&self) -> bool {
        matches!(
            self.operation,
            Operation::Branch(_)
                | Operation::Jump { .. }
                | Operation::JumpRegister
                | Operation::Exception(_)
                | Operation::Leave
        )
    }
}

/// Returns `value`, which has so many bits, with its sign.
fn sign_extend(value: i32, bits: u32) -> i32 {
    value << (32 - bits) >> (32 - bits)
}
