//! Kernels in the configurations of developers, which `script/kernels` builds. Without any, these tests are
//! reported as skipped.

use std::collections::BTreeSet;
use std::path::Path;

use crate::common::kernels::name;
use crate::common::scratch::Scratch;
use crate::common::{command, finish};
use serde_json::Value;

/// Runs a kernel's split on a migration entry, or on a mapping.
fn split(kernel: &Path, entry: &str) -> Value {
    let cache = Scratch::new("own-kernels");
    let path = kernel.to_str().expect("names of kernels are UTF-8");
    let args = ["run", "--kernel", path, "--entry", entry, "--walker", "gup-fast-read", "--format", "json"];
    let mut command = command(&args);
    let types = kernel.with_file_name(format!("{}.btf", name(kernel)));
    if types.is_file() {
        command.args(["--types", types.to_str().expect("so are those of types")]);
    }
    let ran = finish(command.env("XDG_CACHE_HOME", cache.path()));
    serde_json::from_str(&ran.stdout)
        .unwrap_or_else(|error| panic!("{}: {error}: {}", name(kernel), ran.stderr))
}

/// A kernel from whose split the fix was taken is vulnerable, and every other is guarded, whatever its configuration.
#[test]
fn the_fix_is_seen_in_every_configuration() {
    // A split that reaches a BUG() on such an entry, or breaks it in another way, says nothing of the fix.
    let others = ["+bug", "+touches-swap"];
    let kernels = pmdscope_needs::own_kernels().into_iter();
    for kernel in kernels.filter(|kernel| !others.iter().any(|form| name(kernel).contains(form))) {
        let report = split(&kernel, "migration-read");
        let reverted = name(&kernel).contains("+revert");
        let guard = if reverted { "vulnerable" } else { "guarded" };
        // On these the invalidated migration entry of a huge page is the same entry.
        let same = ["s390x", "riscv64"].iter().any(|arch| name(&kernel).starts_with(arch));
        let verdict = if reverted && !same { "findings" } else { "pass" };
        assert_eq!(report["kernel"]["split"], guard, "{}: {}", name(&kernel), report["incomplete"]);
        assert_eq!(report["verdict"], verdict, "{}: {}", name(&kernel), report["incomplete"]);
        let stored = report["kernel"]["stored_before_table"].as_array().expect("a list").len();
        assert_eq!(stored > 0, reverted, "{}: {}", name(&kernel), report["kernel"]["stored_before_table"]);
    }
}

/// The warning that the fix added fires where the fix was taken out of the split alone, and the run goes on after it.
#[test]
fn a_warning_is_an_event_with_its_place() {
    let planted = ["+bug", "+warn"];
    let kernels = pmdscope_needs::own_kernels().into_iter();
    for kernel in kernels.filter(|kernel| !planted.iter().any(|form| name(kernel).contains(form))) {
        let report = split(&kernel, "migration-read");
        let warnings = report["kernel"]["warnings"].as_array().expect("a list");
        let checks = ["debug-vm+revert", "page-table-check+revert"];
        let warns = checks.iter().any(|part| name(&kernel).contains(part));
        assert_eq!(!warnings.is_empty(), warns, "{}: {warnings:?}", name(&kernel));
        for warning in warnings {
            let place = warning["place"].as_str().expect("a place");
            let places = ["mm/pgtable-generic.c:", "arch/s390/include/asm/pgtable.h:"];
            assert!(places.iter().any(|known| place.starts_with(known)), "{}: {place}", name(&kernel));
        }
    }
}

/// With CONFIG_PAGE_TABLE_CHECK pmdp_invalidate() of s390x clears a bit that a swap entry has in its offset. The bit is 0 in
/// a migration entry of a huge page, which begins at a multiple of its size.
#[test]
fn a_swap_offset_that_loses_a_bit_is_found() {
    let mut kernels = pmdscope_needs::own_kernels().into_iter();
    let Some(kernel) = kernels.find(|kernel| name(kernel) == "s390x-page-table-check+revert") else {
        return;
    };
    let path = kernel.to_str().expect("names of kernels are UTF-8");
    let args = ["run", "--kernel", path, "--pmd", "0x812047b0", "--writer", "split"];
    let ran = finish(&mut command(&[&args[..], &["--walker", "gup-fast-read"]].concat()));
    assert_eq!(ran.status, Some(1), "{}{}", ran.stdout, ran.stderr);
    assert!(ran.stdout.contains("FINDING swap-decodes-differently"), "{}", ran.stdout);
}

