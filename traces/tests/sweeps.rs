//! The sweeps of a batch, in the formats of comparisons.

use anstream::adapter::strip_str;
use pmdscope_traces::results::expect::Expectations;
use pmdscope_traces::results::{Conclusion, Judged, junit, ktap};
use pmdscope_traces::sweep::{FixedField, SweepReport};
use pmdscope_traces::{CompareReport, Verdict, json, markdown, text};

const SWEEP: &str = include_str!("reports/sweep.json");
const COMPARISON: &str = include_str!("reports/compare.json");

/// Returns three sweeps: one with findings, one that was not run to its end, and one whose control failed.
fn sweeps() -> CompareReport {
    let found: SweepReport = serde_json::from_str(SWEEP).unwrap();
    let stopped = SweepReport {
        entries: "swap".to_owned(),
        ran: None,
        classes: Vec::new(),
        incomplete: Some("what it does was not learned".to_owned()),
        verdict: Verdict::Unknown,
        ..found.clone()
    };
    let not_of_this_encoding = SweepReport {
        arch: "ppc64".to_owned(),
        mmu: Some("hash".to_owned()),
        disagreements: vec!["of 0x1 the guest says present, the model swap".to_owned()],
        verdict: Verdict::Unknown,
        ..found.clone()
    };
    let mut report = CompareReport::new("pmdscope 0.1.0", Vec::new(), Vec::new());
    report.sweeps = vec![found, stopped, not_of_this_encoding];
    report
}

fn list(text: &str) -> Expectations {
    Expectations::parse("list", text).unwrap()
}

#[test]
fn sweeps_are_a_table_of_their_own() {
    let expected = "\
arch        linux  every entry of  writer           entries      with findings  verdict
arm64       6.12   migration       pmdp_invalidate  2^53 - 2^51  2^53 - 2^51    swap-becomes-present
arm64       6.12   swap            pmdp_invalidate  2^53 - 2^51  ?              unknown
ppc64 hash  6.12   migration       pmdp_invalidate  2^53 - 2^51  ?              unknown

Of all entries of a set, after the writer alone:
  swap-becomes-present: pmdp_invalidate over migration, on 2^53 - 2^51 entries
      arm64 6.12
Unknown: a bound was hit or a control failed:
  pmdp_invalidate over swap: incomplete: what it does was not learned
      arm64 6.12
  pmdp_invalidate over migration: control failed: of 0x1 the guest says present, the model swap
      ppc64 hash 6.12
3 sweeps: 1 with findings, 0 pass, 2 unknown.
";
    assert_eq!(strip_str(&text::compare(&sweeps(), None)).to_string(), expected);
}

#[test]
fn in_a_narrow_terminal_they_stand_one_under_the_other() {
    let said = strip_str(&text::compare(&sweeps(), Some(60))).to_string();
    assert!(said.lines().all(|line| line.chars().count() <= 60), "{said}");
    let cards = "\
arm64 6.12 every entry of migration
  pmdp_invalidate:
    swap-becomes-present
    2^53 - 2^51 entries, 2^53 - 2^51 with findings
arm64 6.12 every entry of swap
  pmdp_invalidate:
    unknown
    2^53 - 2^51 entries, ? with findings
";
    assert!(said.starts_with(cards), "{said}");
}

#[test]
fn runs_and_sweeps_have_a_table_each() {
    let mut report: CompareReport = serde_json::from_str(COMPARISON).unwrap();
    let runs = [strip_str(&text::compare(&report, None)).to_string(), markdown::compare(&report)];
    report.sweeps = sweeps().sweeps;
    let both = [strip_str(&text::compare(&report, None)).to_string(), markdown::compare(&report)];
    for (runs, both) in runs.iter().zip(&both) {
        let (table, _) = runs.split_once("\n\n").unwrap();
        assert!(both.starts_with(table), "{both}");
        assert!(both.contains("every entry of"), "{both}");
        assert!(both.contains("unknown. 3 sweeps: 1 with findings, 0 pass, 2 unknown."), "{both}");
    }
}

