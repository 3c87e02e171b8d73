//! What only runs of kernels have.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::count::Count;
use crate::entry::{Hex, Value};

/// What a run of a real kernel rests on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct KernelFacts {
    /// The function of the kernel that was run as the writer.
    pub writer_function: String,
    /// The one that was run as the walker; null if there was none.
    pub walker_function: Option<String>,
    /// Whether the split invalidated an entry that was not present: the fault that the fix removes.
    pub split: SplitGuard,
    /// Each entry for which `pmdp_invalidate()`, or the function that does its work, was entered.
    pub invalidated: Vec<Invalidated>,
    /// Runs of which it is known what they must come to. If one does not, nothing else counts.
    pub controls: Vec<Control>,
    /// Functions that were answered for instead of being run.
    pub stubs: Vec<Stub>,
    /// What was set up, found out or assumed.
    pub assumptions: Vec<String>,
    /// Words beside the PMD table that writer and walker both use, and over whose accesses schedules were
    /// run as well.
    pub shared: Vec<String>,
}

/// Whether a split has the fix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum SplitGuard {
    /// It invalidated an entry that was not present.
    Vulnerable,
    /// It was run to its end on an entry that is not present, and did not invalidate it.
    Guarded,
    /// No split was run on such an entry to its end, so nothing is known.
    Unknown,
}

impl SplitGuard {
    /// The word.
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
    /// The entry as it was then.
    pub entry: Value,
    /// Whether that is `pmd_present()`.
    pub present: bool,
    /// Under how many schedules.
    pub schedules: Count,
}

/// A run whose outcome is known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Control {
    /// What was run.
    pub what: String,
    /// Its outcome.
    #[serde(rename = "came_to")]
    pub outcome: String,
    /// Whether that is right.
    pub passed: bool,
}

/// A function that was answered for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Stub {
    /// Its symbol.
    pub function: String,
    /// What it returned, if anything.
    pub returns: Option<Hex>,
    /// Why it was not run.
    pub why: String,
}
