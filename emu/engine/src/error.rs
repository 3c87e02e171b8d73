//! Errors of an engine.

use std::fmt;

use pmdscope_interpreter::{Instruction, InstructionSet};
use unicorn_engine::uc_error;

/// Why an engine refused a request, or stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum EngineError {
    /// The program accessed memory that is not mapped, or the caller did.
    #[error("no memory is mapped there")]
    Unmapped,
    /// The program raised an exception, and no hook took it.
    #[error("an exception")]
    Exception,
    /// The program reached an instruction that the architecture does not have, or a hook-less engine cannot execute.
    #[error("an invalid instruction")]
    Invalid,
    /// The program reached an instruction that this engine cannot execute.
    #[error("{0}")]
    NotKnown(UnknownInstruction),
    /// The system has too little memory.
    #[error("NOMEM")]
    NoMemory,
    /// The caller asked for something that does not exist, such as a register.
    #[error("ARG")]
    Argument,
    /// The engine stopped, and no hook asked for it.
    #[error("OK")]
    Stopped,
    /// Another error of Unicorn.
    #[error("{0:?}")]
    Unicorn(uc_error),
}

/// An instruction that the interpreter does not know, or cannot execute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct UnknownInstruction {
    /// Its address.
    pub pc: u64,
    /// Its first four bytes, as a number in CPU order.
    pub code: u32,
    /// Its instruction set.
    pub set: InstructionSet,
}

impl fmt::Display for UnknownInstruction {
    /// Names it by its mnemonic, or by its bytes if that is not known.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let UnknownInstruction { pc, code, set } = *self;
        match Instruction::decode(set, &code.to_le_bytes()) {
            Some(known) => {
                write!(f, "the interpreter cannot execute {} ({code:#010x}) at {pc:#x}", known.text(pc).0)
            }
            None => write!(f, "the interpreter cannot execute .word {code:#010x} at {pc:#x}"),
        }
    }
}

impl From<uc_error> for EngineError {
    fn from(error: uc_error) -> Self {
        match error {
            uc_error::READ_UNMAPPED | uc_error::WRITE_UNMAPPED | uc_error::FETCH_UNMAPPED => {
                EngineError::Unmapped
            }
            uc_error::EXCEPTION => EngineError::Exception,
            uc_error::INSN_INVALID => EngineError::Invalid,
            uc_error::NOMEM => EngineError::NoMemory,
            uc_error::ARG => EngineError::Argument,
            uc_error::OK => EngineError::Stopped,
            other => EngineError::Unicorn(other),
        }
    }
}
