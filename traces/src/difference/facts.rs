//! The part of a run's result by which two kernels are compared.

use pmdscope_guest::Check;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::meaning::Meaning;
use super::{RowChange, RowFinding};
use crate::count::Count;
use crate::entry::{Hex, Value};
use crate::outcome::{Outcome, RoutineResult, check_name};
use crate::report::{RunReport, SplitGuard, Verdict};

/// An outcome of a routine without what another build does otherwise: numbers of schedules, addresses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OutcomeFacts {
    /// The result.
    pub result: RoutineResult,
    /// The check that decided.
    #[serde(with = "check_name")]
    #[schemars(with = "Option<String>")]
    pub stopped_by: Option<Check>,
    /// Whether that check comes after the walker's present check.
    pub past_present: bool,
    /// The page frame number that it took, or took for mapped.
    pub pfn: Option<Hex>,
    /// The number of bytes that it took for mapped.
    pub size: Option<u64>,
    /// The entry that it took for something; null if it concluded nothing from it.
    pub on: Option<Meaning>,
}

impl OutcomeFacts {
    fn of(outcome: &Outcome, report: &RunReport) -> OutcomeFacts {
        let meaning = |value: Value| Some(Meaning::of(report.entry_of(value)?, &report.before));
        // Where a page table lies is the environment's.
        let pfn = outcome.pfn.filter(|_| outcome.result != RoutineResult::Table);
        // A routine that concludes nothing from an entry may have loaded any last: that is its compiler's.
        let rests_on_entry = matches!(
            outcome.result,
            RoutineResult::Page
                | RoutineResult::Leaf
                | RoutineResult::Wait
                | RoutineResult::Old
                | RoutineResult::Mapped
                | RoutineResult::Migrating
        );
        OutcomeFacts {
            result: outcome.result,
            stopped_by: outcome.stopped_by,
            past_present: outcome.past_present && outcome.result != RoutineResult::Returned,
            pfn,
            size: outcome.size,
            on: outcome.decided_on.filter(|_| rests_on_entry).and_then(meaning),
        }
    }

    /// Returns an outcome of which these are the facts, for its words.
    pub(super) fn as_outcome(&self) -> Outcome {
        Outcome {
            result: self.result,
            stopped_by: self.stopped_by,
            pfn: self.pfn,
            size: self.size,
            returned: None,
            decided_on: None,
            last_view: None,
            ended: None,
            past_present: self.past_present,
            schedules: Count::default(),
            schedule: String::new(),
        }
    }
}

/// The facts of a run.
pub(super) struct Facts {
    findings: Vec<RowFinding>,
    split: Option<SplitGuard>,
    stored: Vec<Meaning>,
    left: Option<Meaning>,
    writer_outcomes: Vec<OutcomeFacts>,
    views: Vec<Meaning>,
    outcomes: Vec<OutcomeFacts>,
    /// Whether everything was run, so that what is not here does not happen.
    is_complete: bool,
}

/// Returns the findings of a run that count, each once with its worst consequence.
pub(super) fn findings(report: &RunReport) -> Vec<RowFinding> {
    let mut findings: Vec<RowFinding> = Vec::new();
    if report.verdict != Verdict::Findings {
        return findings;
    }
    for finding in &report.findings {
        let one = RowFinding { name: finding.name, severity: report.severity_of(finding) };
        match findings.iter_mut().find(|known| known.name == one.name) {
            Some(known) => known.severity = known.severity.min(one.severity),
            None => findings.push(one),
        }
    }
    findings
}

impl Facts {
    pub(super) fn of(report: &RunReport) -> Facts {
        let original = &report.before;
        let outcomes =
            |all: &[Outcome]| distinct(all.iter().map(|outcome| OutcomeFacts::of(outcome, report)));
        Facts {
            findings: findings(report),
            split: report.kernel.as_ref().map(|kernel| kernel.split),
            stored: distinct(report.stored.iter().map(|stored| Meaning::of(&stored.entry, original))),
            left: report.after.as_ref().map(|after| Meaning::of(after, original)),
            writer_outcomes: outcomes(&report.writer_outcomes),
            views: distinct(report.views.iter().map(|view| Meaning::of(&view.entry, original))),
            outcomes: outcomes(&report.outcomes),
            is_complete: report.why_unknown().is_empty(),
        }
    }

    /// Returns the changes from one result to another.
    ///
    /// Of what was not run to its end only findings are compared: one that is found is found, and one that is not
    /// found is gone only where everything was run.
    pub(super) fn changes(before: &Facts, after: &Facts) -> Vec<RowChange> {
        let mut changes = Vec::new();
        let only = |one: &Facts, other: &Facts| {
            let is_there =
                |finding: &&RowFinding| other.findings.iter().any(|known| known.name == finding.name);
            let only = one.findings.iter().filter(|finding| !is_there(finding)).copied().collect::<Vec<_>>();
            if other.is_complete { only } else { Vec::new() }
        };
        let (gone, new) = (only(before, after), only(after, before));
        if !gone.is_empty() || !new.is_empty() {
            changes.push(RowChange::Findings { gone, new });
        }
        if !before.is_complete || !after.is_complete {
            return changes;
        }
        if let (Some(before), Some(after)) = (before.split, after.split)
            && before != after
            && before != SplitGuard::Unknown
            && after != SplitGuard::Unknown
        {
            changes.push(RowChange::Split { before, after });
        }
        if let Some((gone, new)) = differing(&before.stored, &after.stored) {
            changes.push(RowChange::Stored { gone, new });
        }
        if before.left != after.left {
            changes.push(RowChange::Left { before: before.left.clone(), after: after.left.clone() });
        }
        if let Some((gone, new)) = differing(&before.writer_outcomes, &after.writer_outcomes) {
            changes.push(RowChange::WriterOutcomes { gone, new });
        }
        if let Some((gone, new)) = differing(&before.views, &after.views) {
            changes.push(RowChange::Views { gone, new });
        }
        if let Some((gone, new)) = differing(&before.outcomes, &after.outcomes) {
            changes.push(RowChange::Outcomes { gone, new });
        }
        changes
    }
}

fn distinct<T: PartialEq>(all: impl Iterator<Item = T>) -> Vec<T> {
    let mut distinct = Vec::new();
    for one in all {
        if !distinct.contains(&one) {
            distinct.push(one);
        }
    }
    distinct
}

/// Returns what only one of two lists has; `None` if both have the same, in whichever order.
fn differing<T: PartialEq + Clone>(before: &[T], after: &[T]) -> Option<(Vec<T>, Vec<T>)> {
    let only =
        |one: &[T], other: &[T]| one.iter().filter(|it| !other.contains(it)).cloned().collect::<Vec<_>>();
    let (gone, new) = (only(before, after), only(after, before));
    (!gone.is_empty() || !new.is_empty()).then_some((gone, new))
}
