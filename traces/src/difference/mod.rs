//! What differs between two kernels that were asked the same: the results of each run, compared by their meaning.
//!
//! Two builds of one source have other addresses, other lengths of code and so other numbers of schedules. None of
//! that is a difference. Entries are compared by their fields, each with the entry before the writer; where a page
//! table lies, how a crash is worded and how many schedules show something are not compared. A `diff` of batches
//! ([`crate::batch`]) compares values and numbers exactly instead, because its question is what changed in pmdscope or
//! in an encoding.

mod facts;
mod meaning;
mod pairs;
pub(crate) mod words;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::entry::Hex;
use crate::entry_name::EntryName;
use crate::judge::{FindingName, Severity};
use crate::report::{GuestInfo, RunReport, SplitGuard, Verdict};

pub use facts::OutcomeFacts;
pub use meaning::{FieldChange, Meaning};
pub use pairs::{between, from_first};

/// What differs between two kernels.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Difference {
    /// The kernel that is compared with.
    pub before: GuestInfo,
    /// The kernel that is compared.
    pub after: GuestInfo,
    /// The architecture of both.
    pub arch: String,
    /// The kind of MMU, where the architecture has several.
    pub mmu: Option<String>,
    /// How many runs of both are fully known and have the same result.
    pub same: u64,
    /// The runs that differ: those with a new finding first, then those that lost one, the worst consequence first.
    pub rows: Vec<RowDifference>,
    /// The runs whose result is not fully known on a side.
    pub unknown: Vec<UnknownRow>,
    /// The runs of one side that the other does not have.
    pub unmatched: Vec<UnmatchedRow>,
}

/// A run that two kernels have: routines and an entry, by their names.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub struct RunName {
    /// The writer.
    pub writer: String,
    /// The walker.
    pub walker: String,
    /// Further routines.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub with: Vec<String>,
    /// The kind of entry.
    pub entry: EntryName,
    /// Its marks.
    pub marks: Vec<String>,
    /// The page frame number, if the run was asked for one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pfn: Option<Hex>,
}

/// A run with different results.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RowDifference {
    /// The run.
    pub run: RunName,
    /// Its result before.
    pub before: RowResult,
    /// Its result after.
    pub after: RowResult,
    /// What differs; never empty.
    pub changes: Vec<RowChange>,
}

/// The result of a run in short.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RowResult {
    /// The verdict.
    pub verdict: Verdict,
    /// The findings that count, each once.
    pub findings: Vec<RowFinding>,
    /// The command that runs it again.
    pub command: String,
}

/// A finding of a run with its consequence there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RowFinding {
    /// The finding.
    pub name: FindingName,
    /// How bad its consequence is.
    pub severity: Severity,
}

/// One difference between two results.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "what", rename_all = "kebab-case")]
pub enum RowChange {
    /// The findings differ.
    Findings {
        /// Those that are found before only.
        gone: Vec<RowFinding>,
        /// Those that are found after only.
        new: Vec<RowFinding>,
    },
    /// Whether the split has the fix differs.
    Split {
        /// The state before.
        before: SplitGuard,
        /// The state after.
        after: SplitGuard,
    },
    /// The writer stores other entries.
    Stored {
        /// Those that it stores before only.
        gone: Vec<Meaning>,
        /// Those that it stores after only.
        new: Vec<Meaning>,
    },
    /// The entry that the writer leaves, and so the marks that it keeps, differs.
    Left {
        /// The entry that it leaves before; null if schedules end differently.
        before: Option<Meaning>,
        /// The entry that it leaves after.
        after: Option<Meaning>,
    },
    /// The writer has other outcomes.
    WriterOutcomes {
        /// Those before only.
        gone: Vec<OutcomeFacts>,
        /// Those after only.
        new: Vec<OutcomeFacts>,
    },
    /// The walker sees other entries.
    Views {
        /// Those that it sees before only.
        gone: Vec<Meaning>,
        /// Those that it sees after only.
        new: Vec<Meaning>,
    },
    /// The walker has other outcomes.
    Outcomes {
        /// Those before only.
        gone: Vec<OutcomeFacts>,
        /// Those after only.
        new: Vec<OutcomeFacts>,
    },
}

/// A run whose result is not fully known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct UnknownRow {
    /// The run.
    pub run: RunName,
    /// Why it is not known before; null if it is.
    pub before: Option<String>,
    /// Why it is not known after; null if it is.
    pub after: Option<String>,
}

/// A run that one kernel has and the other has not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct UnmatchedRow {
    /// The run.
    pub run: RunName,
    /// The side that has it.
    pub side: Side,
    /// Its result.
    pub result: RowResult,
}

/// One of two kernels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// The one that is compared with.
    Before,
    /// The one that is compared.
    After,
}

impl Side {
    /// Returns the word in reports.
    pub const fn word(self) -> &'static str {
        match self {
            Side::Before => "before",
            Side::After => "after",
        }
    }
}

impl Difference {
    /// Whether nothing differs as far as everything is known.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty() && self.unmatched.is_empty()
    }
}

impl RunName {
    /// Returns the name of a report's run.
    pub fn of(report: &RunReport) -> RunName {
        RunName {
            writer: report.writer.clone(),
            walker: report.walker.clone(),
            with: report.with.clone(),
            entry: report.entry,
            marks: report.marks.clone(),
            pfn: report.pfn,
        }
    }

    /// Returns the entry with its marks: `migration-read soft-dirty`.
    pub fn marked_entry(&self) -> String {
        let words = std::iter::once(self.entry.name()).chain(self.marks.iter().map(String::as_str));
        words.collect::<Vec<_>>().join(" ")
    }
}

impl RowResult {
    pub(crate) fn of(report: &RunReport) -> RowResult {
        RowResult {
            verdict: report.verdict,
            findings: facts::findings(report),
            command: report.command.clone(),
        }
    }
}

impl RowDifference {
    /// Returns the findings that are found after only.
    pub fn new_findings(&self) -> &[RowFinding] {
        self.findings().map_or(&[], |(_, new)| new)
    }

    /// Returns the findings that are found before only.
    pub fn gone_findings(&self) -> &[RowFinding] {
        self.findings().map_or(&[], |(gone, _)| gone)
    }

    fn findings(&self) -> Option<(&[RowFinding], &[RowFinding])> {
        self.changes.iter().find_map(|change| match change {
            RowChange::Findings { gone, new } => Some((&gone[..], &new[..])),
            _ => None,
        })
    }
}
