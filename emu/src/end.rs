//! How a call of a guest function can end, and what bounds it.

use std::fmt;
use std::time::Duration;

use pmdscope_guest::abi::{self, Outcome};
use unicorn_engine::uc_error;

use crate::memory;
use crate::trace::Event;

/// Every way in which a call of a guest function can end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CallExit {
    /// It returned.
    Returned,
    /// It accessed an address where nothing is: a struct page that does not exist, say.
    Fault {
        /// The instruction.
        pc: u64,
        /// The address, where the engine tells it.
        address: Option<u64>,
    },
    /// The CPU raised an exception: a trap, an instruction it does not have.
    Exception {
        /// The instruction.
        pc: u64,
        /// The engine's number for it.
        number: u32,
    },
    /// More page-table accesses than the bounds allow.
    AccessBound,
    /// More instructions than the bounds allow.
    InstructionBound,
    /// More time than the bounds allow.
    TimeBound,
    /// The engine failed in a way that no guest should cause.
    Engine(uc_error),
}

impl CallExit {
    /// Whether a bound ended it, so that nothing is known of what would have followed.
    pub fn is_bound(self) -> bool {
        matches!(self, CallExit::AccessBound | CallExit::InstructionBound | CallExit::TimeBound)
    }
}

impl fmt::Display for CallExit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CallExit::Returned => f.write_str("returned"),
            CallExit::Fault { pc, address: Some(address) } => {
                write!(f, "accessed {address:#x}, where nothing is, at {pc:#x}")?;
                // Above are addresses of kernels, which have their struct pages elsewhere.
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
            CallExit::AccessBound => f.write_str("reached the bound on page-table accesses"),
            CallExit::InstructionBound => f.write_str("reached the bound on instructions"),
            CallExit::TimeBound => f.write_str("reached the bound on time"),
            CallExit::Engine(error) => write!(f, "stopped by the engine: {error:?}"),
        }
    }
}

/// How much one call may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallBounds {
    /// Page-table accesses.
    pub accesses: u64,
    /// Instructions, counted by the blocks entered.
    pub instructions: u64,
    /// Time of this call alone.
    pub time: Duration,
}

impl Default for CallBounds {
    /// No bound on time, so that where a call ends does not depend on the machine.
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

/// How far a routine was followed.
pub(crate) struct ReplayedPrefix {
    /// Its events. If it has not ended, the last is the read that it was stopped at.
    pub(crate) accesses: Vec<Event>,
    /// The result, if the routine has ended.
    pub(crate) ended: Option<CallResult>,
    /// What it depends on at the read that it was stopped at, but for what it reads; see
    /// [`Segment::state`](crate::Segment::state).
    pub(crate) state: Vec<u64>,
}

/// A call that is over.
pub(crate) struct CompletedCall {
    pub(crate) end: CallExit,
    pub(crate) outcome: Option<Outcome>,
    /// Where its code went, in order: the starts of blocks, or instructions.
    pub(crate) path: Vec<u64>,
}
