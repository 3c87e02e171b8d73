//! Random instructions, with operands that are likely to find out what is wrong.

use std::ops::RangeInclusive;

use fastrand::Rng;
use pmdscope_interpreter::{Instruction, InstructionSet};

use super::program::{LINK, MARK, Program, SCRATCH, SCRATCH_BYTES};
use super::table::{Bound, Operands, Operation, Row, Size, TABLE};

/// Registers that operands are; those above are the program's own.
const REGISTERS: u32 = 28;
/// How many words a branch of each format reaches, less what the program may grow by until it is placed.
const REACH_16: usize = 0x7000;
const REACH_21: usize = 0xf_f000;
const REACH_26: usize = 0x1ff_f000;

/// Returns the instructions that are compared.
pub(super) fn rows() -> impl Iterator<Item = &'static Row> {
    TABLE.iter().filter(|row| match row.operation {
        Operation::NotDone | Operation::Leave | Operation::Exception(_) => false,
        // QEMU has another time and another configuration.
        Operation::ReadTime(_) | Operation::CpuConfig => false,
        Operation::ReadCsr | Operation::WriteCsr | Operation::ExchangeCsr => false,
        Operation::Nothing => matches!(row.mnemonic, "dbar" | "ibar" | "preld"),
        // QEMU 7.2 does not have those of v1.10, nor preldx.
        Operation::CompareSwap(_) | Operation::Modify(_, Size::Byte | Size::Half) => false,
        Operation::LoadLinked(_) | Operation::StoreConditional(_) => row.operands == Operands::RdRjSi14,
        _ => true,
    })
}

/// A branch whose target does not exist yet.
struct Forward {
    index: usize,
    operands: Operands,
    /// The number of the landing that is its target.
    landing: usize,
}

/// Makes a program of random instructions.
pub(super) struct Generator {
    random: Rng,
    program: Program,
    /// Where far branches go: words that mark that they were reached, and return.
    landings: Vec<usize>,
    forwards: Vec<Forward>,
}

impl Generator {
    pub(super) fn new(seed: u64) -> Self {
        let mut random = Rng::with_seed(seed);
        let scratch = (0..SCRATCH_BYTES).map(|_| random.u8(..)).collect();
        Generator { random, program: Program::new(scratch), landings: Vec::new(), forwards: Vec::new() }
    }

    /// Returns a program with at least so many instructions to compare.
    pub(super) fn program(mut self, instructions: usize) -> Program {
        let rows: Vec<_> = rows().collect();
        while self.program.cases.len() < instructions {
            if self.program.code.len() / 2_000 >= self.landings.len() {
                self.landing();
            }
            let row = rows[self.random.usize(..rows.len())];
            self.one(row);
            self.program.advance();
        }
        while !self.forwards.is_empty() {
            self.landing();
        }
        self.program.finish();
        self.program
    }

    fn one(&mut self, row: &'static Row) {
        match row.operation {
            Operation::Load { size, .. } | Operation::Store(size) => self.access(row, size, false),
            Operation::LoadIf(_, size) | Operation::StoreIf(_, size) => self.access(row, size, true),
            Operation::Modify(_, size) => self.access(row, size, true),
            Operation::LoadLinked(size) | Operation::StoreConditional(size) => self.linked(size),
            Operation::Branch(_) | Operation::Jump { .. } | Operation::JumpRegister => self.branch(row),
            _ => self.computation(row),
        }
    }

    /// An instruction that accesses no memory and goes nowhere.
    fn computation(&mut self, row: &'static Row) {
        let (word, registers, values) = loop {
            let word = self.word(row);
            // Only of a field of bits are some words no instructions.
            if Instruction::decode(InstructionSet::LoongArch64, &word.to_le_bytes()).is_none() {
                continue;
            }
            let registers = registers(row.operands, word);
            let values: Vec<_> = registers.iter().map(|_| self.value()).collect();
            let value_of = |number: u32| {
                let last = registers.iter().rposition(|register| *register == number);
                last.filter(|_| number != 0).map_or(0, |index| values[index])
            };
            if let Operation::Assert(bound) = row.operation
                && !is_within(bound, value_of(field(word, 5)), value_of(field(word, 10)))
            {
                continue;
            }
            break (word, registers, values);
        };
        for (register, value) in registers.iter().zip(values) {
            self.program.input(*register, value);
        }
        self.program.case(row.mnemonic, word);
        self.output(&registers);
    }

