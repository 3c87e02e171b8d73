//! What an instruction does to a CPU and to memory.

use super::Instruction;
use super::compute::{byte_pick_d, byte_pick_w, compute, insert_bits, pick_bits, word};
use super::table::{Bound, Condition, Operation, Part, Size, exception};
use crate::cpu::Cpu;
use crate::memory::{Memory, Stop};

/// The control register that has word 0 of the CPU's configuration.
const CONFIGURATION: u16 = 0x4000;
/// The control register that has the time.
const TIME: u16 = 0x5000;

/// Returns what raises an exception.
pub(super) fn raise(number: u8) -> Stop {
    Stop::Exception { number: number.into() }
}

/// Raises an exception if an address is no multiple of the size.
pub(super) fn check_aligned(address: u64, size: Size) -> Result<(), Stop> {
    if address.is_multiple_of(size.bytes().into()) { Ok(()) } else { Err(raise(exception::NOT_ALIGNED)) }
}

impl Instruction {
    /// Executes it at the CPU's program counter, which becomes that of the next instruction.
    ///
    /// # Errors
    /// What ends the program. Neither the program counter nor another register has changed then.
    pub(crate) fn execute(&self, cpu: &Cpu, memory: &dyn Memory) -> Result<(), Stop> {
        let next = self.perform(cpu, memory)?;
        cpu.set_pc(next);
        Ok(())
    }

    /// Does all but set the program counter, and returns that.
    fn perform(&self, cpu: &Cpu, memory: &dyn Memory) -> Result<u64, Stop> {
        let pc = cpu.pc();
        let following = pc.wrapping_add(4);
        let number = i64::from(self.immediate) as u64;
        let bits = self.immediate as u32;
        let (d, j, k) = (cpu.register(self.rd), cpu.register(self.rj), cpu.register(self.rk));
        // An instruction has a register or an immediate: the one that it lacks is 0.
        let operand = k.wrapping_add(number);
        let address = j.wrapping_add(operand);
        let result = match self.operation {
            Operation::Compute(how) => compute(how, j, operand),
            Operation::ShiftAddW => word(((j << bits) as u32).wrapping_add(k as u32)),
            Operation::ShiftAddWu => u64::from(((j << bits) as u32).wrapping_add(k as u32)),
            Operation::ShiftAddD => (j << bits).wrapping_add(k),
            Operation::BytePickW => byte_pick_w(k, j, bits),
            Operation::BytePickD => byte_pick_d(k, j, bits),
            Operation::InsertBitsW => word(insert_bits(d, j, bits, self.rk.into()) as u32),
            Operation::InsertBitsD => insert_bits(d, j, bits, self.rk.into()),
            Operation::PickBits { word: false } => pick_bits(j, bits, self.rk.into()),
            Operation::PickBits { word: true } => word(pick_bits(j, bits, self.rk.into()) as u32),
            Operation::PcAdd(shift) => pc.wrapping_add(number << shift),
            Operation::PcPage => pc.wrapping_add(number << 12) & !0xfff,
            Operation::Load { size, signed: true } => size.sign_extend(memory.load(address, size.bytes())?),
            Operation::Load { size, signed: false } => memory.load(address, size.bytes())?,
            Operation::Store(size) => {
                memory.store(address, size.bytes(), size.zero_extend(d))?;
                return Ok(following);
            }
            Operation::LoadIf(bound, size) => {
                check_bounded(bound, j, k, size)?;
                size.sign_extend(memory.load(j, size.bytes())?)
            }
            Operation::StoreIf(bound, size) => {
                check_bounded(bound, j, k, size)?;
                memory.store(j, size.bytes(), size.zero_extend(d))?;
                return Ok(following);
            }
            Operation::LoadLinked(size) => self.load_linked(cpu, memory, address, size)?,
            Operation::StoreConditional(size) => self.store_conditional(cpu, memory, address, size)?,
            Operation::Modify(how, size) => self.modify(memory, how, size, (j, k))?,
            Operation::CompareSwap(size) => self.compare_swap(memory, size, (j, k, d))?,
            Operation::Branch(condition) => {
                return Ok(if holds(condition, j, d) { pc.wrapping_add(number) } else { following });
            }
            Operation::Jump { link } => {
                cpu.set_register(link, following);
                return Ok(pc.wrapping_add(number));
            }
            Operation::JumpRegister => {
                cpu.set_register(self.rd, following);
                return Ok(address);
            }
            Operation::Assert(bound) => {
                if !is_within(bound, j as i64, k as i64) {
                    return Err(raise(exception::BOUND));
                }
                return Ok(following);
            }
            Operation::Exception(number) => return Err(raise(number)),
            Operation::ReadTime(part) => {
                let time = cpu.control(TIME);
                cpu.set_control(TIME, time.wrapping_add(1));
                cpu.set_register(self.rd, part_of(time, part));
                // The number of the counter: the first. It wins if both are one register, as in QEMU 7.2.
                cpu.set_register(self.rj, 0);
                return Ok(following);
            }
            Operation::CpuConfig => cpu.control(CONFIGURATION + (j & 0xff) as u16),
            Operation::ReadCsr => cpu.control(bits as u16),
            Operation::WriteCsr => exchange(cpu, bits as u16, d, u64::MAX),
            Operation::ExchangeCsr => exchange(cpu, bits as u16, d, j),
            Operation::Nothing => return Ok(following),
            Operation::NotDone | Operation::Leave => return Err(Stop::NotDone),
        };
        cpu.set_register(self.rd, result);
        Ok(following)
    }
}

fn holds(condition: Condition, j: u64, d: u64) -> bool {
    match condition {
        Condition::Equal => j == d,
        Condition::NotEqual => j != d,
        Condition::Less => (j as i64) < d as i64,
        Condition::GreaterOrEqual => j as i64 >= d as i64,
        Condition::Below => j < d,
        Condition::AboveOrEqual => j >= d,
    }
}

fn is_within<T: PartialOrd>(bound: Bound, value: T, limit: T) -> bool {
    match bound {
        Bound::Greater => value > limit,
        Bound::LessOrEqual => value <= limit,
    }
}

/// Raises the exception that an access with a bound raises.
fn check_bounded(bound: Bound, address: u64, limit: u64, size: Size) -> Result<(), Stop> {
    check_aligned(address, size)?;
    let within = is_within(bound, address, limit);
    // Whether the comparison is signed the manual does not say, as it does of asrtle.d and asrtgt.d.
    if within != is_within(bound, address as i64, limit as i64) {
        return Err(Stop::NotDone);
    }
    if within { Ok(()) } else { Err(raise(exception::BOUND)) }
}

fn part_of(time: u64, part: Part) -> u64 {
    match part {
        Part::Low => word(time as u32),
        Part::High => word((time >> 32) as u32),
        Part::Whole => time,
    }
}

/// Sets the bits of a control and status register that `mask` selects, and returns what it was.
fn exchange(cpu: &Cpu, number: u16, value: u64, mask: u64) -> u64 {
    let before = cpu.control(number);
    cpu.set_control(number, before & !mask | value & mask);
    before
}
