//! Any bytes are an instruction or none: they are decoded, printed and executed without a fault of the interpreter's own.

use std::cell::Cell;

use fastrand::Rng;
use pmdscope_interpreter::{Cpu, Instruction, InstructionSet, Memory, Stop};

/// Number of words of each instruction set.
const WORDS: u32 = 400_000;

/// Memory that has whatever was stored last, in every other place.
struct Sieve(Cell<u64>);

impl Sieve {
    fn check(address: u64, bytes: u8) -> Result<(), Stop> {
        if address & 0x100 == 0 { Ok(()) } else { Err(Stop::Unmapped { address, bytes }) }
    }
}

impl Memory for Sieve {
    fn load(&self, address: u64, bytes: u8) -> Result<u64, Stop> {
        self.peek(address, bytes)
    }

    fn store(&self, address: u64, bytes: u8, value: u64) -> Result<(), Stop> {
        Sieve::check(address, bytes)?;
        self.0.set(value);
        Ok(())
    }

    fn peek(&self, address: u64, bytes: u8) -> Result<u64, Stop> {
        Sieve::check(address, bytes)?;
        Ok(self.0.get() & (u64::MAX >> (64 - 8 * u32::from(bytes))))
    }
}

/// Returns a value from the edges of what a register can hold, or any.
fn value(rng: &mut Rng) -> u64 {
    const EDGES: [u64; 8] =
        [0, 1, u64::MAX, 1 << 63, (1 << 63) - 1, 1 << 31, 0x7fff_ffff, 0xffff_ffff_8000_0000];
    if rng.bool() { EDGES[rng.usize(..EDGES.len())] } else { rng.u64(..) }
}

#[test]
fn any_word_is_an_instruction_or_none() {
    for set in [InstructionSet::LoongArch64, InstructionSet::Riscv64] {
        let mut rng = Rng::with_seed(20);
        let (cpu, memory) = (Cpu::new(), Sieve(Cell::new(1)));
        let [mut known, mut executed] = [0; 2];
        for _ in 0..WORDS {
            // Of a random word few bits are set: the low ones say most of what it is on RISC-V.
            let word = (rng.u32(..) & rng.u32(..)) | rng.u32(..0x80);
            let Some(instruction) = Instruction::decode(set, &word.to_le_bytes()) else { continue };
            known += 1;
            (0..32).for_each(|number| cpu.set_register(number, value(&mut rng)));
            let pc = value(&mut rng) & !3;
            cpu.set_pc(pc);
            let (mnemonic, _) = instruction.text(pc);
            assert!(!mnemonic.is_empty() && matches!(instruction.length(), 2 | 4), "{word:#010x}");
            let before = cpu.clone();
            match instruction.execute(&cpu, &memory) {
                Ok(()) => {
                    executed += 1;
                    let next = pc.wrapping_add(instruction.length());
                    assert!(cpu.pc() == next || instruction.ends_block(), "{set:?} {word:#010x} {mnemonic}");
                }
                // Nothing has changed then.
                Err(_) => {
                    assert_eq!(cpu.pc(), pc, "{set:?} {word:#010x} {mnemonic}");
                    for number in 0..32 {
                        let [now, then] = [&cpu, &before].map(|cpu| cpu.register(number));
                        assert_eq!(now, then, "{set:?} {word:#010x} {mnemonic}: register {number}");
                    }
                }
            }
            assert_eq!(cpu.register(0), 0, "{set:?} {word:#010x} {mnemonic}");
        }
        assert!(known > WORDS / 10 && executed > WORDS / 20, "{set:?}: {known} known, {executed} executed");
    }
}
