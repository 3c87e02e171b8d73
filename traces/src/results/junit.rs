//! A comparison as JUnit XML, which most systems for continuous integration show.
//!
//! Each platform and version is a test suite with a test case for each row. JUnit has no word for an expected
//! failure: a row whose findings are all listed passes, and its output names them. A row that is not fully known
//! is an error. The file does not say when, where or for how long something ran, so that the same comparison
//! gives the same bytes.

use std::fmt::Display;

use quick_junit::{NonSuccessKind, Report, SerializeError, TestCase, TestCaseStatus, TestSuite};

use crate::comparison::{CompareReport, Skipped, UnavailableKernel};
use crate::format::{CompareEncoder, CompareFormat, ReportEncoder, ReportFormat};
use crate::results::diagnosis;
use crate::results::expect::Expectations;
use crate::results::groups::{Group, groups};
use crate::results::judgement::{Judged, RowJudgement, RowResult};
use crate::results::row_key;
use crate::words;

/// JUnit XML of a comparison.
pub const COMPARE_FORMAT: CompareFormat = CompareFormat {
    name: "junit",
    about: "Test results as JUnit XML",
    extension: "xml",
    encoder: CompareEncoder::TestResults(|report, expectations| Ok(compare(report, expectations)?)),
};

/// JUnit XML of a batch.
pub const REPORT_FORMAT: ReportFormat = ReportFormat {
    name: "junit",
    about: "Test results as JUnit XML",
    extension: "xml",
    encoder: ReportEncoder::comparison(&COMPARE_FORMAT),
};

/// Formats a comparison, judged by these expectations.
///
/// # Errors
/// [`SerializeError`] if the result cannot be serialised, which would be a fault of the encoder.
pub fn compare(report: &CompareReport, expectations: &Expectations) -> Result<String, SerializeError> {
    let judged = Judged::new(report, expectations);
    let mut suites = Report::new(format!("{} compare", report.made_by));
    suites.add_test_suites(groups(&judged).iter().map(suite));
    suites.add_test_suites(judged.unavailable.iter().map(unavailable));
    suites.add_test_suites(stale(judged.stale.iter().map(|line| (line.line(), *line)), diagnosis::STALE));
    for_xunit_plugin(&suites)
}

/// Writes suites as XML, without the total number of skipped tests.
///
/// Jenkins' xUnit plugin refuses a file with it (junit-10.xsd). Each suite still has its own number.
pub(crate) fn for_xunit_plugin(suites: &Report) -> Result<String, SerializeError> {
    // The first match is in the first element, that of all suites. Before it is only the name of the program, in
    // which quotation marks are escaped.
    Ok(suites.to_string()?.replacen(&format!(" skipped=\"{}\"", suites.skipped), "", 1))
}

/// Makes the suite of one platform and version.
fn suite(group: &Group<'_>) -> TestSuite {
    let rows = group.rows.iter().map(|judged| row(judged));
    let skipped = (1..).zip(&group.skipped).map(|(n, one)| skipped(n, one));
    suite_of(&group.name, rows.chain(skipped))
}

/// Makes a suite whose cases name it as their class, since readers tell cases apart by class and name.
pub(crate) fn suite_of(name: &str, cases: impl Iterator<Item = TestCase>) -> TestSuite {
    let name = words::one_line(name);
    let mut suite = TestSuite::new(name.as_str());
    suite.add_test_cases(cases.map(|mut case| {
        case.set_classname(name.as_str());
        case
    }));
    suite
}

fn row(judged: &RowJudgement<'_>) -> TestCase {
    let name = words::one_line(&judged.called.within_group());
    match judged.result() {
        RowResult::Pass => TestCase::new(name, TestCaseStatus::success()),
        RowResult::Expected => {
            let mut case = TestCase::new(name, TestCaseStatus::success());
            case.set_system_out(format!("expected: {}", diagnosis::names(&judged.expected)));
            case
        }
        RowResult::Unexpected => {
            let message = diagnosis::names(&judged.unexpected);
            failed(name, NonSuccessKind::Failure, "finding", message, &diagnosis::of_row(judged))
        }
        RowResult::Unknown => {
            let message = judged.unknown.join("; ");
            failed(name, NonSuccessKind::Error, "unknown", message, &diagnosis::of_row(judged))
        }
    }
}

fn skipped(number: usize, skipped: &Skipped) -> TestCase {
    let mut status = TestCaseStatus::skipped();
    status.set_message(words::one_line(&skipped.reason));
    TestCase::new(format!("skipped {number}"), status)
}

/// Makes the suite of a kernel of which nothing could be run, with one case that is an error.
fn unavailable(kernel: &UnavailableKernel) -> TestSuite {
    let case = failed("open".to_owned(), NonSuccessKind::Error, "unknown", kernel.reason.clone(), &[]);
    suite_of(&row_key::group_of_kernel(&kernel.kernel), std::iter::once(case))
}

/// Makes the suite of the stale lines of a list, each as a case that failed; none if no line is stale.
pub(crate) fn stale<Line: Display>(
    lines: impl Iterator<Item = (usize, Line)>,
    why: &str,
) -> Option<TestSuite> {
    let mut cases = lines
        .map(|(number, line)| {
            let name = words::one_line(&format!("line {number}: {line}"));
            failed(name, NonSuccessKind::Failure, "stale", why.to_owned(), &[])
        })
        .peekable();
    cases.peek()?;
    Some(suite_of("expectations", cases))
}

/// Makes a case that did not pass. `lines` explain it.
pub(crate) fn failed(
    name: String,
    kind: NonSuccessKind,
    of: &str,
    message: String,
    lines: &[String],
) -> TestCase {
    let mut status = TestCaseStatus::non_success(kind);
    status.set_type(of).set_message(words::one_line(&message));
    if !lines.is_empty() {
        status.set_description(lines.join("\n"));
    }
    TestCase::new(name, status)
}
