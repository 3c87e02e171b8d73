//! Decodes instructions of 32 bits (Volume I, RV32/64G Instruction Set Listings).

use super::arithmetic::Arithmetic;
use super::bits::{bits, sign_extend};
use super::privileged::Privileged;
use super::{
    Atomic, Condition, ControlSource, ControlWrite, Instruction, Load, Operation, Ordering, Size, compressed,
};

impl Instruction {
    /// Decodes the instruction that `code` begins with; `None` if it is not known, or not whole.
    pub(crate) fn decode(code: &[u8]) -> Option<Self> {
        let (&low, rest) = code.split_first_chunk::<2>()?;
        let low = u16::from_le_bytes(low);
        // All instructions of 16 bits have other low bits than these.
        if low & 0b11 != 0b11 {
            return compressed::decode(low.into());
        }
        let (&high, _) = rest.split_first_chunk::<2>()?;
        decode_word(u32::from(low) | u32::from(u16::from_le_bytes(high)) << 16)
    }
}

/// The fields of an instruction of 32 bits.
#[derive(Clone, Copy)]
struct Word(u32);

impl Word {
    fn rd(self) -> u8 {
        bits(self.0, 7, 5, 0) as u8
    }

    fn rs1(self) -> u8 {
        bits(self.0, 15, 5, 0) as u8
    }

    fn rs2(self) -> u8 {
        bits(self.0, 20, 5, 0) as u8
    }

    fn funct3(self) -> u32 {
        bits(self.0, 12, 3, 0)
    }

    fn funct7(self) -> u32 {
        bits(self.0, 25, 7, 0)
    }

    /// The immediate of I-type instructions.
    fn i_immediate(self) -> i32 {
        sign_extend(bits(self.0, 20, 12, 0), 12)
    }

    /// The immediate of S-type instructions.
    fn s_immediate(self) -> i32 {
        sign_extend(bits(self.0, 7, 5, 0) | bits(self.0, 25, 7, 5), 12)
    }

    /// The immediate of B-type instructions.
    fn b_immediate(self) -> i32 {
        let immediate =
            bits(self.0, 8, 4, 1) | bits(self.0, 25, 6, 5) | bits(self.0, 7, 1, 11) | bits(self.0, 31, 1, 12);
        sign_extend(immediate, 13)
    }

    /// The immediate of U-type instructions.
    fn u_immediate(self) -> i32 {
        (self.0 & 0xffff_f000).cast_signed()
    }

    /// The immediate of J-type instructions.
    fn j_immediate(self) -> i32 {
        let immediate = bits(self.0, 21, 10, 1)
            | bits(self.0, 20, 1, 11)
            | bits(self.0, 12, 8, 12)
            | bits(self.0, 31, 1, 20);
        sign_extend(immediate, 21)
    }

    fn u_type(self, operation: Operation, immediate: i32) -> Instruction {
        Instruction { operation, rd: self.rd(), rs1: 0, rs2: 0, length: 4, immediate }
    }

    fn i_type(self, operation: Operation, immediate: i32) -> Instruction {
        Instruction { rs1: self.rs1(), ..self.u_type(operation, immediate) }
    }

    fn s_type(self, operation: Operation, immediate: i32) -> Instruction {
        Instruction { operation, rd: 0, rs1: self.rs1(), rs2: self.rs2(), length: 4, immediate }
    }

    fn r_type(self, operation: Operation) -> Instruction {
        Instruction { rd: self.rd(), ..self.s_type(operation, 0) }
    }

    fn no_operands(self, operation: Operation) -> Instruction {
        Instruction { operation, rd: 0, rs1: 0, rs2: 0, length: 4, immediate: 0 }
    }
}

