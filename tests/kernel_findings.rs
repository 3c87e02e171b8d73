//! What writers and walkers of real kernels do to mappings. Without kernels this test is reported as skipped.

use crate::common::kernels::{name, packages};
use crate::common::scratch::Scratch;
use crate::common::{command, finish};
use pmdscope_needs::Need;
use serde_json::Value;

/// No kernel's split or `pmdp_invalidate()` leaves a mapping valid or loses its marks.
///
/// The GUP-fast of three architectures takes a page while its mapping is invalidated, because their
/// `pmd_access_permitted()` does not check for that.
#[test]
fn writers_of_kernels_keep_marks_and_gup_fast_may_take_what_is_invalidated() {
    let cache = Scratch::new("kernel-findings");
    for kernel in packages(&[]) {
        for writer in ["split", "pmdp_invalidate"] {
            let path = kernel.to_str().expect("names of kernels are UTF-8");
            let entry = ["--entry", "present-huge", "--young", "--dirty"];
            let routines = ["--writer", writer, "--walker", "gup-fast-read"];
            let args = ["run", "--kernel", path, "--format", "json"];
            let args: Vec<&str> = args.into_iter().chain(entry).chain(routines).collect();
            let ran = finish(command(&args).env("XDG_CACHE_HOME", cache.path()));
            let report: Value = serde_json::from_str(&ran.stdout).expect("the report is JSON");
            let mut found: Vec<&str> = report["findings"]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(|finding| finding["name"].as_str())
                .collect();
            found.dedup();
            let takes = matches!(report["arch"].as_str(), Some("s390x" | "riscv64" | "loongarch64"));
            let expected: &[&str] = if takes { &["took-invalidated"] } else { &[] };
            assert_eq!(found, expected, "{} {writer}", name(&kernel));
        }
    }
}

/// What no finding names: a function of 6.12 keeps a reference when it cannot lock the page. In 7.2 it gives that back.
///
/// On riscv64 GUP-fast takes a page that is protnone, while it is invalidated.
#[test]
fn faults_that_nobody_named_are_found_by_the_orders() {
    let cache = Scratch::new("kernel-findings-of-no-order");
    let leaks = "--entry present-huge --young --dirty --writer madvise_free_huge_pmd --walker migrate_vma_collect_pmd";
    let takes = "--entry protnone --writer set_pmd_migration_entry --walker gup-fast-read";
    let (reference, page) = ("memory-lost", "wrong-page");
    for (of, line, severity) in [
        (["6.12", "arm64"], leaks, Some(reference)),
        (["7.2", "arm64"], leaks, None),
        (["6.12", "riscv64"], takes, Some(page)),
        (["6.12", "arm64"], takes, None),
        // Its ticket locks count how often they were taken, which differs between orders.
        (
            ["6.12", "riscv64"],
            "--entry present-huge --young --dirty --writer split --walker follow-page",
            None,
        ),
        // It releases the lock with which it is called. Called without, it releases that of the split.
        (
            ["6.12", "arm64"],
            "--entry present-huge --young --dirty --writer split_huge_pmd_locked --walker move_pages_huge_pmd",
            None,
        ),
    ] {
        let Some(kernel) = packages(&of).into_iter().next() else {
            Need::Kernels.skip("faults that nobody named are found");
            continue;
        };
        let path = kernel.to_str().expect("names of kernels are UTF-8");
        let args: Vec<&str> =
            ["run", "--kernel", path, "--format", "json"].into_iter().chain(line.split(' ')).collect();
        let ran = finish(command(&args).env("XDG_CACHE_HOME", cache.path()));
        let report: Value = serde_json::from_str(&ran.stdout).expect("the report is JSON");
        let all = report["findings"].as_array().into_iter().flatten();
        let of_no_order = all.filter(|finding| finding["name"] == "not-serializable");
        let severities: Vec<_> = of_no_order.filter_map(|finding| finding["severity"].as_str()).collect();
        assert_eq!(severities.first().copied(), severity, "{} {line}", name(&kernel));
        assert_ne!(report["verdict"], "unknown", "{} {line}", name(&kernel));
    }
}

/// A walker that takes the lock decides on what it reads under it, whatever it read before: `page_vma_mapped_walk()`
/// waits for a writer that has invalidated the entry, and for one whose callers replace the entry first.
#[test]
fn who_waits_for_the_lock_decides_on_what_is_there_then() {
    let cache = Scratch::new("kernel-findings-under-the-lock");
    for kernel in packages(&["5.10.0-30", "arm64"]).into_iter().chain(packages(&["7.2", "arm64"])) {
        let path = kernel.to_str().expect("names of kernels are UTF-8");
        for writer in ["change_huge_pmd", "pmdp_invalidate"] {
            let args = ["run", "--kernel", path, "--entry", "present-huge", "--format", "json"];
            let routines = ["--writer", writer, "--walker", "page-vma-mapped-walk"];
            let args: Vec<&str> = args.into_iter().chain(routines).collect();
            let ran = finish(command(&args).env("XDG_CACHE_HOME", cache.path()));
            let report: Value = serde_json::from_str(&ran.stdout).expect("the report is JSON");
            let (verdict, findings) = (&report["verdict"], &report["findings"]);
            assert_eq!(verdict, "pass", "{} {writer}: {findings}", name(&kernel));
        }
    }
}

/// Routines that write to an entry of another table have one each, as fork() and mremap() do. Functions of the kernel's
/// own tables are run against those alone that only read there, and those of other mappings not at all.
#[test]
fn what_a_process_excludes_is_not_found() {
    let cache = Scratch::new("kernel-findings-excluded");
    for kernel in packages(&["5.10.0-30", "arm64"]) {
        let path = kernel.to_str().expect("names of kernels are UTF-8");
        let run = ["run", "--kernel", path, "--entry", "migration-write", "--format", "json"];
        let args: Vec<&str> =
            run.into_iter().chain(["--writer", "copy_huge_pmd", "--walker", "move_huge_pmd"]).collect();
        let ran = finish(command(&args).env("XDG_CACHE_HOME", cache.path()));
        let report: Value = serde_json::from_str(&ran.stdout).expect("the report is JSON");
        assert_eq!(report["verdict"], "pass", "{}: {}", name(&kernel), report["findings"]);
        let survey = ["survey", "--kernel", path, "--entry", "present-huge", "--dry-run"];
        let pairs = finish(command(&survey).env("XDG_CACHE_HOME", cache.path())).stdout;
        let has = |writer: &str, walker: &str| {
            pairs.lines().any(|line| line.contains(&format!("  {writer}  {walker}")))
        };
        assert!(has("pmd_clear_huge", "pmd_free_pte_page"), "{pairs}");
        assert!(!has("pmd_clear_huge", "gup-fast-read"), "{pairs}");
        assert!(!has("pmd_clear_huge", "pmd_clear_huge"), "{pairs}");
        assert!(has("split", "change_protection") && !has("split", "huge_pte_offset"), "{pairs}");
        assert!(has("split", "gup-fast-read"), "{pairs}");
    }
}
