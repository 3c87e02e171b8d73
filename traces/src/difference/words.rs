//! What differs between two kernels, as groups of runs with a heading.

use std::mem::{Discriminant, discriminant};

use super::meaning::{self, Meaning};
use super::{Difference, OutcomeFacts, RowChange, RowDifference, RowFinding, RunName, Side};
use crate::judge::FindingName;
use crate::report::SplitGuard;
use crate::words::counted;

/// Runs that differ in the same way.
pub(crate) struct Group {
    /// Whether the group is good or bad news.
    pub kind: GroupKind,
    /// What differs.
    pub heading: String,
    /// The runs, those of one writer in few lines.
    pub runs: Vec<String>,
    /// The run of which the details are.
    pub example: String,
    /// What else differs in that run.
    pub details: Vec<String>,
}

/// What a difference is to whoever made the change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum GroupKind {
    /// Something is newly found.
    Worse,
    /// Something is no longer found, and nothing is newly found.
    Better,
    /// No finding differs.
    Other,
}

/// What rows of one group have in common.
#[derive(PartialEq)]
struct GroupKey {
    new: Vec<FindingName>,
    gone: Vec<FindingName>,
    /// Where no finding differs: the kinds of changes, and the state of the split.
    others: Vec<Discriminant<RowChange>>,
    split: Option<(SplitGuard, SplitGuard)>,
}

impl GroupKey {
    fn of(row: &RowDifference) -> GroupKey {
        let names = |findings: &[RowFinding]| findings.iter().map(|finding| finding.name).collect::<Vec<_>>();
        let (new, gone) = (names(row.new_findings()), names(row.gone_findings()));
        let is_of_findings = !new.is_empty() || !gone.is_empty();
        let others = row.changes.iter().filter(|_| !is_of_findings);
        GroupKey {
            new,
            gone,
            others: others.clone().map(discriminant).collect(),
            split: others.clone().find_map(|change| match change {
                RowChange::Split { before, after } => Some((*before, *after)),
                _ => None,
            }),
        }
    }
}

/// Returns the groups of a difference, in the order of their first rows.
pub(crate) fn groups(difference: &Difference) -> Vec<Group> {
    let mut groups: Vec<(GroupKey, Vec<&RowDifference>)> = Vec::new();
    for row in &difference.rows {
        let key = GroupKey::of(row);
        match groups.iter_mut().find(|(known, _)| *known == key) {
            Some((_, rows)) => rows.push(row),
            None => groups.push((key, vec![row])),
        }
    }
    groups.iter().map(|(_, rows)| group(rows)).collect()
}

fn group(rows: &[&RowDifference]) -> Group {
    let (new, gone) = (worst(rows, RowDifference::new_findings), worst(rows, RowDifference::gone_findings));
    let kind = match (new.is_empty(), gone.is_empty()) {
        (false, _) => GroupKind::Worse,
        (true, false) => GroupKind::Better,
        (true, true) => GroupKind::Other,
    };
    let first = rows.first();
    let changes: &[RowChange] = first.map_or(&[], |row| &row.changes);
    let mut parts = Vec::new();
    parts.extend((!new.is_empty()).then(|| format!("newly found: {}", findings(&new))));
    parts.extend((!gone.is_empty()).then(|| format!("no longer found: {}", findings(&gone))));
    if parts.is_empty() {
        parts.extend(changes.iter().map(kind_in_words));
    }
    Group {
        kind,
        heading: parts.join("; "),
        runs: runs(rows.iter().map(|row| &row.run)),
        example: first.map_or(String::new(), |row| run(&row.run)),
        details: distinct(changes.iter().flat_map(details)),
    }
}

fn distinct(all: impl Iterator<Item = String>) -> Vec<String> {
    let mut distinct = Vec::new();
    for one in all {
        if !distinct.contains(&one) {
            distinct.push(one);
        }
    }
    distinct
}

