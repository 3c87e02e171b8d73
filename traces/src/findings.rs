//! A fault that was found. What is known of each kind is in `judge/registry.rs`: one entry for each.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::count::Count;
use crate::entry::Value;
use crate::judge::FindingName;

/// A fault that was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Finding {
    /// Its kind.
    pub name: FindingName,
    /// The view that shows it.
    pub view: Value,
    /// What happened, in one sentence.
    pub explanation: String,
    /// Under how many schedules.
    pub schedules: Count,
    /// The shortest of them: with the fewest switches, then the fewest accesses.
    pub schedule: String,
}
