//! The record of one schedule.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::count::Count;
use crate::entry::{Hex, Value};
use crate::outcome::Outcome;

/// The record of one schedule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Trace {
    /// The schedule.
    pub schedule: String,
    /// How many schedules have this behaviour.
    pub schedules: Count,
    /// What happened, in order.
    pub events: Vec<Event>,
    /// The writer's outcome.
    pub writer: Outcome,
    /// The walker's outcome.
    pub walker: Outcome,
    /// The outcomes of further routines.
    pub with: Vec<Outcome>,
    /// Struct pages whose references changed.
    pub references: Vec<References>,
}

/// A struct page whose references changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct References {
    /// The page frame number.
    pub pfn: Hex,
    /// How many references it had.
    pub before: u64,
    /// How many references it has in the end.
    pub references: u64,
}

/// One event of a trace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Event {
    /// Which CPU: 0 runs the writer, 1 the walker, others what runs with them.
    pub cpu: u8,
    /// The address of the instruction.
    pub pc: Hex,
    /// Symbol and offset.
    pub symbol: String,
    /// The instruction; of a load-reserved and store-conditional pair both.
    pub instruction: String,
    /// What it did.
    #[serde(flatten)]
    pub what: What,
}

/// How a word was accessed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum AccessKind {
    /// By a load.
    Load,
    /// By a store.
    Store,
    /// By an atomic instruction, which loads and may store.
    Atomic,
}

impl fmt::Display for AccessKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            AccessKind::Load => "load",
            AccessKind::Store => "store",
            AccessKind::Atomic => "atomic",
        })
    }
}

/// What an event is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "event", rename_all = "lowercase")]
pub enum What {
    /// A plain load from the page table.
    Load {
        /// What it returned, as the CPU's own load gives it (`pmd_raw()`): on ppc64le the bytes of
        /// an entry lie in the other order than the CPU's.
        raw: Value,
        /// The same as an entry.
        entry: Value,
    },
    /// A store to the page table.
    Store {
        /// What it left there, as the CPU's own load would give it.
        raw: Value,
        /// The entry before.
        before: Value,
        /// The entry after.
        after: Value,
        /// The bits that changed.
        changes: Vec<String>,
    },
    /// A load and a store as one.
    Atomic {
        /// What it left there, as the CPU's own load would give it.
        raw: Value,
        /// The instruction that stored: of a load-reserved and store-conditional pair the second one;
        /// null if nothing was stored, as a compare-and-swap need not.
        store_pc: Option<Hex>,
        /// The entry before.
        before: Value,
        /// The entry after.
        after: Value,
        /// The bits that changed.
        changes: Vec<String>,
    },
    /// An access to a word beside the PMD table that both writer and walker use.
    Elsewhere {
        /// What lies there.
        place: String,
        /// `load`, `store` or `atomic`.
        access: AccessKind,
        /// The word before.
        before: Value,
        /// The word after.
        after: Value,
    },
    /// A function of a kernel was entered that invalidates an entry.
    Call {
        /// Its symbol.
        function: String,
        /// The entry as it was then.
        entry: Value,
    },
    /// An instruction that invalidates translations.
    Flush,
    /// The guest's `VM_WARN_ON_ONCE()` fired.
    Warning {
        /// The entry it warned of.
        entry: Value,
    },
}
