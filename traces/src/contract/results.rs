//! A contract as test results: KTAP and JUnit XML.
//!
//! Each column is a group of tests, and each helper a test of it. A helper that the list expects to break a rule passes;
//! KTAP says XFAIL, and the output of the JUnit case says `expected`. A helper with a rule that is unknown is an error. A
//! helper that the tree does not have is skipped, and so is one that has no rule for its inputs. A column of which nothing
//! is known is one error.

use quick_junit::{NonSuccessKind, Report, SerializeError, TestCase, TestCaseStatus, TestSuite};

use super::expect::ContractExpectations;
use super::judgement::{ColumnJudgement, ContractJudged, HelperJudgement, HelperResult};
use super::report::ContractReport;
use crate::format::{ContractEncoder, ContractFormat};
use crate::results::junit::{failed, for_xunit_plugin, stale, suite_of};
use crate::results::ktap::Tests;
use crate::words::one_line;

/// KTAP of a contract.
pub const KTAP_FORMAT: ContractFormat = ContractFormat {
    name: "ktap",
    about: "Test results as the kernel's own tests print them (KTAP)",
    extension: "ktap",
    encoder: ContractEncoder::TestResults(|report, expectations| Ok(ktap(report, expectations))),
};

/// JUnit XML of a contract.
pub const JUNIT_FORMAT: ContractFormat = ContractFormat {
    name: "junit",
    about: "Test results as JUnit XML",
    extension: "xml",
    encoder: ContractEncoder::TestResults(|report, expectations| Ok(junit(report, expectations)?)),
};

/// The message about a stale line of a list.
const STALE: &str = "it matches helpers that were run, and none breaks a rule: remove the line";

/// Formats a contract as KTAP, judged by these expectations.
pub fn ktap(report: &ContractReport, expectations: &ContractExpectations) -> String {
    let judged = ContractJudged::new(report, expectations);
    let mut tests = Tests::new("", judged.columns.len() + judged.stale.len());
    tests.diagnostic(&one_line(&report.made_by));
    tests.elsewhere("helper", judged.elsewhere.iter().map(|line| line.line()));
    for column in &judged.columns {
        ktap_column(&mut tests, column);
    }
    for line in &judged.stale {
        tests.stale(line.line(), line, STALE);
    }
    tests.into_text()
}

fn ktap_column(tests: &mut Tests<'_>, column: &ColumnJudgement) {
    if let Some(why) = &column.nothing_known {
        tests.point(false, &column.name, &format!("ERROR {why}"));
        return;
    }
    let mut subtests = Tests::new("  ", column.helpers.len());
    for helper in &column.helpers {
        if !helper.passes() {
            helper.says.iter().for_each(|line| subtests.diagnostic(line));
        }
        let because = match helper.result() {
            HelperResult::Pass => String::new(),
            HelperResult::Expected => format!("XFAIL {}", helper.breaks()),
            HelperResult::Unexpected => helper.breaks(),
            HelperResult::Unknown => format!("ERROR {}", helper.unknown.join("; ")),
            HelperResult::Skipped => format!("SKIP {}", skipped(helper)),
        };
        subtests.point(helper.passes(), &helper.helper, &because);
    }
    let all_skipped = column.helpers.iter().all(|helper| helper.result() == HelperResult::Skipped);
    let because = if all_skipped { "SKIP no rule applies to it" } else { "" };
    tests.nested(&subtests, column.passes(), &column.name, because);
}

fn skipped(helper: &HelperJudgement) -> &str {
    helper.skipped.as_deref().unwrap_or_default()
}

/// Formats a contract as JUnit XML, judged by these expectations.
///
/// # Errors
/// [`SerializeError`] if the result cannot be serialised, which would be a fault of the encoder.
pub fn junit(report: &ContractReport, expectations: &ContractExpectations) -> Result<String, SerializeError> {
    let judged = ContractJudged::new(report, expectations);
    let mut suites = Report::new(one_line(&format!("{} contract", report.made_by)));
    suites.add_test_suites(judged.columns.iter().map(suite));
    suites.add_test_suites(stale(judged.stale.iter().map(|line| (line.line(), *line)), STALE));
    for_xunit_plugin(&suites)
}

fn suite(column: &ColumnJudgement) -> TestSuite {
    let nothing_known = column
        .nothing_known
        .iter()
        .map(|why| failed("open".to_owned(), NonSuccessKind::Error, "unknown", why.clone(), &[]));
    suite_of(&column.name, nothing_known.chain(column.helpers.iter().map(case)))
}

fn case(helper: &HelperJudgement) -> TestCase {
    let name = helper.helper.clone();
    match helper.result() {
        HelperResult::Pass => TestCase::new(name, TestCaseStatus::success()),
        HelperResult::Expected => {
            let mut case = TestCase::new(name, TestCaseStatus::success());
            case.set_system_out(format!("expected: {}", helper.breaks()));
            case
        }
        HelperResult::Unexpected => {
            failed(name, NonSuccessKind::Failure, "finding", helper.breaks(), &helper.says)
        }
        HelperResult::Unknown => {
            failed(name, NonSuccessKind::Error, "unknown", helper.unknown.join("; "), &helper.says)
        }
        HelperResult::Skipped => {
            let mut status = TestCaseStatus::skipped();
            status.set_message(skipped(helper));
            TestCase::new(name, status)
        }
    }
}
