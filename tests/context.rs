//! What a machine makes one CPU wait for excludes orders: found without the wait, excluded with it.

use serde_json::Value;

use crate::common::scratch::Scratch;
use crate::common::{pmdscope, pmdscope_in};

/// The planted guest of each architecture whose interrupts are known.
const GUESTS: [(&str, &str); 2] = [("x86_64", "table-reused"), ("arm64", "table-reused-arm64")];

fn line(arch: &str, guest: &str, writer: &str, walker: &str) -> String {
    format!(
        "run --arch {arch} --linux 7.2 --guest guest/planted/elf/{guest}.elf --entry table --writer {writer} --walker {walker}"
    )
}

fn report(line: &str) -> (Value, Option<i32>) {
    let ran = pmdscope(&format!("{line} --format json"));
    (serde_json::from_str(&ran.stdout).expect("the report is JSON"), ran.status)
}

fn total(report: &Value) -> u64 {
    report["schedules"]["total"].as_u64().expect("a number")
}

fn found(report: &Value) -> bool {
    let findings = report["findings"].as_array().expect("findings");
    findings.iter().any(|finding| finding["name"] == "not-serializable")
}

/// Each of both kinds of wait excludes what the section that it is for would see, and nothing else does.
#[test]
fn a_table_that_is_reused_is_found_unless_its_writer_waits_for_the_walkers_section() {
    for (arch, guest) in GUESTS {
        for (writer, kind) in
            [("reuse-at-once", ""), ("reuse-after-ipi", "irq"), ("reuse-after-grace-period", "rcu")]
        {
            for (walker, section) in
                [("gup-irqs-off", "irq"), ("gup-irqs-on-between", "on"), ("gup-rcu", "rcu")]
            {
                let line = line(arch, guest, writer, walker);
                let (none, _) = report(&format!("{line} --context none"));
                assert!(found(&none), "{line}");
                assert!(none["excluded"].is_null(), "{line}");
                for context in ["all", "irq", "rcu"] {
                    let (report, status) = report(&format!("{line} --context {context}"));
                    let is_excluded = kind == section && [kind, "all"].contains(&context);
                    assert_eq!(found(&report), !is_excluded, "{line} {context}");
                    assert_eq!(status, Some(i32::from(!is_excluded)), "{line} {context}");
                    let excluded = report["excluded"]["schedules"].as_u64().unwrap_or(0);
                    assert_eq!(total(&report) + excluded, total(&none), "{line} {context}");
                    assert_eq!(excluded > 0, is_excluded, "{line} {context}");
                    if is_excluded {
                        assert_eq!(report["excluded"]["by"][0]["context"], kind);
                        assert_eq!(report["excluded"]["findings"][0]["name"], "not-serializable");
                        let place = report["excluded"]["place"].as_str().expect("a place");
                        assert!(place.starts_with(writer), "{place}");
                    }
                }
                // Each schedule by itself is judged as all of them together.
                let (joined, _) = report(&line);
                let (each, _) = report(&format!("{line} --reduction none"));
                assert_eq!(total(&joined), total(&each), "{line}");
                assert_eq!(joined["excluded"]["schedules"], each["excluded"]["schedules"], "{line}");
            }
        }
    }
}

#[test]
fn an_order_that_is_asked_for_is_run_and_said_to_be_excluded() {
    let line = line("x86_64", "table-reused", "reuse-after-ipi", "gup-irqs-off");
    let ran = pmdscope(&format!("{line} --schedule K1W3K1"));
    assert!(
        ran.stdout.contains("EXCLUDED: no machine runs this order (before reuse-after-ipi at"),
        "{ran:?}"
    );
    assert!(ran.stdout.contains("FINDING not-serializable"), "{ran:?}");
    let possible = pmdscope(&format!("{line} --schedule K2W3"));
    assert!(!possible.stdout.contains("EXCLUDED"), "{possible:?}");
}

#[test]
fn a_reproducer_of_an_excluded_order_does_again_what_it_did() {
    let scratch = Scratch::new("context");
    let guest = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("guest/planted/elf/table-reused.elf");
    let saved = pmdscope_in(
        scratch.path(),
        &format!(
            "repro save --output r.repro --arch x86_64 --linux 7.2 --guest {} --entry table --writer reuse-after-ipi --walker gup-irqs-off --context none",
            guest.display()
        ),
    );
    assert_eq!(saved.status, Some(0), "{saved:?}");
    let again = pmdscope_in(scratch.path(), "repro run r.repro");
    assert_eq!(again.status, Some(0), "{again:?}");
}

#[test]
fn a_comparison_says_what_is_excluded() {
    let line = "compare --linux 7.2 --guest guest/planted/elf/table-reused.elf --entry table --writer reuse-after-ipi --walker gup-irqs-off";
    let ran = pmdscope(line);
    assert_eq!(ran.status, Some(0), "{ran:?}");
    let text = ran.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(text.contains("Excluded orders"), "{}", ran.stdout);
    assert!(text.contains("They alone show not-serializable"), "{}", ran.stdout);
}

#[test]
fn no_other_context_is_known() {
    let ran = pmdscope("run --arch x86_64 --entry none --context locks");
    assert_eq!(ran.status, Some(2));
    assert!(ran.stderr.contains("irq"), "{ran:?}");
}
