//! The verdict of a report.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The verdict of a report, in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Every schedule was run, and nothing was found.
    Pass,
    /// Every schedule with at most some number of switches between CPUs was run, and nothing was found: there are too
    /// many others. `incomplete` says the number.
    PassBounded,
    /// Something was found.
    Findings,
    /// Nothing was found, but not everything was run; or a control failed.
    Unknown,
}

impl Verdict {
    /// Returns the word in reports.
    pub const fn word(self) -> &'static str {
        match self {
            Verdict::Pass => "pass",
            Verdict::PassBounded => "pass-bounded",
            Verdict::Findings => "findings",
            Verdict::Unknown => "unknown",
        }
    }
}
