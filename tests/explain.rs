//! `explain` says what values are that people reported, and how to see it.

use std::io::Write;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::common::{command, finish, pmdscope};

/// What `explain` says of arguments, as JSON: one object for each value.
fn explained(args: &[&str]) -> Vec<Value> {
    let ran = finish(&mut command(&[&["explain", "--format", "json"], args].concat()));
    assert_eq!((ran.status, ran.stderr.as_str()), (Some(0), ""), "{args:?}");
    let report: Value = serde_json::from_str(&ran.stdout).expect("it is JSON");
    report["values"].as_array().expect("values").clone()
}

/// The sentence of one value on a platform.
fn summary(platform: &str, value: &str) -> String {
    let args: Vec<&str> = platform.split_whitespace().chain([value]).collect();
    let values = explained(&args);
    assert_eq!(values.len(), 1, "{value}");
    values[0]["summary"].as_str().expect("a summary").to_owned()
}

const REPORTED: [(&str, &str, &str); 12] = [
    (
        "--arch arm64 --linux 6.1",
        "0x08000000081200c0",
        "migration entry (read) of page 0x81200 (arm64, Linux 6.1), made present by pmd_mkinvalid(); ",
    ),
    (
        "",
        "0x08000000081200c0",
        "migration entry (read) of page 0x81200 (arm64, Linux 6.1 to 6.8), made present by ",
    ),
    (
        "--arch arm64 --linux 5.10",
        "0x08120078",
        "migration entry (read) of page 0x81200 in kernels without DEVICE_PRIVATE",
    ),
    (
        "--arch arm64 --linux 6.1",
        "0x812000f0",
        "migration entry (write) of page 0x812000 in kernels without DEVICE_PRIVATE",
    ),
    (
        "--arch x86_64 --linux 5.10",
        "0xffffffffefdbfe00",
        "migration entry (write) of page 0x81200 in kernels without DEVICE_PRIVATE",
    ),
    (
        "--arch x86_64 --linux 6.1",
        "0xefffffffefdbfe00",
        "migration entry (write) of page 0x81200 in kernels with PTE_MARKER and without DEVICE_PRIVATE",
    ),
    (
        "--arch x86_64 --linux 6.12",
        "0xf7ffffffefdbfe00",
        "migration entry (write) of page 0x81200 in kernels without DEVICE_PRIVATE",
    ),
    ("--arch arm64 --linux 5.10", "0x000000083af00074", "migration entry (write) of page 0x83af000 (arm64"),
    (
        "--arch x86_64 --linux 7.2",
        "0xdffffffe71fbfe02",
        "migration entry (write) of page 0xc70200, soft-dirty (x86_64",
    ),
    (
        "--arch x86_64 --linux 7.2",
        "0xefffff80042bfe00",
        "device-private entry (read) of page 0x3ffdea00 (x86_64",
    ),
    (
        "",
        "0x02e8000448800f53",
        "probably a PTE (arm64): as a PMD it would be a table with bits 4, 6, 8 to 11",
    ),
    ("", "pmd=00e8000199600704", "mapping of page 0x199600 with VALID cleared"),
];

#[test]
fn every_value_that_was_reported_is_explained() {
    for (platform, value, says) in REPORTED {
        let summary = summary(platform, value);
        assert!(summary.starts_with(says), "{platform} {value}: {summary}");
    }
    // The hwpoison entry is a reading of kernels without DEVICE_PRIVATE.
    let values = explained(&["--arch", "arm64", "--linux", "5.10", "0x000000083af00074"]);
    let hwpoison = &values[0]["fits"][0]["readings"][1];
    assert_eq!((&hwpoison["used_for"], &hwpoison["pfn"]), (&"hwpoison".into(), &"0x83af000".into()));
    assert_eq!(hwpoison["needs"][1], serde_json::json!({ "option": "DEVICE_PRIVATE", "on": false }));
    // 5.15 is not known for sure, and that is said.
    let text = pmdscope("explain --arch x86_64 0xdffffffe71fbfe02").stdout;
    assert!(text.contains("not known for sure, so not explained: x86_64 5.11 to 6.0"), "{text}");
}

#[test]
fn a_value_with_a_wrong_bit_is_not_explained_as_migration() {
    for (value, bits) in
        [(0x0800_0000_0812_00c0_u64, [0, 1, 2, 58, 60, 63]), (0x0812_00c0, [0, 1, 2, 58, 60, 63])]
    {
        for bit in bits {
            let wrong = format!("{:#x}", value ^ 1 << bit);
            let summary = summary("--arch arm64 --linux 6.1", &wrong);
            assert!(
                !summary.contains("migration") && !summary.contains("made present"),
                "{wrong}: {summary}"
            );
        }
    }
}

