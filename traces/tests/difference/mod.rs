//! What differs between two builds of a kernel, and the report of a change.

use pmdscope_traces::difference::{self, Difference, RowChange, Side};
use pmdscope_traces::patch::{self, LeftOut, PatchConclusion, PatchPair, PatchReport};
use pmdscope_traces::{CompareReport, FindingName, Hex, RunReport, Severity, SplitGuard, Verdict, text};

const KERNEL: &str = include_str!("../page/reports/kernel.json");

/// A run of a split without the fix, in a build with this label.
fn vulnerable(label: &str) -> RunReport {
    let mut row: RunReport = serde_json::from_str(KERNEL).unwrap();
    row.guest.label = Some(label.to_owned());
    row
}

/// A run of a split with the fix.
fn fixed(label: &str) -> RunReport {
    let mut row = vulnerable(label);
    row.findings.clear();
    row.stored.retain(|stored| stored.entry.is_table());
    row.views.retain(|view| view.entry.value == row.before.value || view.entry.is_table());
    row.outcomes.truncate(1);
    if let Some(kernel) = &mut row.kernel {
        kernel.split = SplitGuard::Guarded;
        kernel.invalidated.clear();
    }
    RunReport { verdict: Verdict::Pass, ..row }
}

/// A run that was not completed.
fn unknown(label: &str) -> RunReport {
    let incomplete = Some("under schedule W1 a routine reached the bound on instructions".to_owned());
    RunReport { verdict: Verdict::Unknown, incomplete, ..fixed(label) }
}

fn between(before: &RunReport, after: &RunReport) -> Difference {
    difference::between(&[before], &[after]).unwrap()
}

fn report(before: &[RunReport], after: &[RunReport]) -> PatchReport {
    let names = |name: &str| vec![name.to_owned()];
    let left_out = vec![
        LeftOut::Entries { lacking: vec![Side::Before, Side::After], names: names("devmap") },
        LeftOut::Routines { lacking: vec![Side::After], names: names("follow-page") },
        LeftOut::NoCaller { runs: 12 },
    ];
    let pair = PatchPair::new(before, after, names("split"), names("gup-fast-read"), left_out).unwrap();
    PatchReport::new("pmdscope 0.1.0", vec![pair], "pmdscope patch before/vmlinux after/vmlinux".to_owned())
}

/// Two builds of one source have other addresses, and so other instructions and numbers of schedules.
#[test]
fn numbers_of_a_build_are_no_difference() {
    let before = vulnerable("before");
    let mut other = vulnerable("after");
    for stored in &mut other.stored {
        stored.pc = Hex(stored.pc.0 + 0x40);
        stored.symbol = format!("{}0", stored.symbol);
        stored.instruction = "another".to_owned();
    }
    for outcome in other.outcomes.iter_mut().chain(&mut other.writer_outcomes) {
        outcome.schedules += &outcome.schedules.clone();
        outcome.schedule = "W9 K9".to_owned();
        outcome.ended = Some("raised exception 7 at 0x1234".to_owned());
    }
    for view in &mut other.views {
        view.schedules += &view.schedules.clone();
    }
    other.views.reverse();
    other.divergences.clear();
    other.schedules.behaviours += 7;
    // Where the page table lies.
    let text = serde_json::to_string(&other).unwrap().replace("0x0000000040003003", "0x0000000040009003");
    let other: RunReport = serde_json::from_str(&text).unwrap();
    assert_ne!(other.after, before.after, "the table lies elsewhere");
    let difference = between(&before, &other);
    assert!(difference.is_empty() && difference.unknown.is_empty(), "{difference:?}");
    assert_eq!(difference.same, 1);
    let mut compared = CompareReport::of_kernels("", vec![before, other], Vec::new(), Vec::new());
    let printed = text::compare(&compared, None);
    assert_eq!(
        printed.lines().next().map(strip),
        Some("Nothing differs between before and after in 1 run.".to_owned())
    );
    // The first kernel of an architecture has nothing to be compared with.
    compared.rows.truncate(1);
    assert_eq!(difference::from_first(&compared.rows), []);
}

fn strip(line: &str) -> String {
    anstream::adapter::strip_str(line).to_string()
}

#[test]
fn a_fix_and_a_fault_are_told_from_each_other() {
    let (before, after) = (vulnerable("before"), fixed("after"));
    let row = &between(&before, &after).rows[0];
    let gone: Vec<_> = row.gone_findings().iter().map(|finding| (finding.name, finding.severity)).collect();
    assert!(gone.contains(&(FindingName::SwapBecomesPresent, Severity::OddView)), "{gone:?}");
    assert!(row.new_findings().is_empty());
    let split = RowChange::Split { before: SplitGuard::Vulnerable, after: SplitGuard::Guarded };
    assert!(row.changes.contains(&split), "{:?}", row.changes);
    assert!(row.changes.iter().any(
        |change| matches!(change, RowChange::Stored { gone, new } if gone.len() == 1 && new.is_empty())
    ));
    assert!(row.changes.iter().any(|change| matches!(change, RowChange::Views { .. })));
    let conclusion = |before: &RunReport, after: &RunReport| {
        report(std::slice::from_ref(before), std::slice::from_ref(after)).conclusion
    };
    assert_eq!(conclusion(&before, &after), PatchConclusion::NothingNew);
    assert_eq!(conclusion(&after, &before), PatchConclusion::NewFindings);
    assert_eq!(conclusion(&before, &before), PatchConclusion::NothingNew);
}

