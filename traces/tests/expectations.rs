//! Lists of expected findings, and comparisons judged by them.

use crate::comparison::*;
use pmdscope_traces::results::expect::{Expectations, MAX_LINE, MAX_LINES};
use pmdscope_traces::results::{Conclusion, Found, Judged, RowResult};
use pmdscope_traces::{CompareReport, Control, Verdict};
use proptest::prelude::*;

fn results(report: &CompareReport, text: &str) -> Vec<RowResult> {
    Judged::new(report, &list(text)).rows.iter().map(|row| row.result()).collect()
}

fn conclusion(report: &CompareReport, text: &str) -> Conclusion {
    Judged::new(report, &list(text)).conclusion()
}

fn stale(report: &CompareReport, text: &str) -> Vec<usize> {
    Judged::new(report, &list(text)).stale.iter().map(|line| line.line()).collect()
}

fn error(text: &str) -> String {
    Expectations::parse("known.txt", text).unwrap_err().to_string()
}

#[test]
fn what_is_not_listed_fails() {
    let report = comparison();
    assert_eq!(results(&report, ""), RESULTS);
    assert_eq!(conclusion(&report, ""), Conclusion::Unexpected);
    let one_of_two = "arm64 6.12 migration-read split-unguarded gup-fast-read swap-becomes-present";
    let expectations = list(one_of_two);
    let judged = Judged::new(&report, &expectations);
    let names =
        |findings: &[Found]| -> Vec<_> { findings.iter().map(|finding| finding.name.name()).collect() };
    assert_eq!(names(&judged.rows[FOUND].expected), ["swap-becomes-present"]);
    assert_eq!(names(&judged.rows[FOUND].unexpected), ["walker-past-present"]);
    assert!(!judged.rows[FOUND].passes());
}

#[test]
fn what_is_listed_passes() {
    let report = known_comparison();
    let (found, passed) = (RowResult::Expected, RowResult::Pass);
    assert_eq!(results(&report, ALL_FOUND), [found, passed, found, found]);
    let expectations = list(ALL_FOUND);
    let judged = Judged::new(&report, &expectations);
    assert!(judged.all_as_expected());
    assert!(judged.rows.iter().all(|row| row.passes()));
}

#[test]
fn no_list_makes_the_unknown_pass() {
    let report = comparison();
    let all = format!("{ALL_FOUND}* * * * * *\nx86_64 * * * * *\n");
    assert_eq!(results(&report, &all)[INCOMPLETE], RowResult::Unknown);
    assert_eq!(conclusion(&report, &all), Conclusion::Unknown, "nothing but it failed");

    let mut partly = known_comparison();
    partly.rows[FOUND].incomplete = Some("bounded".to_owned());
    assert_eq!(results(&partly, ALL_FOUND)[FOUND], RowResult::Unknown, "there may be more than was found");
    assert_eq!(results(&partly, "")[FOUND], RowResult::Unexpected, "what was found was found");

    let mut bare = known_comparison();
    bare.rows[PASSED].verdict = Verdict::Unknown;
    assert_eq!(results(&bare, ALL_FOUND)[PASSED], RowResult::Unknown, "whatever the reason");
}

#[test]
fn nothing_counts_where_a_control_failed() {
    let mut report = known_comparison();
    report.rows[FOUND].disagreements.push("0x1: guest and model".to_owned());
    let last = report.rows.len() - 1;
    let kernel = report.rows[last].kernel.as_mut().unwrap();
    assert!(!kernel.controls.is_empty());
    let control = Control { what: "a walk".to_owned(), outcome: "a crash".to_owned(), passed: false };
    kernel.controls.push(control);
    report.rows[last].incomplete = Some("environment incomplete: control failed: a walk: a crash".to_owned());
    for text in ["", ALL_FOUND] {
        let expectations = list(text);
        let judged = Judged::new(&report, &expectations);
        for row in [&judged.rows[FOUND], &judged.rows[last]] {
            assert_eq!(row.result(), RowResult::Unknown);
            assert!(row.expected.is_empty() && row.unexpected.is_empty());
        }
        assert_eq!(judged.rows[FOUND].unknown, ["control failed: 0x1: guest and model"]);
        assert_eq!(judged.rows[last].unknown, ["control failed: a walk: a crash"]);
    }
}

#[test]
fn the_verdict_of_the_report_stands_above_its_findings() {
    let mut report = known_comparison();
    report.rows[FOUND].verdict = Verdict::Unknown;
    for text in ["", ALL_FOUND] {
        assert_eq!(results(&report, text)[FOUND], RowResult::Unknown);
    }
}

#[test]
fn a_line_that_is_not_true_any_more_is_stale() {
    let report = known_comparison();
    let guarded = "arm64 6.12 migration-read split-guarded * walker-took-page\n";
    assert_eq!(stale(&report, &format!("{ALL_FOUND}{guarded}")), [7]);
    assert_eq!(conclusion(&report, &format!("{ALL_FOUND}{guarded}")), Conclusion::Unexpected);
    assert_eq!(stale(&report, "arm64 5.* * * * *\ns390x * * * * *\n"), [0; 0], "it matches no row here");
    assert_eq!(stale(&report, "* * * * * present-lost\n* * * * * swap-*\n"), [1]);
}