fn decode_word(word: u32) -> Option<Instruction> {
    let word = Word(word);
    Some(match word.0 & 0x7f {
        0b011_0111 => word.u_type(Operation::Lui, word.u_immediate()),
        0b001_0111 => word.u_type(Operation::Auipc, word.u_immediate()),
        0b110_1111 => word.u_type(Operation::Jal, word.j_immediate()),
        0b110_0111 if word.funct3() == 0 => word.i_type(Operation::Jalr, word.i_immediate()),
        0b110_0011 => word.s_type(Operation::Branch(condition(word)?), word.b_immediate()),
        0b000_0011 => word.i_type(Operation::Load(load(word)?), word.i_immediate()),
        0b010_0011 => word.s_type(Operation::Store(store(word)?), word.s_immediate()),
        0b001_0011 => decode_immediate(word)?,
        0b001_1011 => decode_immediate_word(word)?,
        0b011_0011 => word.r_type(Operation::Register(register_arithmetic(word)?)),
        0b011_1011 => word.r_type(Operation::Register(register_arithmetic_word(word)?)),
        0b010_1111 => word.r_type(atomic(word)?),
        0b000_1111 => decode_fence(word)?,
        0b111_0011 => decode_system(word)?,
        _ => return None,
    })
}

fn condition(word: Word) -> Option<Condition> {
    Some(match word.funct3() {
        0b000 => Condition::Equal,
        0b001 => Condition::NotEqual,
        0b100 => Condition::Less,
        0b101 => Condition::GreaterOrEqual,
        0b110 => Condition::LessUnsigned,
        0b111 => Condition::GreaterOrEqualUnsigned,
        _ => return None,
    })
}

fn load(word: Word) -> Option<Load> {
    Some(match word.funct3() {
        0b000 => Load::Byte,
        0b001 => Load::Half,
        0b010 => Load::Word,
        0b011 => Load::Double,
        0b100 => Load::ByteUnsigned,
        0b101 => Load::HalfUnsigned,
        0b110 => Load::WordUnsigned,
        _ => return None,
    })
}

fn store(word: Word) -> Option<Size> {
    Some(match word.funct3() {
        0b000 => Size::Byte,
        0b001 => Size::Half,
        0b010 => Size::Word,
        0b011 => Size::Double,
        _ => return None,
    })
}

fn decode_immediate(word: Word) -> Option<Instruction> {
    let arithmetic = match word.funct3() {
        0b000 => Arithmetic::Add,
        0b010 => Arithmetic::Slt,
        0b011 => Arithmetic::Sltu,
        0b100 => Arithmetic::Xor,
        0b110 => Arithmetic::Or,
        0b111 => Arithmetic::And,
        shift => {
            // Above the 6 bits of the number to shift by.
            let arithmetic = match (shift, word.0 >> 26) {
                (0b001, 0) => Arithmetic::Sll,
                (0b101, 0) => Arithmetic::Srl,
                (0b101, 0b01_0000) => Arithmetic::Sra,
                _ => return None,
            };
            return Some(word.i_type(Operation::Immediate(arithmetic), word.i_immediate() & 0x3f));
        }
    };
    Some(word.i_type(Operation::Immediate(arithmetic), word.i_immediate()))
}

fn decode_immediate_word(word: Word) -> Option<Instruction> {
    let arithmetic = match (word.funct3(), word.funct7()) {
        (0b000, _) => return Some(word.i_type(Operation::Immediate(Arithmetic::AddW), word.i_immediate())),
        (0b001, 0) => Arithmetic::SllW,
        (0b101, 0) => Arithmetic::SrlW,
        (0b101, 0b010_0000) => Arithmetic::SraW,
        _ => return None,
    };
    Some(word.i_type(Operation::Immediate(arithmetic), word.i_immediate() & 0x1f))
}

fn register_arithmetic(word: Word) -> Option<Arithmetic> {
    Some(match (word.funct7(), word.funct3()) {
        (0, 0b000) => Arithmetic::Add,
        (0, 0b001) => Arithmetic::Sll,
        (0, 0b010) => Arithmetic::Slt,
        (0, 0b011) => Arithmetic::Sltu,
        (0, 0b100) => Arithmetic::Xor,
        (0, 0b101) => Arithmetic::Srl,
        (0, 0b110) => Arithmetic::Or,
        (0, 0b111) => Arithmetic::And,
        (0b010_0000, 0b000) => Arithmetic::Sub,
        (0b010_0000, 0b101) => Arithmetic::Sra,
        (1, 0b000) => Arithmetic::Mul,
        (1, 0b001) => Arithmetic::Mulh,
        (1, 0b010) => Arithmetic::Mulhsu,
        (1, 0b011) => Arithmetic::Mulhu,
        (1, 0b100) => Arithmetic::Div,
        (1, 0b101) => Arithmetic::Divu,
        (1, 0b110) => Arithmetic::Rem,
        (1, 0b111) => Arithmetic::Remu,
        _ => return None,
    })
}

