//! The KUnit tests that are written for the kernel tree.

use std::path::PathBuf;
use std::{env, fs};

use pmdscope_arches::EntryKind;
use pmdscope_traces::kunit::{self, NoKunit};
use pmdscope_traces::{
    Control, EntryName, Event, EventKind, FindingName, Hex, KernelFacts, RunReport, SplitGuard, Trace,
};
use similar::TextDiff;

const REPORTS: [&str; 4] = ["arm64-6.1", "arm64-6.12", "ppc64le-6.12", "x86_64-6.1"];

fn file(name: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "tests", name].iter().collect()
}

fn report(name: &str) -> RunReport {
    let text = fs::read_to_string(file(&format!("reports/{name}.json"))).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// Returns the index of the behaviour that shows the first finding.
fn showing(report: &RunReport) -> usize {
    let schedule = &report.findings[0].schedule;
    report.traces.iter().position(|trace| trace.schedule == *schedule).unwrap()
}

fn trace(report: &RunReport) -> Trace {
    report.traces[showing(report)].clone()
}

fn test(report: &RunReport) -> Result<String, NoKunit> {
    kunit::test(report, &trace(report))
}

/// Writes the test of a report after a change to it.
fn changed(name: &str, change: impl FnOnce(&mut RunReport)) -> Result<String, NoKunit> {
    let mut report = report(name);
    let trace = trace(&report);
    change(&mut report);
    kunit::test(&report, &trace)
}

#[track_caller]
fn assert_has(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "no '{part}' in:\n{text}");
    }
}

#[track_caller]
fn assert_lacks(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(!text.contains(part), "'{part}' in:\n{text}");
    }
}

#[test]
fn tests_are_as_recorded() {
    for name in REPORTS {
        let text = test(&report(name)).unwrap();
        let golden = file(&format!("kunit/{name}.c"));
        if env::var_os("UPDATE_GOLDEN").is_some() {
            fs::write(&golden, &text).unwrap();
        }
        let recorded = fs::read_to_string(&golden).unwrap_or_default();
        let diff = TextDiff::from_lines(&recorded, &text);
        assert!(recorded == text, "{name}:\n{}", diff.unified_diff());
    }
}

#[test]
fn style_is_the_kernels() {
    for name in REPORTS {
        let text = changed(name, |report| report.writer = "pmdp_invalidate_ad".to_owned()).unwrap();
        assert!(
            text.is_ascii()
                && text.ends_with('\n')
                && text.starts_with("// SPDX-License-Identifier: GPL-2.0\n")
        );
        for line in text.lines() {
            let columns = line.chars().fold(0, |at, c| if c == '\t' { (at / 8 + 1) * 8 } else { at + 1 });
            assert!(columns <= 80, "{name}: {columns} columns: {line}");
            assert_eq!(line, line.trim_end(), "{name}");
            assert!(!line.starts_with("  "), "{name}: indented by spaces: {line}");
        }
        assert!(!text.contains("\n\n\n"), "{name}");
        let (open, close) = (text.matches('{').count(), text.matches('}').count());
        assert_eq!(open, close, "{name}");
    }
}

#[test]
fn names_are_those_of_the_version() {
    let at = |linux: &str, entry: EntryKind| {
        changed("arm64-6.12", |report| {
            report.linux = linux.to_owned();
            report.entry = EntryName::Kind(entry);
        })
    };
    let old = at("5.10", EntryKind::MigrationWrite).unwrap();
    assert_has(
        &old,
        &["swp_entry(SWP_MIGRATION_WRITE, RUN_PFN)", "is_pmd_migration_entry(", "<linux/swapops.h>"],
    );
    // KUnit of 5.10 does not know QEMU, and its only function that builds the entry takes a locked page.
    assert_lacks(&old, &["make_", "kunit.py", "kunit_skip"]);
    assert_eq!(
        at("5.10", EntryKind::MigrationReadExclusive).unwrap_err(),
        NoKunit::NotMigration(EntryName::Kind(EntryKind::MigrationReadExclusive))
    );

    for linux in ["6.1", "6.18"] {
        let read = at(linux, EntryKind::MigrationRead).unwrap();
        assert_has(
            &read,
            &["make_readable_migration_entry(RUN_PFN)", "pmd_to_swp_entry(", "<linux/swapops.h>"],
        );
        let exclusive = at(linux, EntryKind::MigrationReadExclusive).unwrap();
        assert_has(&exclusive, &["make_readable_exclusive_migration_entry(RUN_PFN)"]);
    }

    for linux in ["6.19", "7.2"] {
        let new = at(linux, EntryKind::MigrationWrite).unwrap();
        assert_has(
            &new,
            &["make_writable_migration_entry(RUN_PFN)", "pmd_is_migration_entry(", "<linux/leafops.h>"],
        );
        assert_has(&new, &["softleaf_from_pmd("]);
        assert_lacks(&new, &["is_pmd_migration_entry(", "pmd_to_swp_entry(", "swapops.h"]);
    }

    assert!(matches!(at("9.1", EntryKind::MigrationRead), Err(NoKunit::Version(_))));
}