/// A pmdp_invalidate() that loads and stores loses the marks of the MMU, and no other kernel's does.
#[test]
fn a_plain_store_loses_what_the_mmu_marks() {
    // On s390x no hardware marks PMDs, and on LoongArch pmdp_establish() is a plain store in every kernel.
    let others = ["s390x", "loongarch64"];
    for kernel in pmdscope_needs::own_kernels() {
        let is_planted = name(&kernel).contains("+plain-store");
        let is_other = others.iter().any(|arch| name(&kernel).starts_with(arch));
        if is_other || !is_planted && !name(&kernel).ends_with("-base") {
            continue;
        }
        let path = kernel.to_str().expect("names of kernels are UTF-8");
        let args = ["run", "--kernel", path, "--no-cache", "--entry", "present-huge"];
        let race = ["--writer", "pmdp_invalidate", "--walker", "mmu-store", "--format", "json"];
        let ran = finish(&mut command(&[&args[..], &race].concat()));
        let report: Value = serde_json::from_str(&ran.stdout).expect("the program prints JSON");
        assert_eq!(report["incomplete"], Value::Null, "{}", name(&kernel));
        let outcomes = report["outcomes"].as_array().expect("a list");
        assert!(
            outcomes.iter().any(|outcome| outcome["result"] == "marked"),
            "{}: {outcomes:?}",
            name(&kernel)
        );
        let found: Vec<&Value> =
            report["findings"].as_array().expect("a list").iter().map(|finding| &finding["name"]).collect();
        let expected: &[&str] = if is_planted { &["bits-lost"] } else { &[] };
        assert_eq!(found, expected, "{}", name(&kernel));
    }
}

/// A run that calls a function which is in no object of its kernel is unknown, and says which.
#[test]
fn what_is_in_no_object_makes_a_run_unknown() {
    let Some(kernel) = pmdscope_needs::own_kernels().into_iter().find(|kernel| name(kernel) == "arm64-base")
    else {
        return;
    };
    let path = kernel.to_str().expect("names of kernels are UTF-8");
    let listed = finish(&mut command(&["kernel", "list-functions", path, "--no-cache", "--format", "json"]));
    let listed: Value = serde_json::from_str(&listed.stdout).expect("the program prints JSON");
    let lacks = |seen: &Value| {
        let ended = seen["ended"].as_str().unwrap_or_default();
        ended.contains("which is in no object of this kernel")
    };
    let functions = listed["functions"].as_array().expect("a list");
    let found = functions.iter().find_map(|function| {
        let seen = function["seen"].as_array()?.iter().find(|seen| lacks(seen))?;
        Some((function["name"].as_str()?, seen["entry"].as_str()?))
    });
    let (function, entry) = found.expect("a few objects lack something that one of their functions needs");
    let args =
        ["run", "--kernel", path, "--no-cache", "--entry", entry, "--writer", function, "--walker", "none"];
    let ran = finish(&mut command(&args));
    assert_eq!(ran.status, Some(3), "{function} on {entry}: {}{}", ran.stdout, ran.stderr);
    let said = ran.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(said.contains("which is in no object of this kernel: objects --with "), "{said}");
    assert!(!said.contains("PASS"), "{said}");
}

/// The types of another configuration are refused where the kernel's own say so.
#[test]
fn types_of_another_configuration_are_refused() {
    let kernels = pmdscope_needs::own_kernels();
    let named = |wanted: &str| kernels.iter().find(|kernel| name(kernel) == wanted);
    let (Some(kernel), Some(other)) = (named("arm64-no-memcg"), named("arm64-base+btf-file")) else { return };
    let types = other.with_file_name("arm64-base+btf-file.btf");
    let [kernel, types] = [kernel, &types].map(|path| path.to_str().expect("names are UTF-8"));
    let args =
        ["run", "--kernel", kernel, "--types", types, "--entry", "present-huge", "--walker", "gup-fast-read"];
    let ran = finish(&mut command(&args));
    assert_eq!((ran.status, ran.stdout.as_str()), (Some(2), ""));
    assert!(ran.stderr.contains("the types of another kernel: "), "{}", ran.stderr);
}

/// A split that reaches a BUG() is unknown, with its place, and never a pass.
#[test]
fn a_bug_is_unknown_with_its_place() {
    for kernel in pmdscope_needs::own_kernels().into_iter().filter(|kernel| name(kernel).contains("+bug")) {
        let report = split(&kernel, "migration-read");
        assert_eq!(report["verdict"], "unknown", "{}", name(&kernel));
        assert_eq!(report["kernel"]["split"], "unknown", "{}", name(&kernel));
        let why = report["incomplete"].as_str().expect("a reason");
        assert!(why.contains("reached a BUG() at mm/huge_memory.c:"), "{}: {why}", name(&kernel));
    }
}

