//! The parts of a report that only runs of kernels have.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::count::Count;
use crate::entry::{Hex, Value};

/// The facts about a run of a real kernel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct KernelFacts {
    /// The function of the kernel that was run as the writer.
    pub writer_function: String,
    /// The function of the kernel that was run as the walker; null if there was none.
    pub walker_function: Option<String>,
    /// Whether the split invalidated an entry that was not present: the fault that the fix removes.
    pub split: SplitGuard,
    /// The values other than the page table that the split stored to an entry that was not present. Empty if it
    /// stored none, or if `split` is unknown.
    #[serde(default)]
    pub stored_before_table: Vec<Value>,
    /// Each entry for which `pmdp_invalidate()`, or the function that does its work, was entered.
    pub invalidated: Vec<Invalidated>,
    /// Runs with a known outcome. If one has another outcome, nothing else counts.
    pub controls: Vec<Control>,
    /// Each place whose `WARN()` or `WARN_ON()` fired.
    #[serde(default)]
    pub warnings: Vec<KernelWarning>,
    /// Functions that a stub answered for, so that they were not run.
    pub stubs: Vec<Stub>,
    /// The state that was set up, found out or assumed.
    pub assumptions: Vec<String>,
    /// Words outside the PMD table that both writer and walker use. The schedules include the accesses to these
    /// words.
    pub shared: Vec<String>,
}

/// Whether a split has the fix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum SplitGuard {
    /// It stored something other than the page table to an entry that was not present.
    Vulnerable,
    /// It was run to its end on an entry that is not present, and stored nothing but the page table.
    Guarded,
    /// No split was run on such an entry to its end, so nothing is known.
    Unknown,
}

impl SplitGuard {
    /// Returns the word in reports.
    pub const fn word(self) -> &'static str {
        match self {
            SplitGuard::Vulnerable => "vulnerable",
            SplitGuard::Guarded => "guarded",
            SplitGuard::Unknown => "unknown",
        }
    }
}

/// An entry that was invalidated.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub struct Invalidated {
    /// The function that was entered.
    pub function: String,
    /// The entry when the function was entered.
    pub entry: Value,
    /// Whether that entry was `pmd_present()`.
    pub present: bool,
    /// The number of schedules in which this happened.
    pub schedules: Count,
}

/// A warning by the kernel itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct KernelWarning {
    /// File and line in the kernel's sources, or the symbol where the kernel does not keep them.
    pub place: String,
    /// The number of schedules with this warning.
    pub schedules: Count,
}

/// A control: a run whose outcome is known beforehand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Control {
    /// Description of the run.
    pub what: String,
    /// The outcome of the run.
    #[serde(rename = "came_to")]
    pub outcome: String,
    /// Whether the outcome is the known one.
    pub passed: bool,
}

/// A stub: a function that was answered for and not run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Stub {
    /// Symbol of the function.
    pub function: String,
    /// The value that it returned, if any.
    pub returns: Option<Hex>,
    /// Why it was not run.
    pub why: String,
}
