//! Numbers of registers.

use pmdscope_interpreter::{Cpu, InstructionSet};
use unicorn_engine::RegisterRISCV as R;

use super::Interpreter;
use crate::error::EngineError;

/// What a number stands for.
enum Register {
    General(u8),
    Pc,
    Control(u16),
}

fn of(set: InstructionSet, number: i32) -> Result<Register, EngineError> {
    let control = |number: i32| u16::try_from(number).map(Register::Control);
    match set {
        InstructionSet::LoongArch64 if number == Interpreter::LOONGARCH_PC => Some(Register::Pc),
        InstructionSet::LoongArch64 if (0..32).contains(&number) => Some(Register::General(number as u8)),
        InstructionSet::LoongArch64 if number >= Interpreter::LOONGARCH_CONTROL => {
            control(number - Interpreter::LOONGARCH_CONTROL).ok()
        }
        InstructionSet::LoongArch64 => None,
        InstructionSet::Riscv64 if number == R::PC as i32 => Some(Register::Pc),
        InstructionSet::Riscv64 => riscv(number),
    }
    .ok_or(EngineError::Argument)
}

/// Returns the register of RISC-V that has a number of Unicorn.
fn riscv(number: i32) -> Option<Register> {
    let (first, last) = (R::X0 as i32, R::X31 as i32);
    if (first..=last).contains(&number) {
        return Some(Register::General((number - first) as u8));
    }
    CONTROL.iter().find(|(known, _)| *known as i32 == number).map(|(_, csr)| Register::Control(*csr))
}

/// The control and status registers of RISC-V that are used from outside, with their numbers in instructions.
const CONTROL: &[(R, u16)] = &[(R::SATP, 0x180)];

pub(super) fn get(set: InstructionSet, cpu: &Cpu, number: i32) -> Result<u64, EngineError> {
    Ok(match of(set, number)? {
        Register::General(number) => cpu.register(number),
        Register::Pc => cpu.pc(),
        Register::Control(number) => cpu.control(number),
    })
}

pub(super) fn set(set: InstructionSet, cpu: &Cpu, number: i32, value: u64) -> Result<(), EngineError> {
    match of(set, number)? {
        Register::General(number) => cpu.set_register(number, value),
        Register::Pc => cpu.set_pc(value),
        Register::Control(number) => cpu.set_control(number, value),
    }
    Ok(())
}