    /// An access to the scratch memory.
    fn access(&mut self, row: &'static Row, size: Size, aligned: bool) {
        let (word, d, j, k) = loop {
            let word = self.word(row);
            let (d, j, k) = (field(word, 0), field(word, 5), field(word, 10));
            let possible = match row.operation {
                // Nothing is at an address below 0.
                Operation::LoadIf(bound, _) | Operation::StoreIf(bound, _) => {
                    j != k && (k != 0 || bound == Bound::Greater)
                }
                Operation::Modify(..) => d == 0 || d != j && d != k,
                _ => row.operands != Operands::RdRjRk || j != k,
            };
            if j != 0 && possible {
                break (word, d, j, k);
            }
        };
        let target = self.target(size, aligned);
        let value = self.value();
        self.program.input(d, value);
        let mut address = target;
        match (row.operation, row.operands) {
            (Operation::LoadIf(bound, _) | Operation::StoreIf(bound, _), _) => {
                let limit = loop {
                    let near = target.wrapping_add(self.random.u64(..16)).wrapping_sub(8);
                    let limit = if self.random.bool() { near } else { self.value() };
                    if is_within(bound, target, limit) {
                        break limit;
                    }
                };
                self.program.input(k, limit);
            }
            (_, Operands::RdRjRk) => {
                let displacement = self.value();
                self.program.input(k, displacement);
                address = address.wrapping_sub(if k == 0 { 0 } else { displacement });
            }
            (Operation::Modify(..), _) => {
                let operand = self.value();
                self.program.input(k, operand);
            }
            _ => address = address.wrapping_sub(displacement(row.operands, word)),
        }
        self.program.input(j, address);
        self.program.case(row.mnemonic, word);
        self.output(&registers(row.operands, word));
        self.program.output_memory(target);
    }

    /// A load and a store that belong together, and maybe a store between them.
    fn linked(&mut self, size: Size) {
        let pair = |linked: bool| {
            rows()
                .find(|row| match row.operation {
                    Operation::LoadLinked(of) => linked && of == size,
                    Operation::StoreConditional(of) => !linked && of == size,
                    _ => false,
                })
                .expect("there are both of each size")
        };
        let target = self.target(size, true);
        let (row, mut word) = (pair(true), 0);
        while field(word, 5) == 0 {
            word = self.word(row);
        }
        let loaded = field(word, 0);
        self.program.input(field(word, 5), target.wrapping_sub(displacement(row.operands, word)));
        self.program.case(row.mnemonic, word);
        self.output(&registers(row.operands, word));

        let (row, mut word) = (pair(false), 0);
        while field(word, 5) == 0 {
            word = self.word(row);
        }
        let between = if size == Size::Word { 0x2980_0000 } else { 0x29c0_0000 } | LINK << 5;
        match self.random.u8(..4) {
            0 => {
                let value = self.value();
                self.program.input(LINK, target);
                self.program.input(MARK, value);
                self.program.emit(between | MARK);
            }
            1 => {
                self.program.input(LINK, target);
                self.program.emit(between | loaded);
            }
            _ => {}
        }
        let stored_to = if self.random.u8(..6) == 0 { self.target(size, true) } else { target };
        let value = self.value();
        self.program.input(field(word, 0), value);
        self.program.input(field(word, 5), stored_to.wrapping_sub(displacement(row.operands, word)));
        self.program.case(row.mnemonic, word);
        self.output(&registers(row.operands, word));
        self.program.output_memory(target);
        self.program.output_memory(stored_to);
    }

