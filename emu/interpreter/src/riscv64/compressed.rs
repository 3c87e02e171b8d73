//! Decodes instructions of 16 bits (Volume I, "C" Extension for Compressed Instructions) to those of 32 bits that do
//! the same.
//!
//! Hints are decoded to instructions without effect. Encodings for custom extensions that the manual counts among
//! hints are none of these.

use super::arithmetic::Arithmetic;
use super::bits::{bits, sign_extend};
use super::{Condition, Instruction, Load, Operation, Size};

const ZERO: u8 = 0;
const RETURN_ADDRESS: u8 = 1;
const STACK_POINTER: u8 = 2;

/// Decodes the instruction of 16 bits `half`.
pub(super) fn decode(half: u32) -> Option<Instruction> {
    match half & 0b11 {
        0b00 => decode_quadrant_0(half),
        0b01 => decode_quadrant_1(half),
        0b10 => decode_quadrant_2(half),
        _ => None,
    }
}

fn decode_quadrant_0(half: u32) -> Option<Instruction> {
    let (high, low) = (short_register(half, 7), short_register(half, 2));
    let word_offset = bits(half, 6, 1, 2) | bits(half, 10, 3, 3) | bits(half, 5, 1, 6);
    let double_offset = bits(half, 10, 3, 3) | bits(half, 5, 2, 6);
    Some(match funct3(half) {
        // c.addi4spn
        0b000 => {
            let number =
                bits(half, 6, 1, 2) | bits(half, 5, 1, 3) | bits(half, 11, 2, 4) | bits(half, 7, 4, 6);
            if number == 0 {
                return None;
            }
            immediate(Arithmetic::Add, low, STACK_POINTER, number.cast_signed())
        }
        // c.lw, c.ld
        0b010 => load(Load::Word, low, high, word_offset),
        0b011 => load(Load::Double, low, high, double_offset),
        // c.sw, c.sd
        0b110 => store(Size::Word, low, high, word_offset),
        0b111 => store(Size::Double, low, high, double_offset),
        _ => return None,
    })
}

fn decode_quadrant_1(half: u32) -> Option<Instruction> {
    let rd = register(half, 7);
    let number = sign_extend(bits(half, 2, 5, 0) | bits(half, 12, 1, 5), 6);
    Some(match funct3(half) {
        // c.nop, c.addi
        0b000 => immediate(Arithmetic::Add, rd, rd, number),
        // c.addiw
        0b001 if rd != ZERO => immediate(Arithmetic::AddW, rd, rd, number),
        // c.li
        0b010 => immediate(Arithmetic::Add, rd, ZERO, number),
        // c.addi16sp
        0b011 if rd == STACK_POINTER => {
            let number = bits(half, 6, 1, 4)
                | bits(half, 2, 1, 5)
                | bits(half, 5, 1, 6)
                | bits(half, 3, 2, 7)
                | bits(half, 12, 1, 9);
            if number == 0 {
                return None;
            }
            immediate(Arithmetic::Add, STACK_POINTER, STACK_POINTER, sign_extend(number, 10))
        }
        // c.lui
        0b011 if number != 0 => {
            Instruction { operation: Operation::Lui, rd, rs1: 0, rs2: 0, length: 2, immediate: number << 12 }
        }
        0b100 => decode_short_arithmetic(half, number)?,
        // c.j
        0b101 => {
            let offset = bits(half, 3, 3, 1)
                | bits(half, 11, 1, 4)
                | bits(half, 2, 1, 5)
                | bits(half, 7, 1, 6)
                | bits(half, 6, 1, 7)
                | bits(half, 9, 2, 8)
                | bits(half, 8, 1, 10)
                | bits(half, 12, 1, 11);
            let immediate = sign_extend(offset, 12);
            Instruction { operation: Operation::Jal, rd: ZERO, rs1: 0, rs2: 0, length: 2, immediate }
        }
        // c.beqz, c.bnez
        0b110 => branch(Condition::Equal, half),
        0b111 => branch(Condition::NotEqual, half),
        _ => return None,
    })
}

/// Decodes arithmetic of one of the eight registers, given its immediate if it has one.
fn decode_short_arithmetic(half: u32, number: i32) -> Option<Instruction> {
    let (rd, rs2) = (short_register(half, 7), short_register(half, 2));
    let arithmetic = match (bits(half, 10, 2, 0), bits(half, 12, 1, 0), bits(half, 5, 2, 0)) {
        // c.srli, c.srai, c.andi
        (0b00, _, _) => return Some(immediate(Arithmetic::Srl, rd, rd, number & 0x3f)),
        (0b01, _, _) => return Some(immediate(Arithmetic::Sra, rd, rd, number & 0x3f)),
        (0b10, _, _) => return Some(immediate(Arithmetic::And, rd, rd, number)),
        (_, 0, 0b00) => Arithmetic::Sub,
        (_, 0, 0b01) => Arithmetic::Xor,
        (_, 0, 0b10) => Arithmetic::Or,
        (_, 0, _) => Arithmetic::And,
        (_, _, 0b00) => Arithmetic::SubW,
        (_, _, 0b01) => Arithmetic::AddW,
        _ => return None,
    };
    Some(registers(arithmetic, rd, rd, rs2))
}

