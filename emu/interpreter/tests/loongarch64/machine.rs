//! Runs the program in the interpreter.

use std::cell::RefCell;

use pmdscope_interpreter::{Cpu, Instruction, InstructionSet, Memory, Stop};

use super::program::{Program, TEXT};
use super::table::exception;

/// Numbers of system calls: Linux kernel v6.1, include/uapi/asm-generic/unistd.h.
pub(super) const WRITE: u64 = 64;
pub(super) const EXIT: u64 = 93;

/// Memory of the program, but for its code.
struct Segments(Vec<(u64, RefCell<Vec<u8>>)>);

impl Segments {
    /// Calls `access` with the bytes at an address.
    fn at<T>(&self, address: u64, bytes: u8, access: impl FnOnce(&mut [u8]) -> T) -> Result<T, Stop> {
        for (start, memory) in &self.0 {
            let mut memory = memory.borrow_mut();
            let Ok(offset) = usize::try_from(address.wrapping_sub(*start)) else { continue };
            if let Some(found) = offset.checked_add(bytes.into()).and_then(|end| memory.get_mut(offset..end))
            {
                return Ok(access(found));
            }
        }
        Err(Stop::Unmapped { address, bytes })
    }
}

impl Memory for Segments {
    fn load(&self, address: u64, bytes: u8) -> Result<u64, Stop> {
        self.at(address, bytes, |found| {
            found.iter().rev().fold(0, |value, byte| value << 8 | u64::from(*byte))
        })
    }

    fn store(&self, address: u64, bytes: u8, value: u64) -> Result<(), Stop> {
        self.at(address, bytes, |found| found.copy_from_slice(&value.to_le_bytes()[..bytes.into()]))
    }

    fn peek(&self, address: u64, bytes: u8) -> Result<u64, Stop> {
        self.load(address, bytes)
    }
}

/// Returns what the program writes.
///
/// # Errors
/// If it does not end as it should: where and how.
pub(super) fn run(program: &Program) -> Result<Vec<u8>, String> {
    let memory = Segments(
        program.data().into_iter().map(|segment| (segment.address, RefCell::new(segment.bytes))).collect(),
    );
    let cpu = Cpu::new();
    cpu.set_pc(TEXT);
    let mut written = Vec::new();
    // No instruction is executed more often than there are instructions that go back to it.
    for _ in 0..4 * program.code.len() {
        let pc = cpu.pc();
        let word = usize::try_from(pc.wrapping_sub(TEXT) / 4).ok().and_then(|index| program.code.get(index));
        let word = word.ok_or_else(|| format!("{pc:#x}, after {}: no code there", program.near(pc)))?;
        let instruction = Instruction::decode(InstructionSet::LoongArch64, &word.to_le_bytes())
            .ok_or_else(|| format!("{pc:#x}: {word:08x} is not known"))?;
        match instruction.execute(&cpu, &memory) {
            Ok(()) => {}
            Err(Stop::Exception { number }) if number == u32::from(exception::SYSCALL) => {
                match cpu.register(11) {
                    WRITE => {
                        let (start, length) = (cpu.register(5), cpu.register(6));
                        for address in start..start + length {
                            let byte = memory.load(address, 1).map_err(|stop| format!("write: {stop:?}"))?;
                            written.push(byte as u8);
                        }
                        cpu.set_register(4, length);
                    }
                    EXIT => return Ok(written),
                    other => return Err(format!("{pc:#x}: system call {other}")),
                }
                cpu.set_pc(pc + 4);
            }
            Err(stop) => return Err(format!("{pc:#x}, in {}: {stop:?}", program.near(pc))),
        }
    }
    Err(format!("{:#x}: the program does not end", cpu.pc()))
}
