//! The findings of a run. `judge/registry.rs` defines each kind.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::count::Count;
use crate::entry::Value;
use crate::judge::{FindingName, Severity};

/// A finding: a fault that a run showed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Finding {
    /// The kind of finding.
    pub name: FindingName,
    /// The view that shows it.
    pub view: Value,
    /// Explanation of the finding, in one sentence.
    pub explanation: String,
    /// How bad its consequence is, if the kind of finding alone does not say it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub severity: Option<Severity>,
    /// The number of schedules that show it.
    pub schedules: Count,
    /// The shortest of these schedules: the one with the fewest switches, then the fewest accesses.
    pub schedule: String,
}
