//! `pmdscope sweep`, by the real binary.

use std::process::{Command, Output};

use serde_json::Value;

fn sweep(arguments: &str) -> Output {
    Command::new(env!("CARGO_BIN_EXE_pmdscope"))
        .arg("sweep")
        .args(arguments.split_whitespace())
        .output()
        .expect("the program runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("the program prints UTF-8")
}

fn report(arguments: &str) -> (Value, Option<i32>) {
    let output = sweep(&format!("{arguments} --format json"));
    (serde_json::from_slice(&output.stdout).expect("the program prints JSON"), output.status.code())
}

/// Returns the names of all findings, each once.
fn findings(report: &Value) -> Vec<&str> {
    let classes = report["classes"].as_array().expect("classes");
    let mut names: Vec<&str> = classes
        .iter()
        .flat_map(|class| class["findings"].as_array().expect("a list"))
        .filter_map(Value::as_str)
        .collect();
    names.dedup();
    names
}

#[test]
fn a_report_is_of_its_schema() {
    let schema = include_str!("../schemas/sweep.json");
    let schema: Value = serde_json::from_str(schema).expect("a schema is JSON");
    let validator = jsonschema::validator_for(&schema).expect("it is a schema");
    for arguments in [
        "--arch arm64 --linux 6.1 --entries swap",
        "--arch x86_64 --entries any",
        "--arch ppc64le --mmu hash --entries any",
    ] {
        let (report, _) = report(arguments);
        let errors: Vec<String> = validator.iter_errors(&report).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{arguments}: {errors:#?}");
    }
}

#[test]
fn the_split_that_looks_first_leaves_every_migration_entry_alone() {
    for arch in ["arm64", "ppc64le --mmu radix", "ppc64 --mmu hash"] {
        let with = |writer: &str| {
            report(&format!("--arch {arch} --linux 6.1 --entries migration --writer {writer}"))
        };
        let (unguarded, status) = with("split-unguarded");
        assert_eq!((findings(&unguarded), status), (vec!["swap-becomes-present"], Some(1)), "{arch}");
        let (guarded, status) = with("split-guarded");
        assert_eq!((findings(&guarded), status), (vec![], Some(0)), "{arch}");
        assert_eq!(guarded["verdict"], "pass");
    }
}

#[test]
fn a_writer_that_waits_is_unknown_with_the_entry_it_waits_on() {
    let (report, status) = report("--arch ppc64 --mmu hash --entries any");
    assert_eq!(status, Some(3));
    assert_eq!(report["verdict"], "unknown");
    let why = report["incomplete"].as_str().expect("it is said why");
    assert!(why.starts_with("on entry 0x") && why.ends_with("reached the bound on instructions"), "{why}");
    assert!(report["ran"].is_null() && report["classes"] == Value::Array(Vec::new()));
}

#[test]
fn no_line_is_wider_than_a_mail_and_the_same_comes_again() {
    for arguments in
        ["--arch arm64 --entries any", "--arch x86_64 --entries swap", "--arch riscv64 --entries migration"]
    {
        let output = sweep(&format!("{arguments} --self-check"));
        let printed = text(&output.stdout);
        assert!(printed.lines().all(|line| line.chars().count() <= 75), "{printed}");
        assert_eq!(text(&output.stderr), "");
        let again = printed
            .lines()
            .skip_while(|line| !line.starts_with("again "))
            .take_while(|line| !line.is_empty());
        let again: String =
            again.map(|line| line.trim_start_matches("again ").trim_end_matches('\\')).collect();
        let (_, again) = again.trim().split_once("pmdscope sweep").expect("the command");
        assert_eq!(text(&sweep(again).stdout), printed, "{again}");
    }
}

#[test]
fn mistakes_are_told_in_a_line() {
    for (arguments, expected) in [
        (
            "--arch sparc64 --entries swap",
            "sparc64 7.2 has no swap entries: its huge pages cannot be migrated",
        ),
        ("--arch arm64 --entries swaps", "unknown set of entries 'swaps': did you mean 'swap'?"),
        ("--arch arm64 --entries swap --writer split", "unknown writer 'split'"),
        ("--arch loongarch64 --linux 5.10 --entries swap", "LoongArch came in Linux 5.19"),
        ("--arch x86_64 --linux 5.10 --entries swap --writer pmdp_invalidate_ad", "it came in Linux 5.19"),
    ] {
        let output = sweep(arguments);
        let told = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments}: {told}");
        assert!(told.contains(expected) && told.lines().count() == 1, "{arguments}: {told}");
    }
}

#[test]
fn a_guest_of_the_users_is_swept_if_it_has_the_function() {
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR"));
    let elf = include_bytes!("../guest/elf/arm64-7.2.elf");
    let with = folder.join("with-sweep.elf");
    std::fs::write(&with, elf).expect("a file can be written");
    let (report, status) = report(&format!("--arch arm64 --entries migration --guest {}", with.display()));
    assert_eq!((findings(&report), status), (vec!["swap-becomes-present"], Some(1)));
    assert_eq!(report["guest"]["kind"], "file");

    let name = elf.windows(7).position(|bytes| bytes == b"\0sweep\0").expect("the symbol's name");
    let mut renamed = elf.to_vec();
    renamed[name + 1] = b'x';
    let without = folder.join("without-sweep.elf");
    std::fs::write(&without, renamed).expect("a file can be written");
    let output = sweep(&format!("--arch arm64 --entries migration --guest {}", without.display()));
    assert_eq!(output.status.code(), Some(2));
    let told = text(&output.stderr);
    assert!(
        told.ends_with("has no function sweep to run many entries with: link guest/c/sweep.c into it\n"),
        "{told}"
    );
}

/// The interpreter shares no code with the usual engine.
#[test]
fn another_engine_finds_the_same_classes() {
    let arguments = "--arch riscv64 --entries migration --writer split-unguarded";
    let ((mut usual, _), (mut other, _)) =
        (report(arguments), report(&format!("{arguments} --engine interpreter")));
    assert_ne!(usual["guest"]["engine"], other["guest"]["engine"]);
    let command = other["command"].as_str().expect("a command");
    assert!(command.contains(" --engine interpreter "), "{command}");
    for report in [&mut usual, &mut other] {
        report["guest"]["engine"] = Value::Null;
        report["command"] = Value::Null;
    }
    assert_eq!(usual, other);
}
