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
    /// The events, in order.
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
    /// How many references it has at the end.
    pub references: u64,
}

/// One event of a trace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Event {
    /// The CPU: 0 runs the writer, 1 the walker, others the further routines.
    pub cpu: u8,
    /// The address of the instruction.
    pub pc: Hex,
    /// Symbol and offset of that address.
    pub symbol: String,
    /// The instruction; for a load-reserved and store-conditional pair, both.
    pub instruction: String,
    /// The kind of event, with its values.
    #[serde(flatten)]
    pub what: EventKind,
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

/// The kind of an event, with its values.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "event", rename_all = "lowercase")]
pub enum EventKind {
    /// A plain load from the page table.
    Load {
        /// The value that the CPU's own load returns (`pmd_raw()`). On ppc64le the bytes of an entry are in the
        /// opposite order to the CPU's.
        raw: Value,
        /// The same value as an entry.
        entry: Value,
    },
    /// A store to the page table.
    Store {
        /// The value that it left in memory, as the CPU's own load would return it.
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
        /// The value that it left in memory, as the CPU's own load would return it.
        raw: Value,
        /// The address of the instruction that stored: for a load-reserved and store-conditional pair, the
        /// second one. Null if nothing was stored, as by a compare-and-swap that failed.
        store_pc: Option<Hex>,
        /// The entry before.
        before: Value,
        /// The entry after.
        after: Value,
        /// The bits that changed.
        changes: Vec<String>,
    },
    /// An access to a word outside the PMD table that both writer and walker use.
    Elsewhere {
        /// Description of the word.
        place: String,
        /// `load`, `store` or `atomic`.
        access: AccessKind,
        /// The word before.
        before: Value,
        /// The word after.
        after: Value,
    },
    /// A kernel function that invalidates an entry was entered.
    Call {
        /// Symbol of the function.
        function: String,
        /// The entry when the function was entered.
        entry: Value,
    },
    /// An instruction that invalidates translations.
    Flush,
    /// The guest's `VM_WARN_ON_ONCE()` fired.
    Warning {
        /// The entry it warned of.
        entry: Value,
    },
    /// A kernel's own `WARN()` fired, `VM_WARN_ON_ONCE()` of a kernel with `CONFIG_DEBUG_VM` among them.
    KernelWarning {
        /// File and line in the kernel's sources, or the symbol where the kernel does not keep them.
        place: String,
    },
}
