//! Judges a comparison by a list of expected findings.

use crate::comparison::{CompareReport, Skipped, UnavailableKernel};
use crate::results::case::{Case, Found};
use crate::results::expect::{Expectation, Expectations};
use crate::results::row_key::RowKey;

/// A comparison, judged by a list of expected findings.
#[derive(Debug)]
pub struct Judged<'a> {
    /// The rows of the comparison: its runs, then its sweeps.
    pub rows: Vec<RowJudgement<'a>>,
    /// The combinations without a row.
    pub skipped: &'a [Skipped],
    /// The kernels of which nothing could be run.
    pub unavailable: &'a [UnavailableKernel],
    /// Stale expectations: they match a row but no finding.
    pub stale: Vec<&'a Expectation>,
    /// Expectations that match no row: from another comparison, or misspelt.
    pub elsewhere: Vec<&'a Expectation>,
}

/// A judged row: a run or a sweep.
#[derive(Debug)]
pub struct RowJudgement<'a> {
    pub(crate) called: RowKey,
    /// The findings that are listed.
    pub expected: Vec<Found>,
    /// The findings that are not listed.
    pub unexpected: Vec<Found>,
    /// The reasons why the row is not fully known.
    pub unknown: Vec<String>,
    /// The command that runs the row again.
    pub command: &'a str,
}

/// The result of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowResult {
    /// Nothing was found.
    Pass,
    /// Every finding is listed.
    Expected,
    /// A finding is not listed.
    Unexpected,
    /// Every finding is listed, but not everything was run, or a control failed.
    ///
    /// No list makes this pass.
    Unknown,
}

/// The result of a comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Conclusion {
    /// Every finding is listed, every row is fully known, and no expectation is stale.
    AsExpected,
    /// A finding is not listed, or an expectation is stale.
    Unexpected,
    /// Every finding is listed and no expectation is stale, but some row is not fully known.
    Unknown,
}

impl<'a> Judged<'a> {
    /// Judges a comparison.
    pub fn new(report: &'a CompareReport, expectations: &'a Expectations) -> Judged<'a> {
        let lines = expectations.lines();
        let cases = report.rows.iter().map(Case::of_run).chain(report.sweeps.iter().map(Case::of_sweep));
        let rows: Vec<_> = cases.map(|case| RowJudgement::new(case, lines)).collect();
        let stale = lines.iter().filter(|line| is_stale(line, &rows)).collect();
        let is_elsewhere = |line: &&Expectation| !rows.iter().any(|row| line.applies_to(&row.called));
        let elsewhere = lines.iter().filter(is_elsewhere).collect();
        Judged { rows, skipped: &report.skipped, unavailable: &report.unavailable, stale, elsewhere }
    }

    /// Whether every row is as expected and fully known, and no expectation is stale.
    pub fn all_as_expected(&self) -> bool {
        self.conclusion() == Conclusion::AsExpected
    }

    /// Returns the result of the comparison.
    pub fn conclusion(&self) -> Conclusion {
        let any = |result| self.rows.iter().any(|row| row.result() == result);
        if any(RowResult::Unexpected) || !self.stale.is_empty() {
            Conclusion::Unexpected
        } else if any(RowResult::Unknown) || !self.unavailable.is_empty() {
            Conclusion::Unknown
        } else {
            Conclusion::AsExpected
        }
    }
}

/// Whether an expectation is stale.
///
/// It is stale if it matches a row, every row it matches is fully known, and none has the finding.
fn is_stale(line: &Expectation, rows: &[RowJudgement<'_>]) -> bool {
    let mut said_of = rows.iter().filter(|row| line.applies_to(&row.called)).peekable();
    let could_be_true = |row: &RowJudgement<'_>| {
        !row.unknown.is_empty() || row.expected.iter().any(|finding| line.expects(finding.name))
    };
    said_of.peek().is_some() && !said_of.any(could_be_true)
}

impl<'a> RowJudgement<'a> {
    fn new(case: Case<'a>, lines: &[Expectation]) -> Self {
        let Case { called, found, unknown, command } = case;
        let said: Vec<_> = lines.iter().filter(|line| line.applies_to(&called)).collect();
        let (expected, unexpected) =
            found.into_iter().partition(|found| said.iter().any(|line| line.expects(found.name)));
        RowJudgement { called, expected, unexpected, unknown, command }
    }

    /// Returns the result of the row.
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

    /// Whether the row is as expected and fully known.
    pub fn passes(&self) -> bool {
        matches!(self.result(), RowResult::Pass | RowResult::Expected)
    }
}