/// What was not run to its end is neither gone nor the same.
#[test]
fn nothing_is_claimed_of_what_is_unknown() {
    for (before, after) in [
        (vulnerable("before"), unknown("after")),
        (unknown("before"), vulnerable("after")),
        (unknown("before"), unknown("after")),
        (fixed("before"), unknown("after")),
    ] {
        let difference = between(&before, &after);
        assert_eq!((difference.rows.len(), difference.same, difference.unknown.len()), (0, 0, 1));
        let report = report(&[before], &[after]);
        assert_eq!(report.conclusion, PatchConclusion::Unknown);
        let printed = patch::text(&report);
        assert!(
            strip(&printed).starts_with("UNKNOWN: nothing is newly found, but 1 of 1 run is not fully"),
            "{printed}"
        );
    }
    // A finding is one, though there may be more.
    let mut stopped = vulnerable("after");
    stopped.incomplete = Some("a bound was reached".to_owned());
    let report = report(&[fixed("before")], &[stopped]);
    assert_eq!(report.conclusion, PatchConclusion::NewFindings);
    assert_eq!(report.pairs[0].difference.unknown.len(), 1);
}

#[test]
fn the_worst_new_finding_comes_first() {
    let named = |mut row: RunReport, walker: &str, name: FindingName| {
        row.walker = walker.to_owned();
        if let Some(finding) = row.findings.first_mut() {
            finding.name = name;
        }
        row.findings.truncate(1);
        row
    };
    let odd = |row| named(row, "odd", FindingName::SwapBecomesPresent);
    let lost = |row| named(row, "lost", FindingName::EntryDestroyed);
    let gone = |row| named(row, "gone", FindingName::EntryDestroyed);
    let before = [odd(fixed("before")), gone(vulnerable("before")), lost(fixed("before"))];
    let after = [odd(vulnerable("after")), gone(fixed("after")), lost(vulnerable("after"))];
    let (before, after): (Vec<_>, Vec<_>) = (before.iter().collect(), after.iter().collect());
    let difference = difference::between(&before, &after).unwrap();
    let walkers: Vec<_> = difference.rows.iter().map(|row| row.run.walker.as_str()).collect();
    assert_eq!(walkers, ["lost", "odd", "gone"]);
}

#[test]
fn a_run_of_one_kernel_alone_is_named() {
    let mut more = fixed("after");
    more.walker = "hmm".to_owned();
    let (before, after) = (fixed("before"), fixed("after"));
    let difference = difference::between(&[&before], &[&after, &more]).unwrap();
    assert!(!difference.is_empty());
    assert_eq!(
        (difference.unmatched[0].side, difference.unmatched[0].run.walker.as_str()),
        (Side::After, "hmm")
    );
}

/// The text of a change, of which a part goes into changelogs.
#[test]
fn the_report_of_a_change_prints_what_it_did() {
    let marked = |mut row: RunReport| {
        row.marks = vec!["soft-dirty".to_owned()];
        row
    };
    let before = [vulnerable("before"), marked(vulnerable("before")), unknown("before")];
    let after = [fixed("after"), marked(vulnerable("after")), unknown("after")];
    let walkers = |rows: [RunReport; 3]| {
        let [one, two, three] = rows;
        [one, two, RunReport { walker: "hmm".to_owned(), ..three }]
    };
    let printed = strip(&patch::text(&report(&walkers(before), &walkers(after))));
    assert!(printed.lines().all(|line| line.chars().count() <= 75), "{printed}");
    let (_, paragraph) = printed.split_once("For the changelog or the mailing list:\n\n").unwrap();
    assert!(paragraph.lines().all(|line| line.chars().count() <= 72), "{paragraph}");
    let said = printed.split_whitespace().collect::<Vec<_>>().join(" ");
    for says in [
        "UNKNOWN: nothing is newly found, but 1 of 3 runs is not fully known, which is not a pass. No longer found: ",
        "no longer found: swap-becomes-present (odd view)",
        "split against gup-fast-read on migration-read",
        "the split is guarded, and was vulnerable",
        "not fully known: 1 run: before: 1 run (split against hmm on migration-read), incomplete: under schedule W1",
        "left out: entries that both kernels have not: devmap",
        "left out: follow-page, which the kernel after the change has not",
        "left out: 12 runs of writers on entries that no caller passes to them",
        "1 run could not be completed, so its result is unknown. To repeat it: pmdscope patch before/vmlinux after/vmlinux",
    ] {
        assert!(said.contains(says), "{says}: {said}");
    }
}

/// A file of a report may hold anything.
#[test]
fn a_name_that_would_do_harm_is_escaped() {
    let harmful = "\u{1b}[2J\u{202e}";
    let mut before = vulnerable(harmful);
    before.guest.name = harmful.to_owned();
    let printed = patch::text(&report(&[before.clone()], &[unknown("after")]));
    assert!(!strip(&printed).contains(['\u{1b}', '\u{202e}']), "{printed:?}");
    let compared = CompareReport::of_kernels("", vec![before, fixed("after")], Vec::new(), Vec::new());
    assert!(!strip(&text::compare(&compared, None)).contains('\u{202e}'));
}