/// The findings of a group's rows, each with its worst consequence.
fn worst(rows: &[&RowDifference], of: fn(&RowDifference) -> &[RowFinding]) -> Vec<RowFinding> {
    let mut findings: Vec<RowFinding> = Vec::new();
    for finding in rows.iter().flat_map(|row| of(row)) {
        match findings.iter_mut().find(|known| known.name == finding.name) {
            Some(known) => known.severity = known.severity.min(finding.severity),
            None => findings.push(*finding),
        }
    }
    findings.sort_by_key(|finding| (finding.severity, finding.name));
    findings
}

/// Names findings with their consequence: `walker-took-page (wrong page), still-valid (memory lost)`.
pub(crate) fn findings(findings: &[RowFinding]) -> String {
    let named =
        findings.iter().map(|finding| format!("{} ({})", finding.name.name(), finding.severity.words()));
    named.collect::<Vec<_>>().join(", ")
}

fn kind_in_words(change: &RowChange) -> String {
    match change {
        RowChange::Findings { .. } => "other findings".to_owned(),
        RowChange::Split { before, after } => {
            format!("the split is {}, and was {}", after.word(), before.word())
        }
        RowChange::Stored { .. } => "the writer stores other entries".to_owned(),
        RowChange::Left { .. } => "the writer leaves another entry".to_owned(),
        RowChange::WriterOutcomes { .. } => "the writer has other outcomes".to_owned(),
        RowChange::Views { .. } => "the walker sees other entries".to_owned(),
        RowChange::Outcomes { .. } => "the walker has other outcomes".to_owned(),
    }
}

/// Describes both values of a change, one a line.
fn details(change: &RowChange) -> Vec<String> {
    let entries = |what: &str, gone: &[Meaning], new: &[Meaning]| {
        let line = |when: &str, one: &Meaning| format!("{what} {when} only: {}", meaning::in_words(one));
        gone.iter().map(|one| line("before", one)).chain(new.iter().map(|one| line("after", one))).collect()
    };
    let outcomes = |what: &str, gone: &[OutcomeFacts], new: &[OutcomeFacts]| {
        let line = |when: &str, one: &OutcomeFacts| {
            format!("{what} {when} only: {}", meaning::outcome_in_words(one))
        };
        gone.iter().map(|one| line("before", one)).chain(new.iter().map(|one| line("after", one))).collect()
    };
    let left =
        |entry: &Option<Meaning>| entry.as_ref().map_or("differs by schedule".to_owned(), meaning::in_words);
    match change {
        RowChange::Findings { .. } => Vec::new(),
        RowChange::Split { .. } => vec![kind_in_words(change)],
        RowChange::Stored { gone, new } => entries("stored", gone, new),
        RowChange::Left { before, after } => {
            vec![format!("left before: {}", left(before)), format!("left after: {}", left(after))]
        }
        RowChange::WriterOutcomes { gone, new } => outcomes("writer", gone, new),
        RowChange::Views { gone, new } => entries("seen", gone, new),
        RowChange::Outcomes { gone, new } => outcomes("walker", gone, new),
    }
}

/// Names a run: `split against hmm on migration-read`.
pub(crate) fn run(run: &RunName) -> String {
    format!("{} on {}", routines(run), run.marked_entry())
}

fn routines(run: &RunName) -> String {
    let with: String = run.with.iter().map(|name| format!(" with {name}")).collect();
    format!("{} against {}{with}", run.writer, run.walker)
}

/// Names runs, those of one writer with the same walkers or entries in one line.
pub(crate) fn runs<'a>(all: impl Iterator<Item = &'a RunName>) -> Vec<String> {
    // The entries of each pair of routines, then the pairs that have the same entries.
    let mut pairs: Vec<((String, String), Vec<String>)> = Vec::new();
    for run in all {
        let with: String = run.with.iter().map(|name| format!(" with {name}")).collect();
        let pair = (run.writer.clone(), format!("{}{with}", run.walker));
        match pairs.iter_mut().find(|(known, _)| *known == pair) {
            Some((_, entries)) => entries.push(run.marked_entry()),
            None => pairs.push((pair, vec![run.marked_entry()])),
        }
    }
    let mut lines: Vec<(String, Vec<String>, Vec<String>)> = Vec::new();
    for ((writer, walker), entries) in pairs {
        let alike =
            |(known, _, of): &&mut (String, Vec<String>, Vec<String>)| *known == writer && *of == entries;
        match lines.iter_mut().find(alike) {
            Some((_, walkers, _)) => walkers.push(walker),
            None => lines.push((writer, vec![walker], entries)),
        }
    }
    let line = |(writer, walkers, entries): (String, Vec<String>, Vec<String>)| {
        format!("{writer} against {} on {}", walkers.join(", "), entries.join(", "))
    };
    lines.into_iter().map(line).collect()
}

