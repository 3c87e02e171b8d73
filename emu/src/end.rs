//! How a call of a guest function can end, and what bounds it.

use std::fmt;
use std::time::Duration;

use pmdscope_engine::{EngineError, UnknownInstruction};
use pmdscope_guest::abi::{self, Outcome};

use crate::exploration::WRITER;
use crate::memory;

/// Most blocks of code of one call, so that its path fits in memory (128 MiB).
pub const LONGEST_PATH: usize = 1 << 24;

/// Every way in which a call of a guest function can end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CallExit {
    /// The function returned.
    Returned,
    /// It accessed unmapped memory, such as a struct page that does not exist.
    Fault {
        /// Address of the instruction.
        pc: u64,
        /// The accessed address, if the engine reports it.
        address: Option<u64>,
    },
    /// The CPU raised an exception, such as a trap or an undefined instruction.
    Exception {
        /// Address of the instruction.
        pc: u64,
        /// The engine's number of the exception.
        number: u32,
    },
    /// A kernel reached a `BUG()`: it says itself that something is wrong, and stops.
    Bug {
        /// Address of the instruction.
        pc: u64,
    },
    /// A kernel was about to give the CPU to another task: the function waits for something that no other CPU here
    /// does.
    Sleeps {
        /// Address of the function that does it.
        pc: u64,
    },
    /// It called a function, or accessed a variable, that is in no object of an object-only kernel.
    Absent {
        /// The address of its stand-in.
        address: u64,
    },
    /// It made more page-table accesses than the bounds allow.
    AccessBound,
    /// It ran more instructions than the bounds allow.
    InstructionBound,
    /// It went through more blocks of code than are kept of a call ([`LONGEST_PATH`]), whatever
    /// the bounds allow.
    PathBound,
    /// It took more time than the bounds allow.
    TimeBound,
    /// It reached an instruction whose accesses the engine does not show, and which nobody here does in its place.
    Unseen {
        /// Address of the instruction.
        pc: u64,
    },
    /// It reached an instruction that the interpreter does not know, or cannot execute.
    NotKnown(UnknownInstruction),
    /// The engine failed in a way that no guest should cause.
    Engine(EngineError),
}

impl CallExit {
    /// Whether a routine of a CPU crashed, if everything that it may access is in memory. A writer's faults are faults
    /// of its guest.
    pub fn is_crash_of(self, cpu: u8) -> bool {
        matches!(self, CallExit::Bug { .. }) || cpu != WRITER && matches!(self, CallExit::Fault { .. })
    }

    /// Whether a limit of what is run here ended the call, so that the rest of it is unknown: a bound, or an instruction.
    pub fn is_bound(self) -> bool {
        matches!(
            self,
            CallExit::AccessBound
                | CallExit::InstructionBound
                | CallExit::PathBound
                | CallExit::TimeBound
                | CallExit::Absent { .. }
                | CallExit::Unseen { .. }
                | CallExit::NotKnown(_)
        )
    }
}

impl fmt::Display for CallExit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CallExit::Returned => f.write_str("returned"),
            CallExit::Fault { pc, address: Some(address) } => {
                write!(f, "accessed {address:#x}, where nothing is, at {pc:#x}")?;
                // Higher addresses belong to kernels, whose struct pages are elsewhere.
                match address.checked_sub(memory::VMEMMAP) {
                    Some(offset) if *address < 1 << 63 => {
                        write!(f, " (the struct page of PFN {:#x})", offset / abi::STRUCT_PAGE_SIZE)
                    }
                    _ => Ok(()),
                }
            }
            CallExit::Fault { pc, address: None } => {
                write!(f, "accessed an address where nothing is, at {pc:#x}")
            }
            CallExit::Exception { pc, number } => write!(f, "raised exception {number} at {pc:#x}"),
            CallExit::Bug { pc } => write!(f, "reached a BUG() at {pc:#x}"),
            CallExit::Sleeps { pc } => write!(f, "sleeps, at {pc:#x}"),
            CallExit::Absent { address } => {
                write!(f, "used what is in no object of this kernel, at {address:#x}")
            }
            CallExit::AccessBound => f.write_str("reached the bound on page-table accesses"),
            CallExit::InstructionBound => f.write_str("reached the bound on instructions"),
            CallExit::PathBound => {
                write!(f, "went through {LONGEST_PATH} blocks of code, of which no more are kept")
            }
            CallExit::TimeBound => f.write_str("reached the bound on time"),
            CallExit::Unseen { pc } => {
                write!(f, "reached an instruction whose stores the engine does not show, at {pc:#x}")
            }
            CallExit::NotKnown(instruction) => write!(f, "stopped: {instruction}"),
            CallExit::Engine(error) => write!(f, "stopped by the engine: {error}"),
        }
    }
}

/// Bounds on one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallBounds {
    /// Maximum number of page-table accesses.
    pub accesses: u64,
    /// Maximum number of instructions. A block counts when it is entered.
    pub instructions: u64,
    /// Maximum time of this call alone.
    pub time: Duration,
}

impl Default for CallBounds {
    /// Sets no bound on time, so that the end of a call does not depend on the machine.
    fn default() -> Self {
        CallBounds { accesses: 1000, instructions: 1_000_000, time: Duration::MAX }
    }
}

/// The result of one routine: how its call ended, and its outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CallResult {
    /// How the call ended.
    pub end: CallExit,
    /// The outcome, if it returned.
    pub outcome: Option<Outcome>,
}

/// A call that has ended.
pub(crate) struct CompletedCall {
    pub(crate) end: CallExit,
    pub(crate) outcome: Option<Outcome>,
    /// Its path: the addresses of the blocks (guests) or instructions (kernels) that it ran, in order.
    pub(crate) path: Vec<u64>,
}