#[test]
fn walkers_are_run_on_what_was_made_present() {
    let values = explained(&["--arch", "arm64", "--linux", "6.6", "0x08000000081200c0"]);
    let fit = &values[0]["fits"][0];
    assert_eq!((&fit["kind"], &fit["original"]), (&"made-present".into(), &"0x00000000081200c0".into()));
    let outcomes = fit["walkers"].as_array().expect("walkers");
    let ran = pmdscope("run --arch arm64 --linux 6.6 --pmd 0x08000000081200c0 --walker hmm --format json");
    let run: Value = serde_json::from_str(&ran.stdout).expect("JSON");
    let hmm = outcomes.iter().find(|outcome| outcome["walker"] == "hmm").expect("hmm was run");
    assert_eq!(hmm["outcome"], run["alone"]);
    assert_eq!(outcomes.len(), 8);
}

/// All commands that are printed can be run as they are.
#[test]
fn the_commands_show_what_they_say() {
    for (platform, value, _) in REPORTED {
        let args: Vec<&str> = platform.split_whitespace().chain([value]).collect();
        for fit in explained(&args)[0]["fits"].as_array().expect("fits") {
            let line = fit["command"].as_str().expect("a command").strip_prefix("pmdscope ").expect("ours");
            let ran = pmdscope(line);
            assert!(matches!(ran.status, Some(0 | 1)), "{line}: {:?} {}", ran.status, ran.stderr);
            if fit["kind"] == "made-present" {
                assert!(ran.stdout.contains("swap-becomes-present"), "{line}: {}", ran.stdout);
            }
        }
    }
}

#[test]
fn a_line_has_its_levels() {
    let line = "[ffff8881234e5000] pgd=0000000000000000, p4d=0000000000000000, pud=18000000bfffd403, \
                pmd=00e8000199600704, pte=0068000020a00711";
    let values = explained(&[line]);
    let levels: Vec<_> = values.iter().map(|value| value["level"].clone()).collect();
    assert_eq!(levels, ["PGD", "P4D", "PUD", "PMD", "PTE"]);
    for (n, says) in [(0, "zero"), (2, "a PUD, of which nothing more is said")] {
        assert!(
            values[n]["summary"].as_str().is_some_and(|summary| summary.starts_with(says)),
            "{}",
            values[n]
        );
        assert_eq!(values[n]["fits"], Value::Array(Vec::new()));
    }
    let s390 = explained(&["Failing address: 0000000000000000 R3:00000000ffff8007 S:0000000000000020"]);
    assert_eq!(s390[1]["fits"][0]["arch"], "s390x");
    // decode takes the PMD, and says what it leaves out.
    let ran = finish(&mut command(&["decode", "--arch", "arm64", line]));
    assert!(ran.stdout.starts_with("0x00e8000199600704"), "{}", ran.stdout);
    assert!(ran.stderr.contains("PUD 0x18000000bfffd403"), "{}", ran.stderr);
}

#[test]
fn an_answer_is_short() {
    for (platform, value, _) in REPORTED {
        let text = pmdscope(&format!("explain {platform} {value}")).stdout;
        assert!(text.lines().count() <= 20, "{value}: {text}");
        assert!(text.lines().all(|line| line.chars().count() <= 100), "{value}: {text}");
    }
}

#[test]
fn standard_input_has_lines() {
    let run = |text: &str| {
        let mut child = Command::new(env!("CARGO_BIN_EXE_pmdscope"))
            .args(["explain", "-"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary starts");
        let mut stdin = child.stdin.take().expect("a pipe");
        // It may refuse before it has read all.
        let _ = stdin.write_all(text.as_bytes());
        drop(stdin);
        child.wait_with_output().expect("it ends")
    };
    let ran = run("[ 1.5] CPU: 3 RAX: ffff888100000000\n[ 1.6] bad pmd ffff8881004fa7f8(dffffffe71fbfe02)\n");
    let text = String::from_utf8_lossy(&ran.stdout).into_owned();
    assert!(text.starts_with("PMD 0xdffffffe71fbfe02: migration entry (write)"), "{text}");
    assert!(!text.contains("ffff888100000000"), "{text}");
    let ran = run("nothing here\n");
    let error = String::from_utf8_lossy(&ran.stderr).into_owned();
    assert!(
        ran.status.code() == Some(2) && error.contains("no value was found: paste a line such as"),
        "{error}"
    );
}