fn decode_quadrant_2(half: u32) -> Option<Instruction> {
    let (rd, rs2) = (register(half, 7), register(half, 2));
    Some(match funct3(half) {
        // c.slli
        0b000 => {
            let number = bits(half, 2, 5, 0) | bits(half, 12, 1, 5);
            immediate(Arithmetic::Sll, rd, rd, number.cast_signed())
        }
        // c.lwsp
        0b010 if rd != ZERO => {
            let offset = bits(half, 4, 3, 2) | bits(half, 12, 1, 5) | bits(half, 2, 2, 6);
            load(Load::Word, rd, STACK_POINTER, offset)
        }
        // c.ldsp
        0b011 if rd != ZERO => {
            let offset = bits(half, 5, 2, 3) | bits(half, 12, 1, 5) | bits(half, 2, 3, 6);
            load(Load::Double, rd, STACK_POINTER, offset)
        }
        0b100 => match (bits(half, 12, 1, 0), rd, rs2) {
            (0, ZERO, ZERO) => return None,
            // c.jr, c.mv
            (0, _, ZERO) => jump(ZERO, rd),
            (0, _, _) => registers(Arithmetic::Add, rd, ZERO, rs2),
            // c.ebreak, c.jalr, c.add
            (_, ZERO, ZERO) => {
                Instruction { operation: Operation::Ebreak, rd: 0, rs1: 0, rs2: 0, length: 2, immediate: 0 }
            }
            (_, _, ZERO) => jump(RETURN_ADDRESS, rd),
            (_, _, _) => registers(Arithmetic::Add, rd, rd, rs2),
        },
        // c.swsp
        0b110 => store(Size::Word, rs2, STACK_POINTER, bits(half, 9, 4, 2) | bits(half, 7, 2, 6)),
        // c.sdsp
        0b111 => store(Size::Double, rs2, STACK_POINTER, bits(half, 10, 3, 3) | bits(half, 7, 3, 6)),
        _ => return None,
    })
}

fn funct3(half: u32) -> u32 {
    bits(half, 13, 3, 0)
}

/// Returns the register whose number is in the five bits from bit `from` on.
fn register(half: u32, from: u32) -> u8 {
    bits(half, from, 5, 0) as u8
}

/// Returns the register, one of the eight from register 8 on, whose number is in the three bits from bit `from` on.
fn short_register(half: u32, from: u32) -> u8 {
    bits(half, from, 3, 0) as u8 + 8
}

fn immediate(arithmetic: Arithmetic, rd: u8, rs1: u8, immediate: i32) -> Instruction {
    Instruction { operation: Operation::Immediate(arithmetic), rd, rs1, rs2: 0, length: 2, immediate }
}

fn registers(arithmetic: Arithmetic, rd: u8, rs1: u8, rs2: u8) -> Instruction {
    Instruction { operation: Operation::Register(arithmetic), rd, rs1, rs2, length: 2, immediate: 0 }
}

fn load(load: Load, rd: u8, rs1: u8, offset: u32) -> Instruction {
    let immediate = offset.cast_signed();
    Instruction { operation: Operation::Load(load), rd, rs1, rs2: 0, length: 2, immediate }
}

fn store(size: Size, rs2: u8, rs1: u8, offset: u32) -> Instruction {
    let immediate = offset.cast_signed();
    Instruction { operation: Operation::Store(size), rd: 0, rs1, rs2, length: 2, immediate }
}

fn jump(rd: u8, rs1: u8) -> Instruction {
    Instruction { operation: Operation::Jalr, rd, rs1, rs2: 0, length: 2, immediate: 0 }
}

fn branch(condition: Condition, half: u32) -> Instruction {
    let offset = bits(half, 3, 2, 1)
        | bits(half, 10, 2, 3)
        | bits(half, 2, 1, 5)
        | bits(half, 5, 2, 6)
        | bits(half, 12, 1, 8);
    Instruction {
        operation: Operation::Branch(condition),
        rd: 0,
        rs1: short_register(half, 7),
        rs2: ZERO,
        length: 2,
        immediate: sign_extend(offset, 9),
    }
}
