//! Why a row, or a line of a list, is not as expected: the same words in all machine-readable results.

use crate::judge::FindingName;
use crate::results::case::Found;
use crate::results::judgement::RowJudgement;
use crate::words;

/// Formats the names of findings, each once.
pub(crate) fn names(findings: &[Found]) -> String {
    distinct(findings).map(FindingName::name).collect::<Vec<_>>().join(" ")
}

/// Returns each finding's name once. Findings are in the order of their names, so equal names are neighbours.
fn distinct(findings: &[Found]) -> impl Iterator<Item = FindingName> {
    findings.chunk_by(|a, b| a.name == b.name).map(|chunk| chunk[0].name)
}

/// Explains why a row is not as expected: the findings, the lines that would expect them, and the command to
/// rerun.
pub(crate) fn of_row(judged: &RowJudgement<'_>) -> Vec<String> {
    let mut lines: Vec<String> = judged.unexpected.iter().flat_map(|found| found.says.clone()).collect();
    lines.extend(judged.unknown.iter().cloned());
    for name in distinct(&judged.unexpected) {
        lines.push(format!("to expect it: {}", judged.called.line(name)));
    }
    lines.push(format!("to run it again: {}", judged.command));
    lines.iter().map(|line| words::one_line(line)).collect()
}

/// The message about a stale expectation.
pub(crate) const STALE: &str = "it matches rows that were run, and none has the finding: remove the line";
