//! Why a row, or a line of a list, is not as expected: the same words in every result for machines.

use crate::findings::{Finding, FindingName};
use crate::results::judgement::RowJudgement;
use crate::words;

/// The names of findings, each once.
pub(crate) fn names(findings: &[&Finding]) -> String {
    distinct(findings).map(FindingName::name).collect::<Vec<_>>().join(" ")
}

/// Findings are in the order of their names, so equal names are neighbours.
fn distinct<'a>(findings: &'a [&Finding]) -> impl Iterator<Item = FindingName> + use<'a> {
    findings.chunk_by(|a, b| a.name == b.name).map(|chunk| chunk[0].name)
}

/// Why a row is not as expected, with the lines that would list what was found, and how to run it again.
pub(crate) fn of_row(judged: &RowJudgement<'_>) -> Vec<String> {
    let row = judged.row;
    let mut lines = Vec::new();
    for finding in &judged.unexpected {
        let schedules = words::of_schedules(&finding.schedules, row);
        lines.push(format!("{}: {}", finding.name.name(), finding.explanation));
        lines.push(format!("  in {schedules}, shortest {}", finding.schedule));
    }
    lines.extend(judged.unknown.iter().cloned());
    for name in distinct(&judged.unexpected) {
        lines.push(format!("to expect it: {}", judged.called.line(name)));
    }
    lines.push(format!("to run it again: {}", row.command));
    lines.iter().map(|line| words::one_line(line)).collect()
}

/// What to do about a line of a list that is not true any more.
pub(crate) const STALE: &str =
    "it is said of rows that were run, and nothing was found there: remove the line";
