//! What can go wrong before and between runs. How a run itself ends is [`CallExit`](crate::CallExit).

use pmdscope_arches::Arch;
use pmdscope_explore::Schedule;
use pmdscope_guest::GuestError;
use pmdscope_watch::WatchError;
use unicorn_engine::uc_error;

use crate::pinned::{ENGINE, ROOM};

/// A machine that could not be built or used.
#[derive(Debug, thiserror::Error)]
pub enum EmuError {
    /// The engine has no CPU of this architecture.
    #[error("{0} cannot be executed: the engine has no such CPU, so its encoding is a model only")]
    NotExecuted(Arch),
    /// The engine that was linked is not the pinned one.
    #[error(
        "this program was linked with Unicorn {}.{}.{} (extra {}), not with the pinned {ENGINE}: build it anew, in an empty \
         target directory",
        linked[0], linked[1], linked[2], linked[3]
    )]
    OtherEngine {
        /// What the library says of itself: major, minor, patch, and a number for versions in between.
        linked: [u8; 4],
    },
    /// The system does not give the address space that a CPU takes.
    #[error(
        "a CPU takes {} MiB of address space, which the system does not give: raise ulimit -v, or --memory of a batch",
        ROOM >> 20
    )]
    NoRoom,
    /// The engine refused something that it should not.
    #[error("the engine refused to {doing}: {error:?}")]
    Engine {
        /// What was tried.
        doing: &'static str,
        /// What the engine said.
        error: uc_error,
    },
    /// A word is used as one that is watched, and is not.
    #[error("the word at {address:#x} is not watched")]
    NotWatched {
        /// Its address, as the engine has it.
        address: u64,
    },
    /// There is no memory where the tool itself reads or writes.
    #[error("cannot {doing} {bytes} bytes at {address:#x}: no memory is there")]
    NoMemory {
        /// What was tried.
        doing: &'static str,
        /// The address, as programs have it.
        address: u64,
        /// How many bytes.
        bytes: u64,
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
        end: crate::CallExit,
    },
    /// What a kernel's routines need cannot be set up.
    #[error("{0}")]
    Environment(String),
    /// A schedule names a vCPU that cannot go on.
    #[error("turn {turn} of the schedule is {wanted}, but {possible} can go on there")]
    ScheduleMisfit {
        /// Which turn, counted from 1.
        turn: usize,
        /// What the schedule says.
        wanted: String,
        /// What was possible.
        possible: String,
    },
    /// A schedule ends while there is more to do.
    #[error("the schedule ends after {after} accesses, but {possible} can go on")]
    ScheduleEnds {
        /// How many accesses it has.
        after: usize,
        /// What could go on.
        possible: String,
    },
    /// An access that is not of one entry, or of a part of one.
    #[error("an access of {size} bytes at {address:#x} is not of one entry: run it with no reduction")]
    NotOneEntry {
        /// Its address.
        address: u64,
        /// Its size.
        size: usize,
    },
    /// What was recorded of a routine and what the machine code did then are not the same.
    #[error("under schedule {schedule} the machine code did not do what was recorded of it: {what}")]
    NotAsRecorded {
        /// The schedule.
        schedule: String,
        /// What differs.
        what: String,
    },
}

impl From<WatchError> for EmuError {
    fn from(error: WatchError) -> Self {
        match error {
            WatchError::Engine { doing, error } => EmuError::Engine { doing, error },
            WatchError::Disassembler(why) => EmuError::Disassembler(why),
        }
    }
}

/// Who is to blame for an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blame {
    /// What was to be run, or how: the error is the same each time.
    Input,
    /// The system, which gave too little memory: with more there may be no error.
    Memory,
    /// This program.
    Program,
}

impl EmuError {
    /// Who is to blame for it.
    pub fn blame(&self) -> Blame {
        match self {
            EmuError::NoRoom
            | EmuError::Engine { error: uc_error::NOMEM, .. }
            | EmuError::NoMemory { .. } => Blame::Memory,
            EmuError::OtherEngine { .. }
            | EmuError::Engine { .. }
            | EmuError::NotWatched { .. }
            | EmuError::Disassembler(_)
            | EmuError::NotAsRecorded { .. } => Blame::Program,
            EmuError::NotExecuted(_)
            | EmuError::Guest(_)
            | EmuError::Outcome(_)
            | EmuError::DidNotReturn { .. }
            | EmuError::Environment(_)
            | EmuError::ScheduleMisfit { .. }
            | EmuError::ScheduleEnds { .. }
            | EmuError::NotOneEntry { .. } => Blame::Input,
        }
    }

    pub(crate) fn engine(doing: &'static str, error: uc_error) -> Self {
        EmuError::Engine { doing, error }
    }

    /// The error, for a schedule that is known to have fitted before.
    pub(crate) fn not_repeated(self, schedule: &[u8]) -> Self {
        match self {
            EmuError::ScheduleMisfit { turn, wanted, possible } => EmuError::NotAsRecorded {
                schedule: Schedule(schedule.to_vec()).to_string(),
                what: format!("at turn {turn}, {wanted}, only {possible} could go on"),
            },
            other => other,
        }
    }
}
