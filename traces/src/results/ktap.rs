//! A comparison as KTAP, the kernel's Test Anything Protocol, version 1 (Documentation/dev-tools/ktap.rst of
//! Linux 6.12).
//!
//! Each platform and version is a test with a subtest for each row. A row whose findings are all listed is `ok`
//! with XFAIL, as kselftest prints it; one that is not fully known is `not ok` with ERROR. After the platforms
//! come the stale expectations of the list, each as a test that failed. Diagnostic lines below the plan name the
//! program, and the expectations that match no row: they belong to another comparison, or are mistyped.

use std::fmt::{Display, Write};

use crate::comparison::{CompareReport, Skipped, UnavailableKernel};
use crate::format::{CompareEncoder, CompareFormat, ReportEncoder, ReportFormat};
use crate::results::diagnosis;
use crate::results::expect::Expectations;
use crate::results::groups::{Group, groups};
use crate::results::judgement::{Judged, RowJudgement, RowResult};
use crate::results::row_key;
use crate::words;

/// KTAP of a comparison.
pub const COMPARE_FORMAT: CompareFormat = CompareFormat {
    name: "ktap",
    about: "Test results as the kernel's own tests print them (KTAP)",
    extension: "ktap",
    encoder: CompareEncoder::TestResults(|report, expectations| Ok(compare(report, expectations))),
};

/// KTAP of a batch.
pub const REPORT_FORMAT: ReportFormat = ReportFormat {
    name: "ktap",
    about: "Test results as the kernel's own tests print them (KTAP)",
    extension: "ktap",
    encoder: ReportEncoder::comparison(&COMPARE_FORMAT),
};

/// Formats a comparison, judged by these expectations.
pub fn compare(report: &CompareReport, expectations: &Expectations) -> String {
    let judged = Judged::new(report, expectations);
    let groups = groups(&judged);
    let mut tests = Tests::new("", groups.len() + judged.unavailable.len() + judged.stale.len());
    tests.diagnostic(&words::one_line(&report.made_by));
    tests.elsewhere("row", judged.elsewhere.iter().map(|line| line.line()));
    for group in &groups {
        tests.group(group);
    }
    for kernel in judged.unavailable {
        tests.unavailable(kernel);
    }
    for line in &judged.stale {
        tests.stale(line.line(), line, diagnosis::STALE);
    }
    tests.into_text()
}

/// Tests at one level of nesting.
pub(crate) struct Tests<'a> {
    indentation: &'a str,
    done: usize,
    text: String,
}

impl<'a> Tests<'a> {
    /// Begins the tests, of which there will be as many as planned.
    pub(crate) fn new(indentation: &'a str, planned: usize) -> Self {
        let text = format!("{indentation}KTAP version 1\n{indentation}1..{planned}\n");
        Tests { indentation, done: 0, text }
    }

    /// Writes the test of one platform and version, with its subtests.
    fn group(&mut self, group: &Group<'_>) {
        let mut subtests = Tests::new("  ", group.rows.len() + group.skipped.len());
        for row in &group.rows {
            subtests.row(row);
        }
        for (n, skipped) in (1..).zip(&group.skipped) {
            subtests.skipped(n, skipped);
        }
        let as_expected = group.rows.iter().all(|row| row.passes());
        let all_skipped = "SKIP it has no row";
        let because = if group.rows.is_empty() { all_skipped } else { "" };
        self.nested(&subtests, as_expected, &group.name, because);
    }

    /// Writes a test with its subtests.
    pub(crate) fn nested(&mut self, subtests: &Tests<'_>, passed: bool, name: &str, because: &str) {
        self.text += &subtests.text;
        self.point(passed, name, because);
    }

    fn row(&mut self, judged: &RowJudgement<'_>) {
        let because = match judged.result() {
            RowResult::Pass => String::new(),
            RowResult::Expected => format!("XFAIL {}", diagnosis::names(&judged.expected)),
            RowResult::Unexpected => diagnosis::names(&judged.unexpected),
            RowResult::Unknown => format!("ERROR {}", judged.unknown.join("; ")),
        };
        if !judged.passes() {
            diagnosis::of_row(judged).iter().for_each(|line| self.diagnostic(line));
        }
        self.point(judged.passes(), &judged.called.within_group(), &because);
    }

    fn skipped(&mut self, number: usize, skipped: &Skipped) {
        self.point(true, &format!("skipped {number}"), &format!("SKIP {}", skipped.reason));
    }

    /// Writes the test of a kernel of which nothing could be run.
    fn unavailable(&mut self, kernel: &UnavailableKernel) {
        self.point(false, &row_key::group_of_kernel(&kernel.kernel), &format!("ERROR {}", kernel.reason));
    }

    /// Writes a stale line of a list as a test that failed.
    pub(crate) fn stale(&mut self, line: usize, expectation: &impl Display, why: &str) {
        self.diagnostic(why);
        self.point(false, &format!("expectations: line {line}: {expectation}"), "");
    }

    /// Names the lines of a list that match nothing here: no row, or no helper.
    pub(crate) fn elsewhere(&mut self, what: &str, lines: impl Iterator<Item = usize>) {
        let lines: Vec<_> = lines.map(|line| line.to_string()).collect();
        if !lines.is_empty() {
            self.diagnostic(&format!("matches no {what} here: line {} of the list", lines.join(", ")));
        }
    }

    /// Writes the result line of one test, with a directive or the names of findings after `#`.
    pub(crate) fn point(&mut self, passed: bool, name: &str, because: &str) {
        self.done += 1;
        let result = if passed { "ok" } else { "not ok" };
        // A description may contain any character but this one.
        let name = words::one_line(name).replace('#', "\\x23");
        let because = match because {
            "" => String::new(),
            because => format!(" # {}", words::one_line(because)),
        };
        let _ = writeln!(self.text, "{}{result} {} {name}{because}", self.indentation, self.done);
    }

    /// Writes a line about the next test. It has no unprintable character.
    pub(crate) fn diagnostic(&mut self, line: &str) {
        let _ = writeln!(self.text, "{}# {line}", self.indentation);
    }

    /// Returns the text.
    pub(crate) fn into_text(self) -> String {
        self.text
    }
}
