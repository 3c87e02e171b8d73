mod atomic;
mod decode;
mod execute;

use std::cell::{Cell, RefCell};

use super::Instruction;
use crate::cpu::Cpu;
use crate::memory::{Memory, Stop};

/// Address of the memory of tests.
const BASE: u64 = 0x8000_0000;

/// Numbers of registers.
const ZERO: u8 = 0;
const RA: u8 = 1;
const SP: u8 = 2;
const A0: u8 = 10;
const A1: u8 = 11;
const A2: u8 = 12;

/// 32 bytes at [`BASE`], and how many accesses were made.
#[derive(Default)]
struct TestMemory {
    bytes: RefCell<[u8; 32]>,
    loads: Cell<u32>,
    stores: Cell<u32>,
}

impl TestMemory {
    fn range(&self, address: u64, bytes: u8) -> Result<std::ops::Range<usize>, Stop> {
        let unmapped = Stop::Unmapped { address, bytes };
        let start = usize::try_from(address.checked_sub(BASE).ok_or(unmapped)?).map_err(|_| unmapped)?;
        let end = start + usize::from(bytes);
        if end > self.bytes.borrow().len() { Err(unmapped) } else { Ok(start..end) }
    }
}

impl Memory for TestMemory {
    fn load(&self, address: u64, bytes: u8) -> Result<u64, Stop> {
        self.loads.set(self.loads.get() + 1);
        self.peek(address, bytes)
    }

    fn store(&self, address: u64, bytes: u8, value: u64) -> Result<(), Stop> {
        self.stores.set(self.stores.get() + 1);
        let range = self.range(address, bytes)?;
        self.bytes.borrow_mut()[range].copy_from_slice(&value.to_le_bytes()[..usize::from(bytes)]);
        Ok(())
    }

    fn peek(&self, address: u64, bytes: u8) -> Result<u64, Stop> {
        let range = self.range(address, bytes)?;
        let mut value = [0; 8];
        value[..usize::from(bytes)].copy_from_slice(&self.bytes.borrow()[range]);
        Ok(u64::from_le_bytes(value))
    }
}

/// Decodes an instruction of 32 bits.
fn word(word: u32) -> Instruction {
    Instruction::decode(&word.to_le_bytes()).unwrap_or_else(|| panic!("{word:#010x} is not known"))
}

/// Decodes an instruction of 16 bits.
fn half(half: u16) -> Instruction {
    Instruction::decode(&half.to_le_bytes()).unwrap_or_else(|| panic!("{half:#06x} is not known"))
}

/// Returns a CPU at [`BASE`] with these registers.
fn cpu(registers: &[(u8, u64)]) -> Cpu {
    let cpu = Cpu::new();
    cpu.set_pc(BASE);
    for (number, value) in registers {
        cpu.set_register(*number, *value);
    }
    cpu
}

/// Executes an instruction that does not end the program.
fn execute(instruction: Instruction, cpu: &Cpu, memory: &TestMemory) {
    assert_eq!(instruction.execute(cpu, memory), Ok(()), "{:?}", instruction.text(cpu.pc()));
}

/// Asserts that an instruction ends the program, and changes nothing of the CPU.
#[track_caller]
fn assert_stop(instruction: Instruction, cpu: &Cpu, memory: &TestMemory, stop: Stop) {
    let before = format!("{cpu:?}");
    assert_eq!(instruction.execute(cpu, memory), Err(stop), "{:?}", instruction.text(cpu.pc()));
    assert_eq!(format!("{cpu:?}"), before);
}
