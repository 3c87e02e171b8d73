//! Decodes instructions to text and class, and keeps them by address.

use std::cell::RefCell;
use std::rc::Rc;

use capstone::Capstone;
use pmdscope_engine::{Instruction as Decoded, InstructionSet};
use rustc_hash::FxHashMap;

use crate::error::WatchError;
use crate::isa::{Class, Isa, TextSource};

/// One decoded instruction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instruction {
    /// Its text: mnemonic and operands. Bytes that cannot be decoded are shown as `.byte`.
    pub text: Rc<str>,
    /// Its length in bytes.
    pub length: u64,
    /// How it accesses memory, and whether it flushes.
    pub class: Class,
}

impl Instruction {
    /// Returns the target of a direct call; `None` for all other instructions.
    pub fn call_target(&self) -> Option<u64> {
        let (_, operand) = self.text.split_once(' ').filter(|_| self.class.calls)?;
        let digits = operand.trim().trim_start_matches('#').strip_prefix("0x")?;
        u64::from_str_radix(digits, 16).ok()
    }
}

/// What decodes instructions.
enum Decoder {
    Capstone(Capstone),
    Interpreter(InstructionSet),
}

/// Decodes the instructions of one guest, each once.
pub struct Disassembler {
    isa: &'static Isa,
    decoder: Decoder,
    known: RefCell<FxHashMap<u64, Instruction>>,
}

/// No architecture here has a longer instruction.
pub(crate) const LONGEST_INSTRUCTION_BYTES: usize = 16;

impl Disassembler {
    /// A disassembler for `isa`.
    ///
    /// # Errors
    /// If Capstone was built without that architecture.
    pub fn new(isa: &'static Isa) -> Result<Self, WatchError> {
        let decoder = match isa.text {
            TextSource::Capstone(open) => {
                Decoder::Capstone(open().map_err(|error| WatchError::Disassembler(error.to_string()))?)
            }
            TextSource::Interpreter(set) => Decoder::Interpreter(set),
        };
        Ok(Disassembler { isa, decoder, known: RefCell::default() })
    }

    /// The instruction set.
    pub fn isa(&self) -> &'static Isa {
        self.isa
    }

    /// Returns the instruction at `pc`, if it was decoded before.
    pub(crate) fn known(&self, pc: u64) -> Option<Instruction> {
        self.known.borrow().get(&pc).cloned()
    }

    /// Returns the instruction at `pc`. `code` begins with its bytes, and may be longer.
    pub fn at(&self, pc: u64, code: &[u8]) -> Instruction {
        if let Some(known) = self.known(pc) {
            return known;
        }
        let instruction = self.decode(pc, code);
        self.known.borrow_mut().insert(pc, instruction.clone());
        instruction
    }

    fn decode(&self, pc: u64, code: &[u8]) -> Instruction {
        let instruction = |mnemonic: &str, operands: &str, length| Instruction {
            text: format!("{mnemonic} {operands}").trim_end().into(),
            length,
            class: (self.isa.classify)(mnemonic, operands),
        };
        match &self.decoder {
            Decoder::Capstone(capstone) => {
                if let Ok(decoded) = capstone.disasm_count(code, pc, 1)
                    && let Some(one) = decoded.iter().next()
                {
                    let (mnemonic, operands) = (one.mnemonic().unwrap_or("?"), one.op_str().unwrap_or(""));
                    let left_out = (self.isa.left_out)(mnemonic, code.get(one.len()..).unwrap_or_default());
                    return instruction(mnemonic, operands, one.len() as u64 + left_out);
                }
            }
            Decoder::Interpreter(set) => {
                if let Some(decoded) = Decoded::decode(*set, code) {
                    let (mnemonic, operands) = decoded.text(pc);
                    return instruction(&mnemonic, &operands, decoded.length());
                }
            }
        }
        if let Some((mnemonic, operands)) = (self.isa.supplement)(code) {
            return instruction(mnemonic, &operands, 4);
        }
        let bytes: Vec<_> = code.iter().take(4).map(|byte| format!("{byte:#04x}")).collect();
        instruction(".byte", &bytes.join(", "), bytes.len().max(1) as u64)
    }
}

#[cfg(test)]
mod tests {
    use pmdscope_arches::Arch;

    use super::*;

    fn target(arch: Arch, pc: u64, code: &[u8]) -> (Rc<str>, Option<u64>) {
        let instruction = Disassembler::new(Isa::of(arch)).unwrap().at(pc, code);
        (Rc::clone(&instruction.text), instruction.call_target())
    }

    #[test]
    fn a_direct_call_says_where_it_goes() {
        let calls: [(Arch, u64, &[u8], u64); 4] = [
            (Arch::Arm64, 0xffff_8000_1000_0000, &[0x02, 0x00, 0x00, 0x94], 0xffff_8000_1000_0008),
            (Arch::X86_64, 0xffff_ffff_8100_0000, &[0xe8, 0xfb, 0x00, 0x00, 0x00], 0xffff_ffff_8100_0100),
            (Arch::Ppc64le, 0xc000_0000_0000_1000, &[0x01, 0x01, 0x00, 0x48], 0xc000_0000_0000_1100),
            (Arch::Ppc64, 0xc000_0000_0000_1000, &[0x48, 0x00, 0x01, 0x01], 0xc000_0000_0000_1100),
        ];
        for (arch, pc, code, goes_to) in calls {
            let (text, target) = target(arch, pc, code);
            assert_eq!(target, Some(goes_to), "{arch} {text}");
        }
    }

    #[test]
    fn an_instruction_ends_where_the_next_begins() {
        let decoder = Disassembler::new(Isa::of(Arch::X86_64)).unwrap();
        // ud1 (%edx), %rdi; ret; int3
        assert_eq!(decoder.at(0x1000, &[0x67, 0x48, 0x0f, 0xb9, 0x3a, 0xc3, 0xcc]).length, 5);
        assert_eq!(decoder.at(0x1005, &[0xc3, 0xcc]).length, 1);
    }

    #[test]
    fn a_jump_or_an_indirect_call_has_no_target() {
        let others: [(Arch, &[u8]); 6] = [
            (Arch::Arm64, &[0x02, 0x00, 0x00, 0x14]),
            (Arch::Arm64, &[0x00, 0x00, 0x3f, 0xd6]),
            (Arch::X86_64, &[0xe9, 0xfb, 0x00, 0x00, 0x00]),
            (Arch::X86_64, &[0xff, 0xd0]),
            (Arch::Ppc64le, &[0x00, 0x01, 0x00, 0x48]),
            (Arch::Ppc64le, &[0x21, 0x04, 0x80, 0x4e]),
        ];
        for (arch, code) in others {
            let (text, target) = target(arch, 0x1000, code);
            assert_eq!(target, None, "{arch} {text}");
        }
    }
}
