//! Comparisons as KTAP, read back by a strict reader.

use crate::comparison::ktap_reader::{Test, read};
use crate::comparison::*;
use pmdscope_traces::CompareReport;
use pmdscope_traces::results::{Judged, ktap};
use proptest::prelude::*;

fn tests(report: &CompareReport, text: &str) -> Vec<Test> {
    let written = ktap::compare(report, &list(text));
    read(&written).unwrap_or_else(|wrong| panic!("{wrong}\n{written}"))
}

/// Returns the lines that diagnoses suggest for the list.
fn to_list(tests: &[Test]) -> String {
    let diagnostics = tests.iter().flat_map(|test| &test.subtests).flat_map(|test| &test.diagnostics);
    diagnostics
        .filter_map(|line| line.strip_prefix("to expect it: "))
        .map(|line| format!("{line}\n"))
        .collect()
}

#[test]
fn a_comparison_is_written_as_the_kernel_documents_it() {
    let mut report = comparison();
    report.rows.truncate(3);
    let written = "\
KTAP version 1
1..4
# pmdscope 0.1.0
# matches no row here: line 4 of the list
  KTAP version 1
  1..2
  # walker-past-present: the walker went past its present check on swap entry 0x0000000081200600, seen as \
0x0000000081200e00: refused by access
  #   in 1 of 5 schedules, shortest W3 K1 W1
  # to expect it: arm64 6.12 migration-read split-unguarded gup-fast-read walker-past-present
  # to run it again: pmdscope run --arch arm64 --linux 6.12 --entry migration-read --writer split-unguarded \
--walker gup-fast-read
  not ok 1 migration-read split-unguarded gup-fast-read # walker-past-present
  ok 2 migration-read split-guarded gup-fast-read
not ok 1 arm64 6.12
  KTAP version 1
  1..2
  ok 1 migration-write split-unguarded hmm # XFAIL swap-becomes-present walker-past-present
  ok 2 skipped 1 # SKIP has no perf-page-size: it came in Linux 5.11
ok 2 ppc64le/hash 7.2
  KTAP version 1
  1..1
  ok 1 skipped 1 # SKIP riscv64 had no transparent huge pages in Linux 5.10: use 6.1 or newer
ok 3 riscv64 5.10 # SKIP it has no row
# it matches rows that were run, and none has the finding: remove the line
not ok 4 expectations: line 2: * * * * * present-lost
";
    let text = "* * * * * swap-*\n* * * * * present-lost\nppc64le/* * * * hmm walker-past-present # and more\n\
                arm46 * * * * *";
    assert_eq!(ktap::compare(&report, &list(text)), written);
}

#[test]
fn what_is_not_known_is_an_error() {
    let tests = tests(&comparison(), "");
    let group = tests.iter().find(|group| group.name == "x86_64 7.2").unwrap();
    assert!(!group.passed);
    let row = &group.subtests[0];
    assert_eq!(row.directive.as_deref(), Some("ERROR"));
    assert_eq!(row.data, "incomplete: before any access a routine reached the bound on instructions");
}

#[test]
fn kernels_are_groups_by_release() {
    let mut report = comparison();
    report.rows.drain(..FOUND_IN_KERNEL);
    report.skipped.clear();
    let reason = "this kernel has no mincore".to_owned();
    let lacks = Some(pmdscope_traces::Lack::Routine("mincore".to_owned()));
    report.skipped.push(pmdscope_traces::Skipped { encoding: "5.10.0-30-arm64".to_owned(), lacks, reason });
    let tests = tests(&report, "");
    assert_eq!(tests.len(), 1, "what was skipped of a kernel is beside its rows");
    assert_eq!(tests[0].name, "kernel 5.10.0-30-arm64");
    assert_eq!(tests[0].subtests.len(), 2);
}

#[test]
fn listing_what_a_diagnosis_says_makes_all_pass() {
    let report = known_comparison();
    let lines = to_list(&tests(&report, ""));
    assert_eq!(lines.lines().count(), 6, "two findings of three rows");
    let tests = tests(&report, &lines);
    assert!(tests.iter().all(|test| test.passed), "{tests:#?}");
}