fn register_arithmetic_word(word: Word) -> Option<Arithmetic> {
    Some(match (word.funct7(), word.funct3()) {
        (0, 0b000) => Arithmetic::AddW,
        (0, 0b001) => Arithmetic::SllW,
        (0, 0b101) => Arithmetic::SrlW,
        (0b010_0000, 0b000) => Arithmetic::SubW,
        (0b010_0000, 0b101) => Arithmetic::SraW,
        (1, 0b000) => Arithmetic::MulW,
        (1, 0b100) => Arithmetic::DivW,
        (1, 0b101) => Arithmetic::DivuW,
        (1, 0b110) => Arithmetic::RemW,
        (1, 0b111) => Arithmetic::RemuW,
        _ => return None,
    })
}

fn atomic(word: Word) -> Option<Operation> {
    let size = match word.funct3() {
        0b010 => Size::Word,
        0b011 => Size::Double,
        _ => return None,
    };
    let ordering = match word.funct7() & 0b11 {
        0b00 => Ordering::Relaxed,
        0b01 => Ordering::Release,
        0b10 => Ordering::Acquire,
        _ => Ordering::AcquireRelease,
    };
    let atomic = match word.funct7() >> 2 {
        0b00010 if word.rs2() == 0 => return Some(Operation::LoadReserved(size, ordering)),
        0b00011 => return Some(Operation::StoreConditional(size, ordering)),
        0b00001 => Atomic::Swap,
        0b00000 => Atomic::Add,
        0b00100 => Atomic::Xor,
        0b01100 => Atomic::And,
        0b01000 => Atomic::Or,
        0b10000 => Atomic::Min,
        0b10100 => Atomic::Max,
        0b11000 => Atomic::MinUnsigned,
        0b11100 => Atomic::MaxUnsigned,
        _ => return None,
    };
    Some(Operation::Atomic(atomic, size, ordering))
}

fn decode_fence(word: Word) -> Option<Instruction> {
    const FENCE_TSO: u32 = 0x8330_000f;
    const FENCE_I: u32 = 0x0000_100f;
    const PAUSE: u32 = 0x0100_000f;
    Some(match word.0 {
        FENCE_TSO => word.no_operands(Operation::FenceTso),
        FENCE_I => word.no_operands(Operation::FenceI),
        PAUSE => word.no_operands(Operation::Pause),
        // The mode and both registers are reserved.
        _ if word.funct3() == 0 && word.0 >> 28 == 0 && word.rd() == 0 && word.rs1() == 0 => {
            Instruction { immediate: word.i_immediate(), ..word.no_operands(Operation::Fence) }
        }
        _ => return None,
    })
}

fn decode_system(word: Word) -> Option<Instruction> {
    const ECALL: u32 = 0x0000_0073;
    const EBREAK: u32 = 0x0010_0073;
    const SFENCE_VMA: u32 = 0b000_1001;
    let write = match word.funct3() & 0b11 {
        0b00 => {
            return Some(match word.0 {
                ECALL => word.no_operands(Operation::Ecall),
                EBREAK => word.no_operands(Operation::Ebreak),
                _ if word.funct3() == 0 && word.funct7() == SFENCE_VMA && word.rd() == 0 => {
                    word.s_type(Operation::SfenceVma, 0)
                }
                _ => word.r_type(Operation::Privileged(Privileged::decode(word.0)?)),
            });
        }
        0b01 => ControlWrite::Replace,
        0b10 => ControlWrite::SetBits,
        _ => ControlWrite::ClearBits,
    };
    let source = if word.funct3() & 0b100 == 0 { ControlSource::Register } else { ControlSource::Immediate };
    Some(word.i_type(Operation::Control(write, source), word.i_immediate() & 0xfff))
}
