//! Executes instructions.

use crate::cpu::{Cpu, Reservation};
use crate::memory::{Memory, Stop};

use super::arithmetic::sign_extend_word;
use super::{Atomic, Condition, ControlSource, ControlWrite, Instruction, Load, Operation, Size};

/// Numbers of exceptions (Volume II, Supervisor Cause Register).
const ILLEGAL_INSTRUCTION: u32 = 2;
const BREAKPOINT: u32 = 3;
const LOAD_ADDRESS_MISALIGNED: u32 = 4;
const STORE_ADDRESS_MISALIGNED: u32 = 6;
const CALL_FROM_SUPERVISOR: u32 = 9;

/// The control and status registers that each read adds one to: `cycle`, `time` and `instret`.
const COUNTERS: std::ops::RangeInclusive<u16> = 0xc00..=0xc02;

impl Instruction {
    /// Executes it: it lies at the CPU's program counter, which becomes that of the next instruction.
    ///
    /// # Errors
    /// What ends the program. The program counter and the registers are unchanged then.
    pub(crate) fn execute(&self, cpu: &Cpu, memory: &dyn Memory) -> Result<(), Stop> {
        let pc = cpu.pc();
        let mut next = pc.wrapping_add(self.length());
        let immediate = i64::from(self.immediate).cast_unsigned();
        let left = cpu.register(self.rs1);
        let right = cpu.register(self.rs2);
        match self.operation {
            Operation::Lui => cpu.set_register(self.rd, immediate),
            Operation::Auipc => cpu.set_register(self.rd, pc.wrapping_add(immediate)),
            Operation::Jal => {
                cpu.set_register(self.rd, next);
                next = pc.wrapping_add(immediate);
            }
            Operation::Jalr => {
                cpu.set_register(self.rd, next);
                next = left.wrapping_add(immediate) & !1;
            }
            Operation::Branch(condition) => {
                if condition.holds(left, right) {
                    next = pc.wrapping_add(immediate);
                }
            }
            Operation::Load(load) => {
                let value = load.load(memory, left.wrapping_add(immediate))?;
                cpu.set_register(self.rd, value);
            }
            Operation::Store(size) => memory.store(left.wrapping_add(immediate), size.bytes(), right)?,
            Operation::Immediate(arithmetic) => {
                cpu.set_register(self.rd, arithmetic.result(left, immediate));
            }
            Operation::Register(arithmetic) => cpu.set_register(self.rd, arithmetic.result(left, right)),
            Operation::LoadReserved(size, _) => {
                size.check_alignment(left, LOAD_ADDRESS_MISALIGNED)?;
                let value = size.extend(memory.load(left, size.bytes())?);
                cpu.reserve(Some(Reservation { address: left, value }));
                cpu.set_register(self.rd, value);
            }
            Operation::StoreConditional(size, _) => {
                size.check_alignment(left, STORE_ADDRESS_MISALIGNED)?;
                let success = match cpu.reservation() {
                    Some(Reservation { address, value }) if address == left => {
                        size.extend(memory.peek(left, size.bytes())?) == value
                    }
                    _ => false,
                };
                if success {
                    memory.store(left, size.bytes(), right)?;
                }
                cpu.reserve(None);
                cpu.set_register(self.rd, (!success).into());
            }
            Operation::Atomic(atomic, size, _) => {
                size.check_alignment(left, STORE_ADDRESS_MISALIGNED)?;
                let value = size.extend(memory.load(left, size.bytes())?);
                memory.store(left, size.bytes(), atomic.result(value, size.extend(right)))?;
                cpu.set_register(self.rd, value);
            }
            Operation::Control(write, source) => {
                if self.is_illegal_write() {
                    return Err(Stop::Exception { number: ILLEGAL_INSTRUCTION });
                }
                let source = match source {
                    ControlSource::Register => left,
                    ControlSource::Immediate => self.rs1.into(),
                };
                self.access_control(cpu, write, source);
            }
            Operation::Fence
            | Operation::FenceTso
            | Operation::FenceI
            | Operation::Pause
            | Operation::SfenceVma => {}
            Operation::Ecall => return Err(Stop::Exception { number: CALL_FROM_SUPERVISOR }),
            Operation::Ebreak => return Err(Stop::Exception { number: BREAKPOINT }),
            Operation::Privileged(_) => return Err(Stop::NotDone),
        }
        cpu.set_pc(next);
        Ok(())
    }

    fn access_control(&self, cpu: &Cpu, write: ControlWrite, source: u64) {
        let number = self.control_number();
        let value = cpu.control(number);
        if self.writes_control() {
            let new_value = match write {
                ControlWrite::Replace => source,
                ControlWrite::SetBits => value | source,
                ControlWrite::ClearBits => value & !source,
            };
            cpu.set_control(number, new_value);
        } else if COUNTERS.contains(&number) {
            cpu.set_control(number, value.wrapping_add(1));
        }
        cpu.set_register(self.rd, value);
    }
}

impl Condition {
    fn holds(self, left: u64, right: u64) -> bool {
        match self {
            Condition::Equal => left == right,
            Condition::NotEqual => left != right,
            Condition::Less => left.cast_signed() < right.cast_signed(),
            Condition::GreaterOrEqual => left.cast_signed() >= right.cast_signed(),
            Condition::LessUnsigned => left < right,
            Condition::GreaterOrEqualUnsigned => left >= right,
        }
    }
}

impl Load {
    fn load(self, memory: &dyn Memory, address: u64) -> Result<u64, Stop> {
        Ok(match self {
            Load::Byte => i64::from(memory.load(address, 1)? as i8).cast_unsigned(),
            Load::Half => i64::from(memory.load(address, 2)? as i16).cast_unsigned(),
            Load::Word => sign_extend_word(memory.load(address, 4)? as u32),
            Load::Double => memory.load(address, 8)?,
            Load::ByteUnsigned => memory.load(address, 1)?,
            Load::HalfUnsigned => memory.load(address, 2)?,
            Load::WordUnsigned => memory.load(address, 4)?,
        })
    }
}

impl Size {
    /// Returns an operand of an atomic access of this size as a register holds it. Only words and doublewords have
    /// any.
    fn extend(self, value: u64) -> u64 {
        if self == Size::Word { sign_extend_word(value as u32) } else { value }
    }

    /// Raises exception `number` if an access of this size to `address` is misaligned.
    fn check_alignment(self, address: u64, number: u32) -> Result<(), Stop> {
        if address.is_multiple_of(self.bytes().into()) { Ok(()) } else { Err(Stop::Exception { number }) }
    }
}

impl Atomic {
    /// Returns what is stored, given the value in memory and that of the register. Words are sign-extended: their
    /// order is the same then, whether they are compared with sign or without.
    fn result(self, value: u64, operand: u64) -> u64 {
        match self {
            Atomic::Swap => operand,
            Atomic::Add => value.wrapping_add(operand),
            Atomic::Xor => value ^ operand,
            Atomic::And => value & operand,
            Atomic::Or => value | operand,
            Atomic::Min => value.cast_signed().min(operand.cast_signed()).cast_unsigned(),
            Atomic::Max => value.cast_signed().max(operand.cast_signed()).cast_unsigned(),
            Atomic::MinUnsigned => value.min(operand),
            Atomic::MaxUnsigned => value.max(operand),
        }
    }
}
