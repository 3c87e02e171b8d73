//! Decoding of the instructions that the vCPUs of one machine run.

use std::cell::RefCell;
use std::rc::Rc;

use pmdscope_arches::Arch;
use pmdscope_watch::{Disassembler, Instruction, Isa};
use rustc_hash::FxHashMap;

use crate::EmuError;
use crate::cpu::{CpuModel, InPlace};
use crate::engine_kind::EngineKind;

/// The disassembler and the CPU model of one architecture.
pub(crate) struct Decoder {
    pub(crate) model: &'static CpuModel,
    /// The engine that runs the code.
    pub(crate) engine: EngineKind,
    /// The disassembler, which watches use as well.
    pub(crate) disassembler: Rc<Disassembler>,
    /// Cached by address: whether something is to be done at the instruction; see [`flushing`](Self::flushing).
    flushing: RefCell<FxHashMap<u64, bool>>,
}

impl Decoder {
    /// Creates the decoder of an architecture, whose code an engine runs: its usual one, if none is given.
    ///
    /// # Errors
    /// [`EmuError::NoCpu`] if the engine that is given has no such CPU, [`EmuError::Disassembler`] if Capstone cannot be
    /// opened.
    pub(crate) fn of(arch: Arch, engine: Option<EngineKind>) -> Result<Rc<Self>, EmuError> {
        let (model, isa) = (CpuModel::of(arch), Isa::of(arch));
        let engine = engine.unwrap_or(EngineKind::usual(arch));
        if !engine.has(arch) {
            return Err(EmuError::NoCpu { engine, arch });
        }
        let disassembler = Rc::new(Disassembler::new(isa)?);
        Ok(Rc::new(Decoder { model, engine, disassembler, flushing: RefCell::default() }))
    }

    /// Returns the instruction set.
    pub(crate) fn isa(&self) -> &'static Isa {
        self.disassembler.isa()
    }

    /// Whether an instruction is stepped over because the engine cannot execute it.
    pub(crate) fn skips(&self, instruction: &Instruction) -> bool {
        let mnemonic = instruction.text.split(' ').next().unwrap_or_default();
        self.model.skipped.contains(&mnemonic)
    }

    /// Returns what is done in place of the engine at an instruction.
    pub(crate) fn in_place(&self, instruction: &Instruction) -> Option<InPlace> {
        let (mnemonic, operands) = instruction.text.split_once(' ')?;
        (self.model.in_place)(mnemonic, operands)
    }

    /// Whether interrupts may be on after an instruction.
    pub(crate) fn may_enable_interrupts(&self, instruction: &Instruction) -> bool {
        let begins = |begin: &&str| instruction.text.starts_with(*begin);
        self.model.interrupts.as_ref().is_some_and(|how| how.may_enable.iter().any(begins))
    }

    /// Returns the instruction at `pc` if it flushes translations, is stepped over, is done in place of the engine, or may
    /// turn interrupts on.
    ///
    /// `instruction` decodes it. The answer is cached, since kernels ask before every instruction.
    pub(crate) fn flushing(
        &self,
        pc: u64,
        instruction: impl FnOnce() -> Result<Instruction, EmuError>,
    ) -> Result<Option<Instruction>, EmuError> {
        if let Some(false) = self.flushing.borrow().get(&pc) {
            return Ok(None);
        }
        let instruction = instruction()?;
        let is = instruction.class.flushes
            || self.skips(&instruction)
            || self.in_place(&instruction).is_some()
            || self.may_enable_interrupts(&instruction);
        self.flushing.borrow_mut().insert(pc, is);
        Ok(is.then_some(instruction))
    }
}