#[test]
fn the_step_is_that_of_the_architecture() {
    for name in ["arm64-6.1", "x86_64-6.1"] {
        let text = test(&report(name)).unwrap();
        assert_has(&text, &["pmd_mkinvalid(before)", "pmdp_invalidate(&vma, 0, pmdp)"]);
        assert_lacks(&text, &["radix", "PAGE_SHIFT"]);
    }
    let radix = test(&report("ppc64le-6.12")).unwrap();
    assert_has(
        &radix,
        &["pmdp_invalidate(&vma, 0, pmdp)", "(bool)radix_enabled(), true", "PAGE_SHIFT == 16"],
    );
    assert_lacks(&radix, &["pmd_mkinvalid"]);
    let hash = changed("ppc64le-6.12", |report| report.mmu = Some("hash".to_owned())).unwrap();
    assert_has(&hash, &["(bool)radix_enabled(), false", "pmdscope_ppc64le_hash_swap_becomes_present"]);

    for arch in ["s390x", "sparc64"] {
        let refused = changed("arm64-6.1", |report| report.arch = arch.to_owned()).unwrap_err();
        assert_eq!(refused, NoKunit::Arch(arch.to_owned()));
        assert!(refused.to_string().contains(arch));
    }
}

#[test]
fn the_writer_says_what_is_called() {
    let of = |writer: &str| changed("arm64-6.1", |report| report.writer = writer.to_owned());
    assert_has(&of("pmdp_invalidate_ad").unwrap(), &["= pmdp_invalidate_ad(&vma, 0, pmdp)"]);
    assert_has(&of("pmdp_invalidate_checked").unwrap(), &["= pmdp_invalidate(&vma, 0, pmdp)"]);
    assert_eq!(of("split-guarded").unwrap_err(), NoKunit::NotInvalidated);
}

#[test]
fn what_is_expected_is_what_was_seen() {
    let present = test(&report("arm64-6.1")).unwrap();
    assert_has(
        &present,
        &["KUNIT_EXPECT_TRUE(test, pmd_present(after))", "(bool)pmd_trans_huge(after), true"],
    );
    assert_lacks(&present, &["RUN_SEEN_PFN"]);
    let mapped = changed("arm64-6.1", |report| {
        for view in &mut report.views {
            view.entry.predicates.trans_huge = false;
        }
        report.stored.clear();
    });
    assert_has(&mapped.unwrap(), &["(bool)pmd_trans_huge(after), false"]);

    let otherwise = test(&report("x86_64-6.1")).unwrap();
    assert_has(
        &otherwise,
        &["RUN_SEEN_PFN\t0x81ff8UL", "KUNIT_EXPECT_EQ(test, swp_type(is), swp_type(was))"],
    );
    assert_has(&otherwise, &["KUNIT_EXPECT_FALSE(test, pmd_present(after))"]);
    let other_type = changed("x86_64-6.1", |report| {
        report.before.swap.as_mut().unwrap().kind += 1;
    });
    assert_has(&other_type.unwrap(), &["KUNIT_EXPECT_NE(test, swp_type(is), swp_type(was))"]);
}

#[test]
fn a_test_says_where_it_is_from() {
    for name in REPORTS {
        let report = report(name);
        let text = test(&report).unwrap();
        let said = text.replace("\n *             ", " ");
        assert_has(&said, &[&report.encoding, &report.guest.sha256, &report.command, &report.walker]);
        assert_has(&said, &[&report.findings[0].explanation, &report.findings[0].schedule]);
        assert_has(&text, &["PASSES", &format!("Linux {} as {}", report.linux, kunit::FILE)]);
    }
}

#[test]
fn a_name_cannot_end_the_comment() {
    let text = changed("arm64-6.1", |report| report.guest.name = "*/ /* \u{fc}\n#error".to_owned()).unwrap();
    assert!(text.is_ascii());
    assert_eq!(text.matches("*/").count(), test(&report("arm64-6.1")).unwrap().matches("*/").count());
    assert_lacks(&text, &["\n#error"]);
    let long = changed("arm64-6.1", |report| report.guest.name = "x".repeat(300)).unwrap();
    let longest = long.lines().max_by_key(|line| line.len()).unwrap();
    assert!(longest.len() <= 80, "{longest}");
}

