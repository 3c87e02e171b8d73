//! The instructions that the vCPUs of one machine run.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use pmdscope_arches::Arch;
use pmdscope_watch::{Disassembler, Instruction, Isa};

use crate::EmuError;
use crate::cpu::CpuModel;

/// What decodes instructions, and what they run on.
pub(crate) struct Decoder {
    pub(crate) model: &'static CpuModel,
    /// What watches decode by, too.
    pub(crate) disassembler: Rc<Disassembler>,
    /// Whether the instruction at an address flushes or is stepped over, once asked.
    flushing: RefCell<HashMap<u64, bool>>,
}

impl Decoder {
    /// The decoder of an architecture.
    ///
    /// # Errors
    /// If the engine has no such CPU.
    pub(crate) fn of(arch: Arch) -> Result<Rc<Self>, EmuError> {
        let (Some(model), Some(isa)) = (CpuModel::of(arch), Isa::of(arch)) else {
            return Err(EmuError::NotExecuted(arch));
        };
        let disassembler = Rc::new(Disassembler::new(isa)?);
        Ok(Rc::new(Decoder { model, disassembler, flushing: RefCell::default() }))
    }

    /// The instruction set.
    pub(crate) fn isa(&self) -> &'static Isa {
        self.disassembler.isa()
    }

    /// Whether an instruction is stepped over, since the engine cannot execute it.
    pub(crate) fn skips(&self, instruction: &Instruction) -> bool {
        let mnemonic = instruction.text.split(' ').next().unwrap_or_default();
        self.model.skipped.contains(&mnemonic)
    }

    /// The instruction at `pc`, if it flushes translations or is to be stepped over. Asked before every
    /// instruction of a kernel, so that the answer is kept apart.
    pub(crate) fn flushing(
        &self,
        pc: u64,
        instruction: impl FnOnce() -> Result<Instruction, EmuError>,
    ) -> Result<Option<Instruction>, EmuError> {
        if let Some(false) = self.flushing.borrow().get(&pc) {
            return Ok(None);
        }
        let instruction = instruction()?;
        let is = instruction.class.flushes || self.skips(&instruction);
        self.flushing.borrow_mut().insert(pc, is);
        Ok(is.then_some(instruction))
    }
}