#[test]
fn a_line_may_be_true_of_what_is_not_known() {
    let mut report = comparison();
    let said = "x86_64 7.2 present-huge split-unguarded gup-fast-read present-lost";
    assert_eq!(stale(&report, said), [0; 0]);
    report.rows[INCOMPLETE].incomplete = None;
    report.rows[INCOMPLETE].verdict = Verdict::Pass;
    assert_eq!(stale(&report, said), [1]);
}

#[test]
fn rows_are_called_by_platform_version_and_marks() {
    let mut report = known_comparison();
    report.rows.truncate(1);
    let row = &mut report.rows[0];
    row.marks = vec!["young".to_owned(), "dirty".to_owned()];
    let passes = |report: &CompareReport, row: &str| {
        conclusion(report, &format!("{row} * * *")) == Conclusion::AsExpected
    };
    assert!(passes(&report, "arm64 6.12 migration-read+young+dirty"));
    assert!(passes(&report, "* *.12 *+dirty"));
    for other in ["arm64 6.1 *", "arm6 * *", "rm64 * *", "arm64 6?12 *", "* * migration-read", "kernel * *"] {
        assert!(!passes(&report, other), "{other}");
    }
    report.rows[0].mmu = Some("hash".to_owned());
    assert!(passes(&report, "arm64/hash * *") && passes(&report, "arm64* * *"));
    assert!(!passes(&report, "arm64 * *"));
}

#[test]
fn a_line_that_says_nothing_is_an_error() {
    let six = "where six are needed: PLATFORM LINUX ENTRY WRITER WALKER FINDING";
    assert_eq!(error("\n# comment\narm64 6.1 * * *\n"), format!("known.txt, line 3: 5 words {six}"));
    assert_eq!(error("arm64"), format!("known.txt, line 1: 1 word {six}"));
    assert_eq!(error("* * * * * * *"), format!("known.txt, line 1: 7 words {six}"));
    let unknown = error("* * * * * swap-become-present");
    let nearest =
        "known.txt, line 1: no finding is named swap-become-present; the nearest are swap-becomes-present, ";
    assert!(unknown.starts_with(nearest), "{unknown}");
    for no_finding in ["swap-?ecomes-present", "SWAP-*", "*-absent", "bits"] {
        assert!(error(&format!("* * * * * {no_finding}")).contains("no finding is named"), "{no_finding}");
    }
    assert_eq!(error("* * arm\u{7}64 * * *"), "known.txt, line 1: character \\u{7}, which is in no name");
    // Such a list results from joining two lists of an editor that begins its files with this character.
    assert_eq!(
        error("* * * * * bits-lost\n\u{feff}* * * * * bits-lost\n"),
        "known.txt, line 2: character \\u{feff}, which is in no name"
    );
    let named = Expectations::parse("a\nb", "x").unwrap_err().to_string();
    assert!(!named.contains('\n'), "{named}");
}

#[test]
fn a_list_has_bounds() {
    let line = format!("# {}", "x".repeat(MAX_LINE - 2));
    list(&line);
    assert_eq!(error(&format!("{line}x")), "known.txt, line 1: 1001 bytes, of which a line has at most 1000");
    list(&"\n".repeat(MAX_LINES));
    let too_many = error(&"\n".repeat(MAX_LINES + 1));
    assert!(too_many.starts_with("known.txt, line 4001: a list has at most 4000 lines"), "{too_many}");
}

#[test]
fn editors_may_end_lines_and_begin_files_as_they_do() {
    let text = format!("\u{feff}{}", ALL_FOUND.replace('\n', "\r\n").replace(' ', "\t"));
    assert_eq!(conclusion(&known_comparison(), &text), Conclusion::AsExpected);
}

/// Generates a line of a list, or something like it.
fn any_line() -> impl Strategy<Value = String> {
    let word = prop_oneof![Just("*".to_owned()), Just("swap-*".to_owned()), nasty(), any::<String>()];
    prop::collection::vec(word, 0..8).prop_map(|words| words.join(" "))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(debug_assertions) { 64 } else { 2000 }))]

    #[test]
    fn reading_and_judging_never_panics(lines in prop::collection::vec(any_line(), 0..8), report in nasty_comparison()) {
        match Expectations::parse("list", &lines.join("\n")) {
            Ok(expectations) => {
                Judged::new(&report, &expectations).conclusion();
            }
            Err(error) => prop_assert!(error.to_string().chars().all(|c| c != '\n' && c != '\r')),
        }
    }

    #[test]
    fn any_text_can_be_read(text in any::<String>()) {
        let _ = Expectations::parse("list", &text);
    }
}
