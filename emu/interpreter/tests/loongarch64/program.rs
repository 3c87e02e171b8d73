//! The program that is run: code that loads operands, executes an instruction and stores its results, many times.

use std::ops::Range;

use pmdscope_interpreter::{Instruction, InstructionSet};

use super::machine::{EXIT, WRITE};

/// Where the program's parts are.
pub(super) const TEXT: u64 = 0x1_2000_0000;
const INPUT: u64 = 0x1_3000_0000;
const OUTPUT: u64 = 0x1_4000_0000;
/// Memory that instructions access.
pub(super) const SCRATCH: u64 = 0x1_5000_0000;
pub(super) const SCRATCH_BYTES: usize = 4096;

/// Registers that instructions do not have for operands.
pub(super) const LINK: u32 = 28;
pub(super) const MARK: u32 = 29;
const OUT: u32 = 30;
const IN: u32 = 31;

/// An instruction whose results are compared.
pub(super) struct Case {
    pub(super) mnemonic: &'static str,
    /// The index of its word.
    pub(super) index: usize,
    /// The values that were loaded for it.
    inputs: Range<usize>,
}

/// A value that is compared.
struct Output {
    case: usize,
    /// The register that is stored.
    register: u32,
}

/// A part of memory.
pub(super) struct Segment {
    pub(super) address: u64,
    pub(super) bytes: Vec<u8>,
}

/// A program that loads values one after the other and stores results one after the other.
#[derive(Default)]
pub(super) struct Program {
    pub(super) code: Vec<u32>,
    pub(super) cases: Vec<Case>,
    pub(super) scratch: Vec<u8>,
    inputs: Vec<(u32, u64)>,
    outputs: Vec<Output>,
    /// How far the two have been used since their registers were last moved.
    in_bytes: u32,
    out_bytes: u32,
    first_input: usize,
}

impl Program {
    pub(super) fn new(scratch: Vec<u8>) -> Self {
        let mut program = Program { scratch, ..Program::default() };
        program.constant(IN, INPUT);
        program.constant(OUT, OUTPUT);
        program
    }

    /// Returns the address of the next word.
    pub(super) fn here(&self) -> u64 {
        TEXT + 4 * self.code.len() as u64
    }

    pub(super) fn emit(&mut self, word: u32) {
        self.code.push(word);
    }

    /// Loads a value into a register, and returns the index of the value.
    pub(super) fn input(&mut self, register: u32, value: u64) -> usize {
        self.emit(0x28c0_0000 | self.in_bytes << 10 | IN << 5 | register); // ld.d
        self.in_bytes += 8;
        self.inputs.push((register, value));
        self.inputs.len() - 1
    }

    /// Changes a value that is loaded.
    pub(super) fn set_input(&mut self, index: usize, value: u64) {
        self.inputs[index].1 = value;
    }

    /// The instruction that is compared, whose values were loaded since the last was.
    pub(super) fn case(&mut self, mnemonic: &'static str, word: u32) {
        let inputs = self.first_input..self.inputs.len();
        self.first_input = inputs.end;
        let decoded = Instruction::decode(InstructionSet::LoongArch64, &word.to_le_bytes());
        let (name, operands) = decoded.expect("the table has it").text(self.here());
        let alias = matches!(name.as_str(), "move" | "nop" | "jr" | "ret");
        assert!(name == mnemonic || alias, "{word:08x} is {name} {operands}, and not {mnemonic}");
        self.cases.push(Case { mnemonic, index: self.code.len(), inputs });
        self.emit(word);
    }

    /// Stores a register, to be compared as a result of the last case.
    pub(super) fn output(&mut self, register: u32) {
        self.emit(0x29c0_0000 | self.out_bytes << 10 | OUT << 5 | register); // st.d
        self.out_bytes += 8;
        self.outputs.push(Output { case: self.cases.len() - 1, register });
    }

    /// Stores 16 bytes of memory, to be compared as results of the last case.
    pub(super) fn output_memory(&mut self, address: u64) {
        self.input(LINK, address & !7);
        for offset in [0, 8] {
            self.emit(0x28c0_0000 | offset << 10 | LINK << 5 | MARK); // ld.d
            self.output(MARK);
        }
    }

    /// Moves on to the next values.
    pub(super) fn advance(&mut self) {
        self.emit(0x02c0_0000 | self.in_bytes << 10 | IN << 5 | IN); // addi.d
        self.emit(0x02c0_0000 | self.out_bytes << 10 | OUT << 5 | OUT);
        (self.in_bytes, self.out_bytes) = (0, 0);
        self.first_input = self.inputs.len();
    }

    /// Writes the results and the scratch memory, and exits.
    pub(super) fn finish(&mut self) {
        let outputs = 8 * self.outputs.len() as u64;
        for (address, bytes) in [(OUTPUT, outputs), (SCRATCH, SCRATCH_BYTES as u64)] {
            self.system_call(WRITE, [1, address, bytes]);
        }
        self.system_call(EXIT, [0, 0, 0]);
    }