    /// A branch among words that count how often they are reached.
    fn branch(&mut self, row: &'static Row) {
        let back = self.random.usize(..6);
        let forth = self.random.usize(..6);
        let count = |by: u32| 0x02c0_0000 | by << 10 | MARK << 5 | MARK; // addi.d
        let jump = |words: usize| 0x5000_0000 | (words as u32) << 10; // b

        self.program.emit(0x0015_0000 | MARK); // move $mark, $zero
        self.program.emit(jump(back + 2));
        let first_back = self.program.code.len();
        for _ in 0..back {
            self.program.emit(count(1));
        }
        let leave = self.program.code.len();
        self.program.emit(0);

        let mut word = self.word(row);
        while row.operation == Operation::JumpRegister && field(word, 5) == 0 {
            word = self.word(row);
        }
        let link = self.program.input(LINK, 0);
        let (d, j) = (field(word, 0), field(word, 5));
        let value = self.value();
        let mut of_j = 0;
        match row.operands {
            Operands::RjRdOffset16 | Operands::RdRjOffset16 => {
                self.program.input(d, value);
                let other = if self.random.u8(..3) == 0 { value } else { self.value() };
                of_j = self.program.input(j, other);
            }
            Operands::RjOffset21 => {
                let value = if self.random.bool() { 0 } else { value };
                self.program.input(j, value);
            }
            _ => {}
        }
        let at = self.program.code.len();
        let done = at + 1 + forth;
        self.program.set_input(link, self.program.here() + 4 * (done - at) as u64);

        // Where it goes: back a little, forth a little, or to a landing.
        let target = match self.random.u8(..4) {
            0 => Some(self.random.usize(first_back..=leave)),
            1 => Some(self.random.usize(at + 1..=done)),
            2 => self.landing_before(at, row.operands),
            _ => self.landing_after(at, row),
        };
        if row.operation == Operation::JumpRegister {
            let target = target.unwrap_or(done);
            let address = self.program.here().wrapping_add((target as u64).wrapping_sub(at as u64) << 2);
            self.program.set_input(of_j, address.wrapping_sub(displacement(row.operands, word)));
        } else {
            word &= row.mask | registers_mask(row.operands);
            if let Some(target) = target {
                word |= offset(row.operands, target as i64 - at as i64);
            }
        }
        self.program.case(row.mnemonic, word);
        for _ in 0..forth {
            self.program.emit(count(16));
        }
        self.program.code[leave] = jump(done - leave);
        self.program.output(MARK);
        match row.operation {
            Operation::Jump { link: 1 } => self.program.output(1),
            Operation::Jump { .. } => {}
            _ => self.output(&registers(row.operands, word)),
        }
    }

    /// Returns an earlier landing that a branch reaches.
    fn landing_before(&mut self, at: usize, operands: Operands) -> Option<usize> {
        let reached = self.landings.partition_point(|landing| at - landing > reach(operands));
        (reached < self.landings.len())
            .then(|| self.landings[self.random.usize(reached..self.landings.len())])
    }

    /// Lets a branch go to a landing that is still to come; returns where it goes if it cannot.
    fn landing_after(&mut self, at: usize, row: &'static Row) -> Option<usize> {
        if row.operation == Operation::JumpRegister {
            return self.landing_before(at, row.operands);
        }
        let furthest = (reach(row.operands) / 3_000).min(60);
        let landing = self.landings.len() + self.random.usize(..furthest);
        self.forwards.push(Forward { index: at, operands: row.operands, landing });
        None
    }

    /// A landing, and the targets of the branches that go to it.
    fn landing(&mut self) {
        self.program.emit(0x5000_0c00); // b, beyond it
        let landing = self.program.code.len();
        let number = self.landings.len();
        self.program.emit(0x0380_0000 | (0x800 | number as u32 & 0x7ff) << 10 | MARK); // ori
        self.program.emit(0x4c00_0000 | LINK << 5); // jr
        self.landings.push(landing);
        let program = &mut self.program;
        self.forwards.retain(|forward| {
            let here = forward.landing == number;
            if here {
                let words = landing as i64 - forward.index as i64;
                program.code[forward.index] |= offset(forward.operands, words);
            }
            !here
        });
    }

    fn output(&mut self, registers: &[u32]) {
        for (index, register) in registers.iter().enumerate() {
            if !registers[..index].contains(register) {
                self.program.output(*register);
            }
        }
    }

    /// Returns an instruction with random operands.
    fn word(&mut self, row: &Row) -> u32 {
        let numbers = match self.random.u8(..8) {
            0 => 0,
            1 => u32::MAX,
            _ => self.random.u32(..),
        };
        let mut word = row.value | numbers & !row.mask;
        for low in [0, 5, 10] {
            if is_register(row.operands, low) {
                // Few registers now and then, so that two operands are one.
                let among = if self.random.u8(..4) == 0 { 4 } else { REGISTERS };
                let register = self.random.u32(..among);
                word = word & !(31 << low) | register << low;
            }
        }
        word
    }

