//! The part of a job's result by which two batches are compared, and the differences between two of them.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::batch::{Record, Report};
use crate::entry::{Entry, Value};
use crate::outcome::{self, Outcome};
use crate::report::{SplitGuard, Verdict};

/// The part of a job's result that is compared. Lists are sorted, so that the order of observation does not
/// matter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Facts {
    /// The number of the job in its matrix.
    pub job: u64,
    /// The verdict.
    pub verdict: Verdict,
    /// The names of the findings that count.
    pub findings: Vec<String>,
    /// Whether the kernel's split has the fix; null for other guests.
    pub split: Option<SplitGuard>,
    /// The entry before the writer, with the predicates that are true for it; null for a sweep.
    pub before: Option<String>,
    /// The entry when the writer is done; null for a sweep, and if schedules end differently.
    pub after: Option<String>,
    /// The distinct entries that the walker's loads returned, each with the predicates that are true for it.
    pub views: Vec<String>,
    /// The walker's outcomes.
    pub outcomes: Vec<String>,
    /// The number of schedules, in digits; null for a sweep.
    pub schedules: Option<String>,
    /// The command that runs the job again.
    pub command: String,
}

/// One difference between the two results of a job.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "what", rename_all = "kebab-case")]
pub enum Change {
    /// The job is only in the old batch.
    OnlyOld,
    /// The job is only in the new batch.
    OnlyNew,
    /// The verdict differs.
    Verdict {
        /// The verdict in the old batch.
        old: String,
        /// The verdict in the new batch.
        new: String,
    },
    /// The findings differ.
    Findings {
        /// The names of findings that are only in the old batch.
        gone: Vec<String>,
        /// The names of findings that are only in the new batch.
        new: Vec<String>,
    },
    /// The state of the kernel's split differs: whether it has the fix.
    Split {
        /// The state in the old batch.
        old: String,
        /// The state in the new batch.
        new: String,
    },
    /// The entry before the writer differs: it is built in another way.
    Before,
    /// The entry after the writer differs.
    After,
    /// The entries that the walker saw differ.
    Views,
    /// The walker's outcomes differ.
    Outcomes,
    /// The number of schedules differs.
    Schedules,
}

impl Facts {
    /// Extracts the facts from a record.
    pub(crate) fn of(record: &Record) -> Facts {
        let Record { job, report } = record;
        let findings = sorted(report.counted_findings().into_iter().map(str::to_owned));
        let (job, verdict) = (*job, report.verdict());
        match report {
            Report::Run(run) => Facts {
                job,
                verdict,
                findings,
                split: run.kernel.as_ref().map(|kernel| kernel.split),
                before: Some(said(&run.before)),
                after: run.after.as_ref().map(said),
                views: sorted(run.views.iter().map(|view| said(&view.entry))),
                outcomes: sorted(run.outcomes.iter().map(format_outcome)),
                schedules: Some(run.schedules.total.to_string()),
                command: run.command.clone(),
            },
            Report::Sweep(sweep) => Facts {
                job,
                verdict,
                findings,
                split: None,
                before: None,
                after: None,
                views: Vec::new(),
                outcomes: Vec::new(),
                schedules: None,
                command: sweep.command.clone(),
            },
        }
    }

    /// Returns the changes from the old result of a job to the new one.
    pub(crate) fn changes(old: &Facts, new: &Facts) -> Vec<Change> {
        let verdict = || Change::Verdict { old: old.verdict.word().into(), new: new.verdict.word().into() };
        let findings = || Change::Findings {
            gone: only_in(&old.findings, &new.findings),
            new: only_in(&new.findings, &old.findings),
        };
        let word = |split: Option<SplitGuard>| split.map_or("not known", SplitGuard::word).to_owned();
        let split = || Change::Split { old: word(old.split), new: word(new.split) };
        let all = [
            (old.verdict != new.verdict).then(verdict),
            (old.findings != new.findings).then(findings),
            (old.split != new.split).then(split),
            (old.before != new.before).then_some(Change::Before),
            (old.after != new.after).then_some(Change::After),
            (old.views != new.views).then_some(Change::Views),
            (old.outcomes != new.outcomes).then_some(Change::Outcomes),
            (old.schedules != new.schedules).then_some(Change::Schedules),
        ];
        all.into_iter().flatten().collect()
    }
}

/// Returns the texts of `one` that are not in `other`.
pub(crate) fn only_in(one: &[String], other: &[String]) -> Vec<String> {
    one.iter().filter(|text| !other.contains(text)).cloned().collect()
}

/// Sorts texts, and removes duplicates.
fn sorted(texts: impl Iterator<Item = String>) -> Vec<String> {
    texts.collect::<BTreeSet<_>>().into_iter().collect()
}

/// Formats an entry with its predicates, which may differ between versions for the same value.
fn said(entry: &Entry) -> String {
    format!("{} {}", entry.value, entry.predicates.holding())
}

fn format_outcome(outcome: &Outcome) -> String {
    let on = |value: Value| format!(" on {value}");
    format!(
        "{}{}",
        outcome::in_words(outcome),
        outcome.decided_on.or(outcome.last_view).map_or(String::new(), on)
    )
}