/// A split that prints and warns with a message runs to its end, and what was not run is told.
#[test]
fn what_a_kernel_prints_is_not_run_and_told() {
    for kernel in pmdscope_needs::own_kernels().into_iter().filter(|kernel| name(kernel).contains("+warn")) {
        let report = split(&kernel, "migration-read");
        let facts = &report["kernel"];
        assert_eq!(report["verdict"], "pass", "{}: {}", name(&kernel), report["incomplete"]);
        let place = facts["warnings"][0]["place"].as_str().expect("a place");
        assert!(place.starts_with("mm/huge_memory.c:"), "{}: {place}", name(&kernel));
        let stubs: Vec<&str> = facts["stubs"]
            .as_array()
            .expect("a list")
            .iter()
            .filter_map(|stub| stub["function"].as_str())
            .collect();
        assert!(stubs.contains(&"_printk"), "{}: {stubs:?}", name(&kernel));
        let quiet = split(&kernel, "present-huge");
        assert!(
            !quiet["kernel"]["stubs"].to_string().contains("_printk"),
            "{}: only if it was entered",
            name(&kernel)
        );
    }
}

/// The split of a mapping is explored whole, and neither it nor GUP-fast warns.
#[test]
fn every_schedule_of_a_split_of_a_mapping_is_run() {
    for kernel in pmdscope_needs::own_kernels() {
        let report = split(&kernel, "present-huge");
        assert_eq!(report["incomplete"], Value::Null, "{}", name(&kernel));
        assert_eq!(report["kernel"]["warnings"], Value::Array(Vec::new()), "{}", name(&kernel));
    }
}

/// Surveys a kernel on one kind of entry; returns each finding with its writer and walker. Some walkers decide on an
/// invalidated entry and take no page: these are left out.
fn surveyed(kernel: &Path, entry: &str) -> BTreeSet<[String; 3]> {
    let scratch = Scratch::new("survey-of-own-kernels");
    let results = scratch.path().join("results");
    let [path, results] = [kernel, &results].map(|path| path.to_str().expect("names are UTF-8"));
    let mut survey = command(&["survey", "--kernel", path, "--entry", entry, "-o", results]);
    let ran = finish(survey.env("XDG_CACHE_HOME", scratch.path()));
    assert!(matches!(ran.status, Some(1 | 3)), "{}: {}", name(kernel), ran.stderr);
    let report = finish(&mut command(&["report", results, "--format", "jsonl"])).stdout;
    let mut all = BTreeSet::new();
    for line in report.lines() {
        let line: Value = serde_json::from_str(line).expect("a line is JSON");
        let run = &line["run"];
        for finding in run["findings"].as_array().into_iter().flatten() {
            if run["walker"] != "perf-page-size" || finding["name"] != "took-invalidated" {
                let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
                all.insert([&finding["name"], &run["writer"], &run["walker"]].map(text));
            }
        }
    }
    all
}

/// What is broken in a planted kernel is found by a survey that is told nothing, and is not found in the kernel that is
/// whole.
#[test]
fn planted_faults_are_found_by_a_survey() {
    let kernels = pmdscope_needs::own_kernels();
    let named = |wanted: &str| kernels.iter().find(|kernel| name(kernel) == wanted);
    for (whole, form, entry, finding) in [
        ("arm64-base", "no-reread", "present-huge", "took-unmapped"),
        ("arm64-base", "takes-invalid", "present-huge", "took-invalidated"),
        ("arm64-base", "clears-mapping", "present-huge", "entry-destroyed"),
        ("arm64-base", "drops-dirty", "present-huge", "marks-lost"),
        ("x86_64-soft-dirty", "drops-soft-dirty", "present-huge", "marks-lost"),
        ("arm64-base", "unlocked-check", "present-huge", "crash-in-race"),
        ("arm64-base", "two-step", "present-huge", "present-lost"),
        ("arm64-base", "stale-type", "present-huge", "not-serializable"),
        ("arm64-base", "no-lock", "present-huge", "not-serializable"),
        ("arm64-base", "no-lock-walk", "present-huge", "not-serializable"),
    ] {
        let planted = format!("{whole}+{form}");
        let (Some(whole), Some(planted)) = (named(whole), named(&planted)) else { continue };
        let (before, after) = (surveyed(whole, entry), surveyed(planted, entry));
        let new: Vec<_> = after.difference(&before).collect();
        assert!(new.iter().any(|[found, ..]| found == finding), "{}: {new:?}", name(planted));
    }
}
