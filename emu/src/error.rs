//! What can go wrong before and between runs. How a run itself ends is [`End`](crate::End).

use pmdscope_arches::Arch;
use pmdscope_guest::GuestError;
use unicorn_engine::uc_error;

/// A machine that could not be built or used.
#[derive(Debug, thiserror::Error)]
pub enum EmuError {
    /// The engine has no CPU of this architecture.
    #[error("{0} cannot be executed: the engine has no such CPU, so its encoding is a model only")]
    NotExecuted(Arch),
    /// The engine refused something that it should not.
    #[error("the engine refused to {doing}: {error:?}")]
    Engine {
        /// What was tried.
        doing: &'static str,
        /// What the engine said.
        error: uc_error,
    },
    /// Capstone could not be opened.
    #[error("the disassembler cannot be opened: {0}")]
    Disassembler(String),
    /// The guest lacks what is to be called.
    #[error(transparent)]
    Guest(#[from] GuestError),
    /// The guest wrote an outcome that is none.
    #[error("the guest's outcome is not one: {0}")]
    Outcome(#[from] pmdscope_guest::UnknownNumber),
    /// A function of the guest that takes no part in schedules did not return.
    #[error("the guest's function {function} did not return: {end}")]
    DidNotReturn {
        /// Its name.
        function: String,
        /// How it ended.
        end: crate::End,
    },
    /// Running the same schedule again gave other accesses.
    #[error("the guest did not do the same again under schedule {schedule}: {what}")]
    NotRepeatable {
        /// The schedule.
        schedule: String,
        /// What differed.
        what: String,
    },
}

impl EmuError {
    pub(crate) fn engine(doing: &'static str, error: uc_error) -> Self {
        EmuError::Engine { doing, error }
    }
}