#[test]
fn a_name_cannot_be_taken_for_something_else() {
    let mut report = known_comparison();
    report.rows.truncate(1);
    report.rows[0].writer = "w # SKIP\nok 2 \u{1b}[0m".to_owned();
    report.rows[0].guest.release = Some("6.1#1".to_owned());
    let tests = tests(&report, "");
    assert_eq!(tests[0].name, "kernel 6.1\\x231");
    assert_eq!(tests[0].subtests[0].name, "migration-read w \\x23 SKIP\\nok 2 \\u{1b}[0m gup-fast-read");
    let line = "kernel 6.1*1 migration-read w***SKIP*ok*2**[0m gup-fast-read swap-becomes-present\n";
    assert_eq!(to_list(&tests).lines().next(), Some(line.trim_end()));
}

#[test]
fn an_empty_comparison_has_an_empty_plan() {
    let mut report = comparison();
    report.rows.clear();
    report.skipped.clear();
    assert_eq!(tests(&report, ALL_FOUND), []);
}

#[test]
fn the_reader_is_strict() {
    let head = "KTAP version 1\n1..1\n";
    assert!(read(&format!("{head}ok 1 a\n")).is_ok());
    let nested = |inner: &str, result: &str| format!("{head}  KTAP version 1\n  1..1\n{inner}{result}");
    assert!(read(&nested("  not ok 1 b\n", "not ok 1 a\n")).is_ok());
    for wrong in [
        "TAP version 13\n1..1\nok 1 a\n".to_owned(),
        "KTAP version 1\nok 1 a\n".to_owned(),
        format!("{head}ok 1 a"),
        format!("{head}ok 2 a\n"),
        format!("{head}ok 1 a\nok 2 b\n"),
        format!("{head}ok 1 a#b\n"),
        format!("{head}ok 1 a # ERROR b\n"),
        format!("{head}not ok 1 a # XFAIL b\n"),
        format!("{head}#a\nok 1 a\n"),
        format!("{head}unknown\nok 1 a\n"),
        nested("  not ok 1 b\n", "ok 1 a\n"),
        nested("  ok 1 b\n", "not ok 1 a\n"),
        nested("  ok 1 b\n", ""),
        nested(" ok 1 b\n", "ok 1 a\n"),
        nested("", "ok 1 a\n"),
    ] {
        assert!(read(&wrong).is_err(), "{wrong}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(debug_assertions) { 64 } else { 2000 }))]

    #[test]
    fn any_report_is_one_that_can_be_read_back(report in nasty_comparison()) {
        let expectations = list("* * * * * *-lost\n* * * * * bits-*");
        let written = ktap::compare(&report, &expectations);
        prop_assert_eq!(&written, &ktap::compare(&report, &expectations));
        let tests = read(&written).map_err(|wrong| TestCaseError::fail(format!("{wrong}\n{written}")))?;
        let judged = Judged::new(&report, &expectations);
        let (stale, groups): (Vec<_>, Vec<_>) = tests.iter().partition(|test| test.subtests.is_empty());
        prop_assert_eq!(stale.len(), judged.stale.len());
        let points = groups.iter().flat_map(|group| &group.subtests);
        prop_assert_eq!(points.clone().count(), report.rows.len() + report.skipped.len());
        let failed = judged.rows.iter().filter(|row| !row.passes()).count();
        prop_assert_eq!(points.filter(|point| !point.passed).count(), failed);

        // The lines that diagnoses suggest form a list that expects exactly these findings.
        let lines = to_list(&tests);
        let expectations = list(&lines);
        let judged = Judged::new(&report, &expectations);
        prop_assert!(judged.rows.iter().all(|row| row.unexpected.is_empty()), "{}", lines);
        prop_assert!(judged.stale.is_empty(), "{}", lines);
    }
}
