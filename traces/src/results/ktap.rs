//! A comparison as KTAP, the kernel's Test Anything Protocol, version 1 (Documentation/dev-tools/ktap.rst of
//! Linux 6.12).
//!
//! Each platform and version is a test with a subtest for each row. A row whose findings are all listed is `ok`
//! with XFAIL, as kselftest prints it; one that is not fully known is `not ok` with ERROR. After the platforms
//! come the stale expectations of the list, each as a test that failed. Diagnostic lines below the plan name the
//! program, and the expectations that match no row: they belong to another comparison, or are mistyped.

use std::fmt::Write;

use crate::comparison::{CompareReport, Skipped, UnavailableKernel};
use crate::format::{CompareEncoder, CompareFormat, ReportEncoder, ReportFormat};
use crate::results::diagnosis;
use crate::results::expect::{Expectation, Expectations};
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
    if !judged.elsewhere.is_empty() {
        let lines: Vec<_> = judged.elsewhere.iter().map(|line| line.line().to_string()).collect();
        tests.diagnostic(&format!("matches no row here: line {} of the list", lines.join(", ")));
    }
    for group in &groups {
        tests.group(group);
    }
    for kernel in judged.unavailable {
        tests.unavailable(kernel);
    }
    for line in &judged.stale {
        tests.stale(line);
    }
    tests.text
}

/// Tests at one level of nesting.
struct Tests<'a> {
    indentation: &'a str,
    done: usize,
    text: String,
}

impl<'a> Tests<'a> {
    fn new(indentation: &'a str, planned: usize) -> Self {
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
        self.text += &subtests.text;
        let as_expected = group.rows.iter().all(|row| row.passes());
        let all_skipped = "SKIP it has no row";
        self.point(as_expected, &group.name, if group.rows.is_empty() { all_skipped } else { "" });
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

    fn stale(&mut self, line: &Expectation) {
        self.diagnostic(diagnosis::STALE);
        self.point(false, &format!("expectations: line {}: {line}", line.line()), "");
    }

    /// Writes the result line of one test, with a directive or the names of findings after `#`.
    fn point(&mut self, passed: bool, name: &str, because: &str) {
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

    fn diagnostic(&mut self, line: &str) {
        let _ = writeln!(self.text, "{}# {line}", self.indentation);
    }
}
