//! How a comparison stands against what was expected of it.

use crate::findings::Finding;
use crate::report::{CompareReport, RunReport, Skipped, Verdict};
use crate::results::called::Called;
use crate::results::expect::{Expectation, Expectations};

/// A comparison, judged by a list of expected findings.
#[derive(Debug)]
pub struct Judged<'a> {
    /// Each of its rows.
    pub rows: Vec<RowJudgement<'a>>,
    /// What has no row.
    pub skipped: &'a [Skipped],
    /// Lines that are said of rows here and are true of none: a list is to be kept as the code is.
    pub stale: Vec<&'a Expectation>,
    /// Lines that are said of no row here: of another comparison, or with a name that is not written right.
    pub elsewhere: Vec<&'a Expectation>,
}

/// A row, judged.
#[derive(Debug)]
pub struct RowJudgement<'a> {
    /// The row.
    pub row: &'a RunReport,
    pub(crate) called: Called,
    /// Its findings that are listed.
    pub expected: Vec<&'a Finding>,
    /// Those that are not.
    pub unexpected: Vec<&'a Finding>,
    /// Why not all is known of it.
    pub unknown: Vec<String>,
}

/// What came of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowResult {
    /// Nothing was found.
    Pass,
    /// All that was found is listed.
    Expected,
    /// Something was found that is not.
    Unexpected,
    /// No such thing, but not everything was run, or a control failed. No list makes this pass.
    Unknown,
}

/// What came of a comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Conclusion {
    /// All is as the list says.
    AsExpected,
    /// A finding is not listed, or a line of the list is not true any more.
    Unexpected,
    /// No such thing, but of some row not all is known.
    Unknown,
}

impl<'a> Judged<'a> {
    /// Judges a comparison.
    pub fn new(report: &'a CompareReport, expectations: &'a Expectations) -> Judged<'a> {
        let lines = expectations.lines();
        let rows: Vec<_> = report.rows.iter().map(|row| RowJudgement::new(row, lines)).collect();
        let stale = lines.iter().filter(|line| is_stale(line, &rows)).collect();
        let is_elsewhere = |line: &&Expectation| !rows.iter().any(|row| line.applies_to(&row.called));
        let elsewhere = lines.iter().filter(is_elsewhere).collect();
        Judged { rows, skipped: &report.skipped, stale, elsewhere }
    }

    /// Whether every row is as expected, and every line that is said of one is true.
    pub fn all_as_expected(&self) -> bool {
        self.conclusion() == Conclusion::AsExpected
    }

    /// The result of all of it.
    pub fn conclusion(&self) -> Conclusion {
        let any = |result| self.rows.iter().any(|row| row.result() == result);
        if any(RowResult::Unexpected) || !self.stale.is_empty() {
            Conclusion::Unexpected
        } else if any(RowResult::Unknown) {
            Conclusion::Unknown
        } else {
            Conclusion::AsExpected
        }
    }
}

/// Whether a line is said of rows that are known, and is true of none. Of a row that is not it could yet be true.
fn is_stale(line: &Expectation, rows: &[RowJudgement<'_>]) -> bool {
    let mut said_of = rows.iter().filter(|row| line.applies_to(&row.called)).peekable();
    let could_be_true = |row: &RowJudgement<'_>| {
        !row.unknown.is_empty() || row.expected.iter().any(|finding| line.expects(finding.name))
    };
    said_of.peek().is_some() && !said_of.any(could_be_true)
}

impl<'a> RowJudgement<'a> {
    fn new(row: &'a RunReport, lines: &[Expectation]) -> Self {
        let called = Called::of(row);
        let said: Vec<_> = lines.iter().filter(|line| line.applies_to(&called)).collect();
        let failed = row.failed_controls();
        // Where a control failed, nothing else counts.
        let counts = failed.is_empty() && row.verdict != Verdict::Unknown;
        let findings = row.findings.iter().filter(|_| counts);
        let (expected, unexpected) =
            findings.partition(|finding| said.iter().any(|line| line.expects(finding.name)));
        RowJudgement { row, called, expected, unexpected, unknown: unknown(row, failed) }
    }

    /// The result of this row.
    pub fn result(&self) -> RowResult {
        if !self.unexpected.is_empty() {
            RowResult::Unexpected
        } else if !self.unknown.is_empty() {
            RowResult::Unknown
        } else if !self.expected.is_empty() {
            RowResult::Expected
        } else {
            RowResult::Pass
        }
    }

    /// Whether it is as expected.
    pub fn passes(&self) -> bool {
        matches!(self.result(), RowResult::Pass | RowResult::Expected)
    }
}

/// Why not all is known of a row. What was found in one that was not run whole was found, but there may be more.
fn unknown(row: &RunReport, failed: Vec<String>) -> Vec<String> {
    // Of a kernel whose control failed the report is incomplete for that reason.
    if !failed.is_empty() {
        return failed;
    }
    match &row.incomplete {
        Some(reason) => vec![format!("incomplete: {reason}")],
        None if row.verdict == Verdict::Unknown => vec!["the verdict is unknown".to_owned()],
        None => Vec::new(),
    }
}
