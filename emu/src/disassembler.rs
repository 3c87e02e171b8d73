//! Instructions as text, and their class, kept by address.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use capstone::Capstone;

use crate::EmuError;
use crate::isa::{Class, Isa};

/// One decoded instruction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instruction {
    /// Its text: mnemonic and operands. Bytes that Capstone cannot decode are shown as `.byte`.
    pub text: Rc<str>,
    /// How many bytes it takes.
    pub length: u64,
    /// How it accesses memory, and whether it flushes.
    pub class: Class,
    pub(crate) skipped: bool,
}

/// Decodes the instructions of one guest, each once.
pub struct Disassembler {
    isa: &'static Isa,
    capstone: Capstone,
    known: RefCell<HashMap<u64, Instruction>>,
}

/// No architecture here has a longer instruction.
pub(crate) const LONGEST_INSTRUCTION_BYTES: usize = 16;

impl Disassembler {
    /// A disassembler for `isa`.
    pub fn new(isa: &'static Isa) -> Result<Self, EmuError> {
        let capstone = (isa.capstone)().map_err(|error| EmuError::Disassembler(error.to_string()))?;
        Ok(Disassembler { isa, capstone, known: RefCell::default() })
    }

    /// The instruction set.
    pub fn isa(&self) -> &'static Isa {
        self.isa
    }

    /// The instruction at `pc`, whose bytes (and perhaps more) are `code`.
    pub fn at(&self, pc: u64, code: &[u8]) -> Instruction {
        if let Some(known) = self.known.borrow().get(&pc) {
            return known.clone();
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
            skipped: self.isa.skipped.contains(&mnemonic),
        };
        if let Ok(decoded) = self.capstone.disasm_count(code, pc, 1)
            && let Some(one) = decoded.iter().next()
        {
            let (mnemonic, operands) = (one.mnemonic().unwrap_or("?"), one.op_str().unwrap_or(""));
            return instruction(mnemonic, operands, one.len() as u64);
        }
        if let Some((mnemonic, operands)) = (self.isa.supplement)(code) {
            return instruction(mnemonic, &operands, 4);
        }
        let bytes: Vec<_> = code.iter().take(4).map(|byte| format!("{byte:#04x}")).collect();
        instruction(".byte", &bytes.join(", "), bytes.len().max(1) as u64)
    }
}