#[test]
fn json_has_them_whole_and_is_read_again() {
    let report = sweeps();
    let written = json::pretty(&report).unwrap();
    let read: CompareReport = serde_json::from_str(&written).unwrap();
    assert_eq!(read.sweeps, report.sweeps);
    // A comparison without sweeps is written as before there were any.
    let written = json::pretty(&CompareReport::new("pmdscope 0.1.0", Vec::new(), Vec::new())).unwrap();
    assert!(!written.contains("sweeps"), "{written}");
}

#[test]
fn they_are_test_cases_without_a_walker() {
    let expected = "\
KTAP version 1
1..2
# pmdscope 0.1.0
  KTAP version 1
  1..2
  # swap-becomes-present: on 6755399441055744 entries (2^53 - 2^51) of the set migration, such as 0x0000000000000600
  # to expect it: arm64 6.12 sweep:migration pmdp_invalidate none swap-becomes-present
  # to run it again: pmdscope sweep --arch arm64 --linux 6.12 --entries migration --writer pmdp_invalidate
  not ok 1 sweep:migration pmdp_invalidate none # swap-becomes-present
  # incomplete: what it does was not learned
  # to run it again: pmdscope sweep --arch arm64 --linux 6.12 --entries migration --writer pmdp_invalidate
  not ok 2 sweep:swap pmdp_invalidate none # ERROR incomplete: what it does was not learned
not ok 1 arm64 6.12
  KTAP version 1
  1..1
  # control failed: of 0x1 the guest says present, the model swap
  # to run it again: pmdscope sweep --arch arm64 --linux 6.12 --entries migration --writer pmdp_invalidate
  not ok 1 sweep:migration pmdp_invalidate none # ERROR control failed: of 0x1 the guest says present, the model swap
not ok 2 ppc64/hash 6.12
";
    assert_eq!(ktap::compare(&sweeps(), &list("")), expected);
    let junit = junit::compare(&sweeps(), &list("")).unwrap();
    assert!(junit.contains(r#"tests="3" failures="1" errors="2""#), "{junit}");
}

#[test]
fn a_list_can_expect_what_a_sweep_finds_and_nothing_makes_the_unknown_pass() {
    let mut report = sweeps();
    let line = list("arm64 6.12 sweep:migration pmdp_invalidate none swap-becomes-present");
    assert_eq!(Judged::new(&report, &line).conclusion(), Conclusion::Unknown);
    let all = list("* * * * * *");
    assert_eq!(Judged::new(&report, &all).conclusion(), Conclusion::Unknown);
    report.sweeps.truncate(1);
    assert_eq!(Judged::new(&report, &line).conclusion(), Conclusion::AsExpected);
    assert_eq!(Judged::new(&report, &list("")).conclusion(), Conclusion::Unexpected);
    let stale = list("arm64 6.12 sweep:* * none *\narm64 6.12 sweep:* * * present-lost");
    assert_eq!(Judged::new(&report, &stale).conclusion(), Conclusion::Unexpected);
}

#[test]
fn names_from_a_file_do_nothing_to_a_terminal() {
    let mut report = sweeps();
    let harmful = "\u{1b}[2J\u{7}\nx".to_owned();
    for sweep in &mut report.sweeps {
        sweep.writer.clone_from(&harmful);
        sweep.entries.clone_from(&harmful);
        sweep.linux.clone_from(&harmful);
        sweep.guest.name.clone_from(&harmful);
        sweep.command.clone_from(&harmful);
        sweep.disagreements = vec![harmful.clone()];
        if let Some(class) = sweep.classes.first_mut() {
            class.parts[0].fields.push(FixedField {
                field: Some(harmful.clone()),
                bits: harmful.clone(),
                value: harmful.clone(),
            });
        }
    }
    let texts = report.sweeps.iter().map(text::sweep);
    let texts = texts.chain([None, Some(60)].map(|columns| text::compare(&report, columns)));
    for text in texts.chain([markdown::compare(&report), ktap::compare(&report, &list(""))]) {
        assert!(!text.contains("\u{1b}[2J") && !text.contains('\u{7}'), "{text:?}");
        assert!(!text.contains("\nx"), "{text:?}");
    }
}