    fn system_call(&mut self, number: u64, arguments: [u64; 3]) {
        for (register, value) in (4..).zip(arguments) {
            self.constant(register, value);
        }
        self.constant(11, number);
        self.emit(0x002b_0000); // syscall
    }

    /// Sets a register to a number of at most 51 bits.
    fn constant(&mut self, register: u32, value: u64) {
        self.emit(0x1400_0000 | (value as u32 >> 12) << 5 | register); // lu12i.w
        self.emit(0x0380_0000 | (value as u32 & 0xfff) << 10 | register << 5 | register); // ori
        self.emit(0x1600_0000 | ((value >> 32) as u32) << 5 | register); // lu32i.d
    }

    /// Returns the memory beside the code, as it is first.
    pub(super) fn data(&self) -> Vec<Segment> {
        vec![
            Segment {
                address: INPUT,
                bytes: self.inputs.iter().flat_map(|(_, value)| value.to_le_bytes()).collect(),
            },
            Segment { address: OUTPUT, bytes: vec![0; 8 * self.outputs.len()] },
            Segment { address: SCRATCH, bytes: self.scratch.clone() },
        ]
    }

    /// Returns the program as an ELF file.
    pub(super) fn elf(&self) -> Vec<u8> {
        const HEADER: u16 = 64;
        const PROGRAM_HEADER: u16 = 56;
        const PAGE: usize = 0x1_0000;
        let code = self.code.iter().flat_map(|word| word.to_le_bytes()).collect();
        let mut segments = vec![Segment { address: TEXT, bytes: code }];
        segments.extend(self.data());

        let mut file = b"\x7fELF\x02\x01\x01".to_vec();
        file.resize(16, 0);
        let half = |file: &mut Vec<u8>, value: u16| file.extend(value.to_le_bytes());
        let word = |file: &mut Vec<u8>, value: u32| file.extend(value.to_le_bytes());
        let double = |file: &mut Vec<u8>, value: u64| file.extend(value.to_le_bytes());
        half(&mut file, 2); // an executable
        half(&mut file, 258); // of LoongArch
        word(&mut file, 1);
        double(&mut file, TEXT);
        double(&mut file, HEADER.into());
        double(&mut file, 0);
        word(&mut file, 0x43); // the ABI with doubles in registers
        for value in [HEADER, PROGRAM_HEADER, segments.len() as u16, 0, 0, 0] {
            half(&mut file, value);
        }
        let mut offset = PAGE;
        for segment in &segments {
            word(&mut file, 1); // to be loaded
            word(&mut file, if segment.address == TEXT { 5 } else { 6 });
            double(&mut file, offset as u64);
            double(&mut file, segment.address);
            double(&mut file, segment.address);
            double(&mut file, segment.bytes.len() as u64);
            double(&mut file, segment.bytes.len() as u64);
            double(&mut file, PAGE as u64);
            offset += segment.bytes.len().next_multiple_of(PAGE);
        }
        for segment in &segments {
            file.resize(file.len().next_multiple_of(PAGE), 0);
            file.extend(&segment.bytes);
        }
        file
    }

    /// Returns the case at or before an address.
    pub(super) fn near(&self, pc: u64) -> String {
        let after = self.cases.partition_point(|case| TEXT + 4 * case.index as u64 <= pc);
        if after == 0 { "the start".to_string() } else { self.describe(&self.cases[after - 1]) }
    }

    /// Returns a line for each result that differs.
    pub(super) fn differences(&self, own: &[u8], theirs: &[u8]) -> Vec<String> {
        let mut differences = Vec::new();
        let words = |bytes: &[u8]| -> Vec<u64> {
            bytes
                .chunks_exact(8)
                .map(|word| u64::from_le_bytes(word.try_into().expect("eight bytes")))
                .collect()
        };
        for (number, (own, theirs)) in words(own).into_iter().zip(words(theirs)).enumerate() {
            if own == theirs {
                continue;
            }
            let what = match self.outputs.get(number) {
                Some(output) => {
                    format!("{}: r{}", self.describe(&self.cases[output.case]), output.register)
                }
                None => format!("scratch memory, word {}", number - self.outputs.len()),
            };
            differences.push(format!("{what} is {own:#x}, in QEMU {theirs:#x}"));
        }
        differences
    }

    /// Returns an instruction and its operands.
    fn describe(&self, case: &Case) -> String {
        let pc = TEXT + 4 * case.index as u64;
        let word = self.code[case.index];
        let text = Instruction::decode(InstructionSet::LoongArch64, &word.to_le_bytes()).map_or_else(
            || "?".to_string(),
            |instruction| {
                let (mnemonic, operands) = instruction.text(pc);
                format!("{mnemonic} {operands}")
            },
        );
        let inputs: Vec<_> = self.inputs[case.inputs.clone()]
            .iter()
            .map(|(register, value)| format!("r{register}={value:#x}"))
            .collect();
        format!("{pc:#x} {word:08x} {text} ({})", inputs.join(" "))
    }
}
