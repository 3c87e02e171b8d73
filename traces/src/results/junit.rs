//! A comparison as JUnit XML, which most systems for continuous integration show.
//!
//! Each platform and version is a test suite with a test case for each row. JUnit has no word for what is expected
//! to fail: a row whose findings are all listed passes, and its output names them. What is not known is an error.
//! Nothing here says when, where or for how long something ran, so that the same comparison has the same bytes.

use quick_junit::{NonSuccessKind, Report, SerializeError, TestCase, TestCaseStatus, TestSuite};

use crate::comparison::{CompareReport, Skipped};
use crate::format::{CompareEncoder, CompareFormat, ReportEncoder, ReportFormat};
use crate::results::diagnosis;
use crate::results::expect::{Expectation, Expectations};
use crate::results::groups::{Group, groups};
use crate::results::judgement::{Judged, RowJudgement, RowResult};
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

/// The comparison, judged by these expectations.
///
/// # Errors
/// If it cannot be serialised, which would be a fault of the encoder.
pub fn compare(report: &CompareReport, expectations: &Expectations) -> Result<String, SerializeError> {
    let judged = Judged::new(report, expectations);
    let mut suites = Report::new(format!("{} compare", report.made_by));
    suites.add_test_suites(groups(&judged).iter().map(suite));
    if !judged.stale.is_empty() {
        suites.add_test_suite(stale(&judged.stale));
    }
    Ok(for_xunit_plugin(&suites.to_string()?, suites.skipped))
}

/// The XML without the total number of skipped tests.
///
/// Jenkins' xUnit plugin refuses a file with it (junit-10.xsd); each suite still has its own number.
fn for_xunit_plugin(xml: &str, skipped: usize) -> String {
    // The element of all suites is the first, and no text from a report precedes it.
    xml.replacen(&format!(" skipped=\"{skipped}\""), "", 1)
}

/// One platform and version.
fn suite(group: &Group<'_>) -> TestSuite {
    let rows = group.rows.iter().map(|judged| row(judged));
    let skipped = (1..).zip(&group.skipped).map(|(n, one)| skipped(n, one));
    suite_of(&group.name, rows.chain(skipped))
}

/// A suite whose cases name it as their class, since readers tell cases apart by class and name.
fn suite_of(name: &str, cases: impl Iterator<Item = TestCase>) -> TestSuite {
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

/// The lines of the list that are not true any more.
fn stale(lines: &[&Expectation]) -> TestSuite {
    let case = |line: &&Expectation| {
        let name = format!("line {}: {line}", line.line());
        failed(name, NonSuccessKind::Failure, "stale", diagnosis::STALE.to_owned(), &[])
    };
    suite_of("expectations", lines.iter().map(case))
}

fn failed(name: String, kind: NonSuccessKind, of: &str, message: String, lines: &[String]) -> TestCase {
    let mut status = TestCaseStatus::non_success(kind);
    status.set_type(of).set_message(words::one_line(&message));
    if !lines.is_empty() {
        status.set_description(lines.join("\n"));
    }
    TestCase::new(name, status)
}
