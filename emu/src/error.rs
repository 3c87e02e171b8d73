//! Errors before and between runs. [`CallExit`](crate::CallExit) says how a run itself ended.

use pmdscope_arches::Arch;
use pmdscope_engine::EngineError;
use pmdscope_explore::Schedule;
use pmdscope_guest::GuestError;
use pmdscope_watch::WatchError;

use crate::engine_kind::EngineKind;
use crate::pinned::{ENGINE, ROOM};

/// Errors of building or using a machine.
#[derive(Debug, thiserror::Error)]
pub enum EmuError {
    /// Kernels of this architecture cannot be set up.
    #[error("kernels of {0} cannot be run: how they are set up is not known here")]
    NoPlatform(Arch),
    /// The engine that was asked for has no CPU of this architecture.
    #[error("the engine {engine} has no CPU of {arch}: {} has", EngineKind::usual(*arch))]
    NoCpu {
        /// The engine.
        engine: EngineKind,
        /// The architecture.
        arch: Arch,
    },
    /// The linked engine is not the pinned one.
    #[error(
        "this program was linked with Unicorn {}.{}.{} (extra {}), not with the pinned {ENGINE}: build it anew, in an empty \
         target directory",
        linked[0], linked[1], linked[2], linked[3]
    )]
    OtherEngine {
        /// The version that the library reports: major, minor, patch, and a number for versions in between.
        linked: [u8; 4],
    },
    /// The system has too little address space for a CPU.
    #[error(
        "a CPU takes {} MiB of address space, which the system does not give: raise ulimit -v, or --memory of a batch",
        ROOM >> 20
    )]
    NoRoom,
    /// The engine refused an operation that should succeed.
    #[error("the engine refused to {doing}: {error}")]
    Engine {
        /// The operation.
        doing: &'static str,
        /// The engine's error.
        error: EngineError,
    },
    /// A word is used as a watched one, but is not watched.
    #[error("the word at {address:#x} is not watched")]
    NotWatched {
        /// Address of the word, as the engine sees it.
        address: u64,
    },
    /// The tool itself read or wrote unmapped memory.
    #[error("cannot {doing} {bytes} bytes at {address:#x}: no memory is there")]
    NoMemory {
        /// The operation.
        doing: &'static str,
        /// The address, as programs use it.
        address: u64,
        /// Number of bytes.
        bytes: u64,
    },
    /// Capstone could not be opened.
    #[error("the disassembler cannot be opened: {0}")]
    Disassembler(String),
    /// A guest cannot be used: for example, it lacks a function to be called.
    #[error(transparent)]
    Guest(#[from] GuestError),
    /// The guest wrote an outcome with an unknown number.
    #[error("the guest's outcome is not one: {0}")]
    Outcome(#[from] pmdscope_guest::UnknownNumber),
    /// A guest function that takes no part in schedules did not return.
    #[error("the guest's function {function} did not return: {end}")]
    DidNotReturn {
        /// Name of the function.
        function: String,
        /// How the call ended.
        end: crate::CallExit,
    },
    /// An environment cannot be set up, or cannot run what was asked of it.
    #[error("{0}")]
    Environment(String),
    /// A schedule names a vCPU that cannot go on at that turn.
    #[error("turn {turn} of the schedule is {wanted}, but {possible} can go on there")]
    ScheduleMisfit {
        /// Number of the turn, counted from 1.
        turn: usize,
        /// The vCPU that the schedule names.
        wanted: String,
        /// The vCPUs that could go on.
        possible: String,
    },
    /// A schedule ends while some vCPU can still go on.
    #[error("the schedule ends after {after} accesses, but {possible} can go on")]
    ScheduleEnds {
        /// Number of accesses in the schedule.
        after: usize,
        /// The vCPUs that could go on.
        possible: String,
    },
    /// An access is not confined to one entry.
    #[error("an access of {size} bytes at {address:#x} is not of one entry: run it with no reduction")]
    NotOneEntry {
        /// Address of the access.
        address: u64,
        /// Number of bytes accessed.
        size: usize,
    },
    /// The machine code did not do what was recorded of it.
    #[error("under schedule {schedule} the machine code did not do what was recorded of it: {what}")]
    NotAsRecorded {
        /// The schedule that was run.
        schedule: String,
        /// Description of the difference.
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
    /// The input, that is the code or how to run it: the error is the same each time.
    Input,
    /// The system, which provided too little memory: with more, the error may not recur.
    Memory,
    /// This program.
    Program,
}

impl EmuError {
    /// Returns who is to blame for the error.
    pub fn blame(&self) -> Blame {
        match self {
            EmuError::NoRoom
            | EmuError::Engine { error: EngineError::NoMemory, .. }
            | EmuError::NoMemory { .. } => Blame::Memory,
            EmuError::OtherEngine { .. }
            | EmuError::Engine { .. }
            | EmuError::NotWatched { .. }
            | EmuError::Disassembler(_)
            | EmuError::NotAsRecorded { .. } => Blame::Program,
            EmuError::NoPlatform(_)
            | EmuError::NoCpu { .. }
            | EmuError::Guest(_)
            | EmuError::Outcome(_)
            | EmuError::DidNotReturn { .. }
            | EmuError::Environment(_)
            | EmuError::ScheduleMisfit { .. }
            | EmuError::ScheduleEnds { .. }
            | EmuError::NotOneEntry { .. } => Blame::Input,
        }
    }

    pub(crate) fn engine(doing: &'static str, error: EngineError) -> Self {
        EmuError::Engine { doing, error }
    }

    /// Turns a misfit into [`EmuError::NotAsRecorded`], for a schedule that is known to have fitted before.
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