    /// Returns an address in the scratch memory, far enough from its ends.
    fn target(&mut self, size: Size, aligned: bool) -> u64 {
        let target = SCRATCH + self.random.u64(64..SCRATCH_BYTES as u64 - 64);
        if aligned { target & !(size as u64 - 1) } else { target }
    }

    /// Returns a value of a register.
    fn value(&mut self) -> u64 {
        const EDGES: [u64; 22] = [
            0,
            1,
            2,
            u64::MAX,
            u64::MAX - 1,
            0x7f,
            0x80,
            0x7fff,
            0x8000,
            0x7fff_ffff,
            0x8000_0000,
            0xffff_ffff,
            0x1_0000_0000,
            0xffff_ffff_7fff_ffff,
            0xffff_ffff_8000_0000,
            0xffff_ffff_8000_0001,
            0x7fff_ffff_0000_0000,
            0x7fff_ffff_ffff_ffff,
            0x8000_0000_0000_0000,
            0x8000_0000_0000_0001,
            0xffff_ffff_0000_0000,
            0x0123_4567_89ab_cdef,
        ];
        let random = self.random.u64(..);
        match self.random.u8(..8) {
            0..3 => EDGES[self.random.usize(..EDGES.len())],
            3 => random as i32 as u64,
            4 => random >> self.random.u32(..64),
            5 => (random as i64 >> self.random.u32(..64)) as u64,
            _ => random,
        }
    }
}

fn field(word: u32, low: u32) -> u32 {
    word >> low & 31
}

/// Whether `value` is within the bound, however the two are compared.
fn is_within(bound: Bound, value: u64, limit: u64) -> bool {
    match bound {
        Bound::Greater => value > limit && value as i64 > limit as i64,
        Bound::LessOrEqual => value <= limit && value as i64 <= limit as i64,
    }
}

/// Whether the five bits from `low` are a register.
fn is_register(operands: Operands, low: u32) -> bool {
    let bits: RangeInclusive<u32> = match operands {
        Operands::None | Operands::Code | Operands::Offset26 => return false,
        Operands::RdSi20 | Operands::RdCsr => 0..=0,
        Operands::RjOffset21 | Operands::RjUi8 | Operands::HintRjSi12 => 5..=5,
        Operands::RjRk | Operands::HintRjRk | Operands::Invtlb => 5..=10,
        Operands::RdRjRk | Operands::RdRkRj => 0..=10,
        Operands::RdRjRkShift | Operands::RdRjRkByte4 | Operands::RdRjRkByte8 => 0..=10,
        _ => 0..=5,
    };
    bits.contains(&low)
}

/// Returns the registers among the operands: `rd`, `rk` and `rj`.
fn registers(operands: Operands, word: u32) -> Vec<u32> {
    [0, 10, 5].into_iter().filter(|low| is_register(operands, *low)).map(|low| field(word, low)).collect()
}

/// Returns the bits that are registers.
fn registers_mask(operands: Operands) -> u32 {
    [0, 5, 10].into_iter().filter(|low| is_register(operands, *low)).map(|low| 31 << low).sum()
}

/// Returns what an instruction adds to `rj`.
fn displacement(operands: Operands, word: u32) -> u64 {
    let signed = |bits: u32, scale: u32| {
        let above = 32 - bits;
        ((i64::from(((word >> 10) << above) as i32) >> above) << scale) as u64
    };
    match operands {
        Operands::RdRjSi12 => signed(12, 0),
        Operands::RdRjSi14 => signed(14, 2),
        Operands::RdRjOffset16 => signed(16, 2),
        other => unreachable!("{other:?} has no displacement"),
    }
}

/// Returns how many words a branch reaches.
fn reach(operands: Operands) -> usize {
    match operands {
        Operands::RjOffset21 => REACH_21,
        Operands::Offset26 => REACH_26,
        _ => REACH_16,
    }
}

/// Returns the bits of a branch's offset.
fn offset(operands: Operands, words: i64) -> u32 {
    let low = (words as u32 & 0xffff) << 10;
    let high = (words >> 16) as u32;
    match operands {
        Operands::RjOffset21 => low | high & 0x1f,
        Operands::Offset26 => low | high & 0x3ff,
        _ => low,
    }
}