/// The names of two kernels in one comparison, which differ.
pub(crate) fn names(difference: &Difference) -> (&str, &str) {
    match (difference.before.kernel_name(), difference.after.kernel_name()) {
        (Some(before), Some(after)) if before != after => (before, after),
        _ => (Side::Before.word(), Side::After.word()),
    }
}

/// Says in one sentence how much differs.
pub(crate) fn headline(difference: &Difference) -> String {
    let (before, after) = names(difference);
    let same = counted(difference.same, "run");
    if difference.is_empty() {
        return match difference.same {
            0 => format!("Between {before} and {after} nothing could be compared."),
            _ => format!("Nothing differs between {before} and {after} in {same}."),
        };
    }
    match difference.same {
        0 => format!("What differs in {after}, compared with {before}:"),
        1 => format!("What differs in {after}, compared with {before} (1 run is the same):"),
        _ => format!("What differs in {after}, compared with {before} ({same} are the same):"),
    }
}

/// Says how many runs are not fully known, and why; `None` if all are known.
pub(crate) fn unknown(difference: &Difference) -> Option<String> {
    let number = difference.unknown.len();
    let is = if number == 1 { "is" } else { "are" };
    (number > 0).then(|| {
        format!(
            "{} {is} not fully known on a side, which is not a pass: {}.",
            counted(number, "run"),
            reasons(difference).join("; ")
        )
    })
}

/// A reason why runs are not known.
struct Reason<'a> {
    side: Side,
    why: &'a str,
    number: usize,
    first: &'a RunName,
}

/// The reasons why runs are not known, each with the side, the number of runs and the first; the most frequent first.
pub(crate) fn reasons(difference: &Difference) -> Vec<String> {
    /// More would hide the rest of a report.
    const MOST: usize = 4;
    let mut counts: Vec<Reason<'_>> = Vec::new();
    for row in &difference.unknown {
        let sides = [(Side::Before, &row.before), (Side::After, &row.after)];
        for (side, why) in sides.into_iter().filter_map(|(side, why)| Some((side, why.as_deref()?))) {
            match counts.iter_mut().find(|known| (known.side, known.why) == (side, why)) {
                Some(known) => known.number += 1,
                None => counts.push(Reason { side, why, number: 1, first: &row.run }),
            }
        }
    }
    counts.sort_by_key(|reason| std::cmp::Reverse(reason.number));
    let (before, after) = names(difference);
    let mut texts: Vec<String> = counts
        .iter()
        .take(MOST)
        .map(|Reason { side, why, number, first }| {
            let name = if *side == Side::Before { before } else { after };
            let such_as = if *number == 1 { "" } else { "such as " };
            let run = runs([*first].into_iter()).join(", ");
            format!("{name}: {} ({such_as}{run}), {why}", counted(*number, "run"))
        })
        .collect();
    if counts.len() > MOST {
        texts.push(format!("{} more", counted(counts.len() - MOST, "reason")));
    }
    texts
}

/// Names the runs that only one kernel has.
pub(crate) fn unmatched(difference: &Difference) -> Vec<String> {
    let (before, after) = names(difference);
    let of = |side: Side| difference.unmatched.iter().filter(move |row| row.side == side);
    [(Side::Before, before), (Side::After, after)]
        .into_iter()
        .flat_map(|(side, name)| {
            let lines = runs(of(side).map(|row| &row.run));
            lines.into_iter().map(move |line| format!("only {name} has: {line}"))
        })
        .collect()
}