/// Writes the test of a kernel's run, in which this function, if any, was called before the view was stored.
fn of_a_kernel(called: Option<&str>, passed: bool) -> Result<String, NoKunit> {
    let mut report = report("arm64-6.1");
    let at = showing(&report);
    let control = Control { what: "a walk".to_owned(), outcome: "nothing".to_owned(), passed };
    report.writer = "split".to_owned();
    report.kernel = Some(KernelFacts {
        writer_function: "__split_huge_pmd".to_owned(),
        walker_function: None,
        split: SplitGuard::Vulnerable,
        stored_before_table: Vec::new(),
        invalidated: Vec::new(),
        warnings: Vec::new(),
        controls: vec![control],
        stubs: Vec::new(),
        assumptions: Vec::new(),
        shared: Vec::new(),
    });
    if let Some(function) = called {
        let what = EventKind::Call { function: function.to_owned(), entry: report.before.value };
        let event = Event { cpu: 0, pc: Hex(0), symbol: String::new(), instruction: String::new(), what };
        report.traces[at].events.insert(0, event);
    }
    test(&report)
}

#[test]
fn a_kernel_has_to_call_it() {
    assert_has(&of_a_kernel(Some("pmdp_invalidate_ad"), true).unwrap(), &["pmdp_invalidate_ad(&vma"]);
    assert_eq!(of_a_kernel(None, true).unwrap_err(), NoKunit::NotInvalidated);
    assert_eq!(of_a_kernel(Some("pmdp_huge_clear_flush"), true).unwrap_err(), NoKunit::NotInvalidated);
    assert_eq!(of_a_kernel(Some("pmdp_invalidate"), false).unwrap_err(), NoKunit::ControlFailed);
}

#[test]
fn a_behaviour_that_shows_nothing_makes_no_test() {
    let report = report("arm64-6.1");
    let other = report.traces.iter().find(|trace| trace.schedule != report.findings[0].schedule).unwrap();
    let refused = kunit::test(&report, other).unwrap_err();
    assert_eq!(
        refused,
        NoKunit::NotShown { schedule: other.schedule.clone(), shown_by: report.findings[0].schedule.clone() }
    );

    let nothing = changed("arm64-6.1", |report| report.findings.clear());
    assert_eq!(nothing.unwrap_err(), NoKunit::NothingFound);
    let odd = changed("arm64-6.1", |report| report.disagreements.push("pmd_present()".to_owned()));
    assert_eq!(odd.unwrap_err(), NoKunit::ControlFailed);
}

#[test]
fn what_is_no_step_on_a_migration_entry_makes_no_test() {
    for name in [FindingName::PresentLost, FindingName::BitsLost, FindingName::SwapBuiltPresent] {
        let refused = changed("arm64-6.1", |report| {
            report.findings.truncate(1);
            report.findings[0].name = name;
        });
        assert_eq!(refused.unwrap_err(), NoKunit::NotOneStep(name));
    }
    for entry in [EntryName::Kind(EntryKind::Swap), EntryName::Value, EntryName::Kind(EntryKind::PresentHuge)]
    {
        let refused = changed("arm64-6.1", |report| report.entry = entry);
        assert_eq!(refused.unwrap_err(), NoKunit::NotMigration(entry));
    }
    let marked = changed("arm64-6.1", |report| report.marks = vec!["young".to_owned(), "dirty".to_owned()]);
    assert_eq!(marked.unwrap_err(), NoKunit::Marked("young dirty".to_owned()));
}

#[test]
fn what_two_steps_made_makes_no_test() {
    let mut report = report("arm64-6.1");
    let at = showing(&report);
    for event in &mut report.traces[at].events {
        if let EventKind::Atomic { before, .. } = &mut event.what {
            before.0 |= 1 << 55;
        }
    }
    assert_eq!(test(&report).unwrap_err(), NoKunit::NotInvalidated);
}

#[test]
fn refusals_are_one_line() {
    let refusals = [
        NoKunit::ControlFailed,
        NoKunit::NothingFound,
        NoKunit::NotShown { schedule: "W1 K1".to_owned(), shown_by: "W3 K1".to_owned() },
        NoKunit::NotOneStep(FindingName::BitsLost),
        NoKunit::NotMigration(EntryName::Value),
        NoKunit::Marked("young".to_owned()),
        NoKunit::NotInvalidated,
        NoKunit::Arch("s390x".to_owned()),
        NoKunit::Lacks("the bits of the swap offset"),
    ];
    let lines: Vec<String> = refusals.iter().map(ToString::to_string).collect();
    assert!(lines.iter().all(|line| !line.contains('\n') && line.is_ascii()), "{lines:#?}");
    assert!(lines[3].starts_with("bits-lost "), "{}", lines[3]);
}
