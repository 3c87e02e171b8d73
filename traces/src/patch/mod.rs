//! The report of a change: everything that two builds of a kernel both have, run before and after.

mod mail;
mod text;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::difference::{self, Difference, RowFinding, RowResult, RunName, Side};
use crate::report::RunReport;

pub use text::text;

/// The name and number of the report. A change that breaks a reader raises the number.
pub const PATCH_SCHEMA: &str = "pmdscope.patch/1";

/// What a change does to the routines of a kernel, on one or several architectures.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PatchReport {
    /// `pmdscope.patch/1`.
    pub schema: String,
    /// The program that ran it, with its version.
    pub made_by: String,
    /// The result in one word.
    pub conclusion: PatchConclusion,
    /// The kernels before and after the change: a pair for each architecture.
    pub pairs: Vec<PatchPair>,
    /// The command that repeats it.
    pub command: String,
}

/// The result of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PatchConclusion {
    /// Everything is known, and nothing is found after the change that was not found before.
    NothingNew,
    /// Something is found after the change that was not found before.
    NewFindings,
    /// Nothing is newly found, but not everything is known.
    Unknown,
}

/// Two builds of a kernel, before and after a change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PatchPair {
    /// How many runs each kernel was asked for.
    pub runs: u64,
    /// The writers that both have.
    pub writers: Vec<String>,
    /// The walkers that both have.
    pub walkers: Vec<String>,
    /// The entries, with their marks.
    pub entries: Vec<String>,
    /// What differs.
    pub difference: Difference,
    /// The runs with findings that are the same before and after.
    pub kept: Vec<KeptFindings>,
    /// What was not asked for, and why.
    pub left_out: Vec<LeftOut>,
}

/// The findings of a run that has them before and after.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct KeptFindings {
    /// The run.
    pub run: RunName,
    /// The findings, each once.
    pub findings: Vec<RowFinding>,
}

/// What a comparison of two kernels leaves out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "what", rename_all = "kebab-case")]
pub enum LeftOut {
    /// Routines that one of the two lacks.
    Routines {
        /// The sides that lack them.
        lacking: Vec<Side>,
        /// Their names.
        names: Vec<String>,
    },
    /// Kinds of entry that a side cannot express.
    Entries {
        /// The sides that lack them.
        lacking: Vec<Side>,
        /// Their names.
        names: Vec<String>,
    },
    /// Runs of writers on entries that no caller of theirs passes.
    NoCaller {
        /// How many runs.
        runs: u64,
    },
}

impl PatchPair {
    /// Compares the runs of two kernels. `None` if there are none.
    pub fn new(
        before: &[RunReport],
        after: &[RunReport],
        writers: Vec<String>,
        walkers: Vec<String>,
        left_out: Vec<LeftOut>,
    ) -> Option<PatchPair> {
        let [before_rows, after_rows] = [before, after].map(|rows| rows.iter().collect::<Vec<_>>());
        let difference = difference::between(&before_rows, &after_rows)?;
        let mut entries = Vec::new();
        for entry in before.iter().map(RunReport::marked_entry) {
            if !entries.contains(&entry) {
                entries.push(entry);
            }
        }
        let kept = before.iter().filter_map(|one| {
            let run = RunName::of(one);
            let other = after.iter().find(|other| RunName::of(other) == run)?;
            let after = RowResult::of(other).findings;
            let mut findings = RowResult::of(one).findings;
            findings.retain(|finding| after.iter().any(|other| other.name == finding.name));
            (!findings.is_empty()).then_some(KeptFindings { run, findings })
        });
        let kept = kept.collect();
        Some(PatchPair { runs: after.len() as u64, writers, walkers, entries, difference, kept, left_out })
    }

    fn conclusion(&self) -> PatchConclusion {
        if self.difference.rows.iter().any(|row| !row.new_findings().is_empty()) {
            PatchConclusion::NewFindings
        } else if !self.difference.unknown.is_empty() || self.runs == 0 {
            PatchConclusion::Unknown
        } else {
            PatchConclusion::NothingNew
        }
    }
}

impl PatchReport {
    /// Makes the report of these pairs.
    pub fn new(made_by: impl Into<String>, pairs: Vec<PatchPair>, command: String) -> PatchReport {
        let of = |wanted| pairs.iter().any(|pair| pair.conclusion() == wanted);
        let conclusion = if of(PatchConclusion::NewFindings) {
            PatchConclusion::NewFindings
        } else if of(PatchConclusion::Unknown) || pairs.is_empty() {
            PatchConclusion::Unknown
        } else {
            PatchConclusion::NothingNew
        };
        PatchReport { schema: PATCH_SCHEMA.to_owned(), made_by: made_by.into(), conclusion, pairs, command }
    }
}

/// The findings of rows, each once with its worst consequence, and the number of these rows.
struct Found {
    findings: Vec<RowFinding>,
    runs: usize,
}

impl Found {
    fn of<'a>(rows: impl Iterator<Item = &'a [RowFinding]>) -> Found {
        let mut found = Found { findings: Vec::new(), runs: 0 };
        for row in rows.filter(|row| !row.is_empty()) {
            found.runs += 1;
            for finding in row {
                match found.findings.iter_mut().find(|known| known.name == finding.name) {
                    Some(known) => known.severity = known.severity.min(finding.severity),
                    None => found.findings.push(*finding),
                }
            }
        }
        found.findings.sort_by_key(|finding| (finding.severity, finding.name));
        found
    }
}

/// What differs, in numbers.
struct Totals {
    new: Found,
    gone: Found,
    /// The runs of each side.
    runs: u64,
    /// The runs that differ.
    different: usize,
    /// The runs that are not fully known.
    unknown: usize,
}

impl Totals {
    fn of(pairs: &[PatchPair]) -> Totals {
        let rows = || pairs.iter().flat_map(|pair| &pair.difference.rows);
        Totals {
            new: Found::of(rows().map(difference::RowDifference::new_findings)),
            gone: Found::of(rows().map(difference::RowDifference::gone_findings)),
            runs: pairs.iter().map(|pair| pair.runs).sum(),
            different: rows().count(),
            unknown: pairs.iter().map(|pair| pair.difference.unknown.len()).sum(),
        }
    }
}

impl PatchPair {
    fn totals(&self) -> Totals {
        Totals::of(std::slice::from_ref(self))
    }
}

impl PatchReport {
    fn totals(&self) -> Totals {
        Totals::of(&self.pairs)
    }

    fn kept_findings(&self) -> Found {
        let kept = self.pairs.iter().flat_map(|pair| &pair.kept);
        Found::of(kept.map(|kept| &kept.findings[..]))
    }

    fn rows(&self) -> impl Iterator<Item = &difference::RowDifference> {
        self.pairs.iter().flat_map(|pair| &pair.difference.rows)
    }
}
