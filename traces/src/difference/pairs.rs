//! Matches the runs of two kernels.

use super::facts::Facts;
use super::{Difference, RowDifference, RowResult, RunName, Side, UnknownRow, UnmatchedRow};
use crate::judge::Severity;
use crate::report::{GuestInfo, RunReport};

/// Compares each kernel among the rows with the first one of its architecture.
pub fn from_first(rows: &[RunReport]) -> Vec<Difference> {
    let mut kernels: Vec<(&GuestInfo, Vec<&RunReport>)> = Vec::new();
    for row in rows.iter().filter(|row| row.kernel.is_some()) {
        match kernels.iter_mut().find(|(known, _)| **known == row.guest) {
            Some((_, of_kernel)) => of_kernel.push(row),
            None => kernels.push((&row.guest, vec![row])),
        }
    }
    let platform = |rows: &[&RunReport]| rows.first().map(|row| (row.arch.clone(), row.mmu.clone()));
    let mut differences = Vec::new();
    for (at, (_, after)) in kernels.iter().enumerate() {
        let first = kernels.iter().position(|(_, rows)| platform(rows) == platform(after));
        if let Some((_, before)) = first.filter(|first| *first < at).map(|first| &kernels[first]) {
            differences.extend(between(before, after));
        }
    }
    differences
}

/// Compares the runs of two kernels of one architecture; `None` if a kernel has no runs.
pub fn between(before: &[&RunReport], after: &[&RunReport]) -> Option<Difference> {
    let (first, second) = (before.first()?, after.first()?);
    let mut difference = Difference {
        before: first.guest.clone(),
        after: second.guest.clone(),
        arch: second.arch.clone(),
        mmu: second.mmu.clone(),
        same: 0,
        rows: Vec::new(),
        unknown: Vec::new(),
        unmatched: Vec::new(),
    };
    for one in before {
        let run = RunName::of(one);
        match after.iter().find(|other| RunName::of(other) == run) {
            Some(other) => add(&mut difference, run, one, other),
            None => add_unmatched(&mut difference, run, Side::Before, one),
        }
    }
    for other in after {
        let run = RunName::of(other);
        if !before.iter().any(|one| RunName::of(one) == run) {
            add_unmatched(&mut difference, run, Side::After, other);
        }
    }
    difference.rows.sort_by_key(order);
    Some(difference)
}

fn add(difference: &mut Difference, run: RunName, before: &RunReport, after: &RunReport) {
    let changes = Facts::changes(&Facts::of(before), &Facts::of(after));
    let why = |report: &RunReport| report.why_unknown().into_iter().next();
    let unknown = (why(before), why(after));
    if unknown == (None, None) && changes.is_empty() {
        difference.same += 1;
        return;
    }
    if !changes.is_empty() {
        let (before, after) = (RowResult::of(before), RowResult::of(after));
        difference.rows.push(RowDifference { run: run.clone(), before, after, changes });
    }
    if unknown != (None, None) {
        let (before, after) = unknown;
        difference.unknown.push(UnknownRow { run, before, after });
    }
}

fn add_unmatched(difference: &mut Difference, run: RunName, side: Side, report: &RunReport) {
    difference.unmatched.push(UnmatchedRow { run, side, result: RowResult::of(report) });
}

/// The order of rows: the worst new finding first, then the worst one that is gone.
fn order(row: &RowDifference) -> (bool, Option<Severity>, bool, Option<Severity>) {
    let worst = |findings: &[super::RowFinding]| findings.iter().map(|finding| finding.severity).min();
    let (new, gone) = (worst(row.new_findings()), worst(row.gone_findings()));
    (new.is_none(), new, gone.is_none(), gone)
}
