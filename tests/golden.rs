//! Compares what the binary prints with files, so that a change of a report is seen in review.

use std::collections::BTreeSet;
use std::path::Path;

use crate::common::{golden_file, pmdscope};

/// File in `tests/golden/`, exit status, command line.
type Golden = (&'static str, i32, &'static str);

/// Each architecture and MMU at the newest version and the oldest it has, so that between them
/// every entry, writer and walker is seen.
const RUNS: [Golden; 20] = [
    ("run-arm64-7.2.txt", 1, "run --arch arm64 --linux 7.2 --entry migration-read --format trace"),
    (
        "run-arm64-5.10.txt",
        1,
        "run --arch arm64 --linux 5.10 --entry protnone --walker fault-write --format trace",
    ),
    (
        "run-x86_64-7.2.txt",
        1,
        "run --arch x86_64 --linux 7.2 --entry migration-write --walker hmm --format trace",
    ),
    (
        "run-x86_64-5.10.txt",
        0,
        "run --arch x86_64 --linux 5.10 --entry devmap --writer split-guarded --format trace",
    ),
    (
        "run-s390x-7.2.txt",
        0,
        "run --arch s390x --linux 7.2 --entry migration-read-exclusive --writer pmdp_invalidate --walker page-vma-mapped-walk --format trace",
    ),
    (
        "run-s390x-5.10.txt",
        1,
        "run --arch s390x --linux 5.10 --entry present-huge --young --dirty --writer pmdp_invalidate --walker gup-fast-write --format trace",
    ),
    (
        "run-ppc64-radix-7.2.txt",
        1,
        "run --arch ppc64 --mmu radix --linux 7.2 --entry migration-write --dirty --walker perf-page-size --format trace",
    ),
    (
        "run-ppc64-radix-5.10.txt",
        0,
        "run --arch ppc64 --mmu radix --linux 5.10 --entry table --walker pte-offset-map --format trace",
    ),
    (
        "run-ppc64-hash-7.2.txt",
        1,
        "run --arch ppc64 --mmu hash --linux 7.2 --entry migration-read --walker hmm --format trace",
    ),
    (
        "run-ppc64-hash-5.10.txt",
        1,
        "run --arch ppc64 --mmu hash --linux 5.10 --entry present-huge --walker fault-read --format trace",
    ),
    (
        "run-ppc64le-radix-7.2.txt",
        1,
        "run --arch ppc64le --mmu radix --linux 7.2 --entry migration-write --writer pmdp_invalidate_checked --walker hmm --format trace",
    ),
    (
        "run-ppc64le-radix-5.10.txt",
        1,
        "run --arch ppc64le --mmu radix --linux 5.10 --entry migration-read --walker fault-read --format trace",
    ),
    (
        "run-ppc64le-hash-7.2.txt",
        0,
        "run --arch ppc64le --mmu hash --linux 7.2 --entry migration-write --writer split-guarded --format trace",
    ),
    (
        "run-ppc64le-hash-5.10.txt",
        1,
        "run --arch ppc64le --mmu hash --linux 5.10 --entry swap --writer pmdp_invalidate --walker page-vma-mapped-walk --format trace",
    ),
    (
        "run-riscv64-7.2.txt",
        1,
        "run --arch riscv64 --linux 7.2 --entry present-huge-ro --writer pmdp_invalidate_ad --walker gup-fast-read --format trace",
    ),
    (
        "run-riscv64-6.1.txt",
        0,
        "run --arch riscv64 --linux 6.1 --entry migration-write --walker fault-write --format trace",
    ),
    (
        "run-loongarch64-7.2.txt",
        1,
        "run --arch loongarch64 --linux 7.2 --entry migration-read --writer pmdp_invalidate --format trace",
    ),
    (
        "run-riscv64-interpreter.txt",
        0,
        "run --arch riscv64 --linux 6.1 --entry migration-read --writer split-unguarded --walker hmm --engine interpreter --format trace",
    ),
    (
        "run-sparc64-7.2.txt",
        0,
        "run --arch sparc64 --linux 7.2 --entry present-huge --dirty --writer pmdp_invalidate --walker hmm --format trace",
    ),
    (
        "run-sparc64-5.10.txt",
        0,
        "run --arch sparc64 --linux 5.10 --entry none --walker fault-read --format trace",
    ),
];

/// The default format of `run`: each finding as a race, in lines that fit a mail.
const RACES: [Golden; 6] = [
    ("race-arm64-gup-fast.txt", 1, "run --arch arm64 --linux 6.12 --entry migration-read -v"),
    (
        "race-x86_64-perf.txt",
        1,
        "run --arch x86_64 --linux 6.1 --entry migration-write --walker perf-page-size -v",
    ),
    (
        "race-ppc64-hash-cleared.txt",
        1,
        "run --arch ppc64 --mmu hash --linux 6.12 --entry migration-read --walker pte-offset-map -v",
    ),
    ("race-sparc64-none.txt", 0, "run --arch sparc64 --linux 6.1 --entry present-huge --walker hmm -v"),
    (
        "race-several-cpus.txt",
        1,
        "run --arch arm64 --linux 7.2 --entry migration-write --walker perf-page-size --with gup-fast-write --with pte-offset-map -v",
    ),
    (
        "race-nothing-run.txt",
        3,
        "run --arch arm64 --linux 7.2 --entry migration-write --max-instructions 1 -v",
    ),
];

/// What `run` prints if nothing else is asked for.
const BRIEF: [Golden; 10] = [
    (
        "brief-arm64-perf.txt",
        1,
        "run --arch arm64 --linux 6.1 --entry migration-read --walker perf-page-size",
    ),
    (
        "brief-ppc64-hash-cleared.txt",
        1,
        "run --arch ppc64 --mmu hash --linux 6.12 --entry migration-read --walker pte-offset-map",
    ),
    ("brief-s390x-pass.txt", 0, "run --arch s390x --entry migration-write"),
    ("brief-loongarch64.txt", 1, "run --arch loongarch64 --entry migration-read"),
    ("brief-loongarch64-far.txt", 1, "run --arch loongarch64 --entry migration-read --pfn 0x81800"),
    ("brief-sparc64-writer.txt", 1, "run --arch sparc64 --entry present-huge --young --dirty --walker hmm"),
    (
        "brief-several-cpus.txt",
        1,
        "run --arch arm64 --entry migration-write --walker fault-read --with mmu-store",
    ),
    (
        "brief-bounded.txt",
        6,
        "run --arch ppc64 --mmu hash --linux 6.12 --entry migration-read --walker fault-read --max-behaviours 2",
    ),
    ("brief-nothing-run.txt", 3, "run --arch arm64 --entry migration-read --max-instructions 1"),
    ("brief-two-walkers.txt", 1, "run --arch x86_64 --entry migration-write --walker gup-fast-read,hmm"),
];

const RUN_FORMATS: [Golden; 9] = [
    (
        "run.vcd",
        0,
        "run --arch sparc64 --linux 7.2 --entry none --writer pmdp_invalidate --walker pte-offset-map --format vcd",
    ),
    (
        "run-chrome.json",
        0,
        "run --arch sparc64 --linux 7.2 --entry none --writer pmdp_invalidate --walker pte-offset-map --format chrome",
    ),
    (
        "run-with-agent.txt",
        0,
        "run --arch riscv64 --linux 7.2 --entry present-huge --writer pmdp_invalidate --walker pte-offset-map --with mmu-store --format trace",
    ),
    (
        "run-one-schedule.txt",
        1,
        "run --arch arm64 --linux 7.2 --entry migration-write --walker hmm --schedule W3K2W1",
    ),
    (
        "run-several-walkers.txt",
        1,
        "run --arch arm64 --linux 7.2 --entry migration-write --writer pmdp_invalidate --walker perf-page-size --walker pte-offset-map",
    ),
    (
        "run-bounded.txt",
        3,
        "run --arch x86_64 --linux 7.2 --entry present-huge --writer split-guarded --walker pte-offset-map --reduction none --max-schedules 2",
    ),
    (
        "run.json",
        0,
        "run --arch sparc64 --linux 7.2 --entry none --writer pmdp_invalidate --walker pte-offset-map --format json",
    ),
    (
        "run.jsonl",
        1,
        "run --arch arm64 --linux 7.2 --entry migration-read --writer pmdp_invalidate --format jsonl",
    ),
    (
        "run.md",
        1,
        "run --arch ppc64le --linux 7.2 --entry migration-read --soft-dirty --writer pmdp_invalidate --format markdown",
    ),
];

const COMPARISONS: [Golden; 5] = [
    (
        "compare.ktap",
        1,
        "compare --arch arm64 --arch s390x --linux 7.2 --walker hmm --entry migration-write --entry devmap --format ktap",
    ),
    (
        "compare.junit.xml",
        1,
        "compare --arch arm64 --arch s390x --linux 7.2 --walker hmm --entry migration-write --entry devmap --format junit",
    ),
    ("compare.txt", 1, "compare --linux 7.2 --writer split-unguarded"),
    (
        "compare.md",
        1,
        "compare --linux 7.2 --entry migration-read --writer split-unguarded --format markdown",
    ),
    (
        "compare.json",
        0,
        "compare --arch sparc64 --linux 7.2 --entry none --entry migration-read --writer split-guarded --walker pte-offset-map --format json",
    ),
];

const DECODED: [Golden; 11] = [
    ("decode-arm64.txt", 0, "decode --arch arm64 --linux 7.2 0 0x00000000812006c0 0x0000000081200ec0"),
    ("decode-arm64-6.1.txt", 0, "decode --arch arm64 --linux 6.1 0x00000000081200d0 0x08000000081200d0"),
    ("decode-x86_64.txt", 0, "decode --arch x86_64 --linux 7.2 0xcfffffffefdbfe00 0x8000000081200087"),
    ("decode-s390x.txt", 0, "decode --arch s390x --linux 7.2 0x81200723 ffffffffffffffff"),
    (
        "decode-ppc64.txt",
        0,
        "decode --arch ppc64 --mmu radix --linux 7.2 0x400000081200001b 0x600000081200001b",
    ),
    (
        "decode-ppc64le.txt",
        0,
        "decode --arch ppc64le --mmu hash --linux 7.2 0x400000081200001b 0xc000000812000185",
    ),
    ("decode-riscv64.txt", 0, "decode --arch riscv64 --linux 7.2 0x81200d80 0x204800ef"),
    ("decode-sparc64.txt", 0, "decode --arch sparc64 --linux 7.2 0xbd00000102800653 0x3d00000102800653"),
    ("decode-loongarch64.txt", 0, "decode --arch loongarch64 --linux 7.2 0x812000d3 0"),
    ("decode-5.10.txt", 0, "decode --arch ppc64 --mmu hash --linux 5.10 0x600000081200001a"),
    ("decode.json", 0, "decode --arch arm64 --linux 7.2 0x00000000812006c0 --format json"),
];

/// What `explain` says of values that were reported.
const EXPLAINED: [Golden; 2] = [
    ("explain-made-present.txt", 0, "explain 0x08000000081200c0"),
    ("explain-oops.txt", 0, "explain PGD 3a0b067 P4D 3a0b067 PUD 3a0c067 PMD 80000000056000e3"),
];

const LISTS: [Golden; 7] = [
    ("list-arches.txt", 0, "list arches"),
    ("list-encodings.txt", 0, "list encodings"),
    ("list-entries.txt", 0, "list entries"),
    ("list-writers.txt", 0, "list writers"),
    ("list-walkers.txt", 0, "list walkers"),
    ("list-agents.txt", 0, "list agents"),
    ("list-findings.txt", 0, "list findings"),
];

/// The most lines of a golden file: nobody reviews longer ones. JSON has a line for each member.
const LONGEST_LINES: usize = 175;
const LONGEST_JSON_LINES: usize = 280;

fn hold(all: &[Golden]) {
    let mut differences = Vec::new();
    for (file, status, line) in all {
        let ran = pmdscope(line);
        assert_eq!((ran.status, ran.stderr.as_str()), (Some(*status), ""), "{file}: pmdscope {line}");
        let lines = ran.stdout.lines().count();
        let most = if file.ends_with(".json") { LONGEST_JSON_LINES } else { LONGEST_LINES };
        assert!(lines <= most, "{file} has {lines} lines: choose a smaller example");
        let path = format!("tests/golden/{file}");
        differences.extend(
            golden_file::difference(&path, &ran.stdout).map(|diff| format!("pmdscope {line}\n{diff}")),
        );
    }
    golden_file::assert_none(&differences);
}

#[test]
fn runs_print_what_they_did() {
    hold(&RUNS);
}

#[test]
fn a_run_prints_its_verdict_and_race_as_it_did() {
    hold(&BRIEF);
}

/// Ten to twenty lines, and a few more where a command is long or a routine runs on a third CPU.
#[test]
fn a_run_is_short_unless_more_is_asked_for() {
    for (file, _, line) in BRIEF {
        for run in pmdscope(line).stdout.split_inclusive("-vv (what was run)\n") {
            let lines = run.trim().lines().count();
            assert!((4..=28).contains(&lines), "{file} has {lines} lines");
        }
    }
}

/// What a format with every detail is asked for cannot be more.
#[test]
fn more_detail_is_for_texts_that_leave_some_out() {
    let job = "run --arch arm64 --entry migration-read --format";
    for format in ["trace", "json", "jsonl", "vcd", "chrome"] {
        let refused = pmdscope(&format!("{job} {format} -v"));
        assert_eq!(refused.status, Some(2), "{format}");
        assert!(refused.stderr.contains("has every detail: leave -v out"), "{}", refused.stderr);
    }
    let [brief, tables, setup] = ["", " -v", " -vv"].map(|detail| {
        let job = "run --arch arm64 --entry migration-read";
        pmdscope(&format!("{job}{detail}")).stdout
    });
    assert!(brief.lines().count() < tables.lines().count() && tables.lines().count() < setup.lines().count());
    assert!(tables.contains("Outcomes of gup-fast-read:") && !tables.contains("\nguest  "), "{tables}");
    assert!(setup.contains("Outcomes of gup-fast-read:") && setup.contains("\nguest  "), "{setup}");
    let markdown = pmdscope(&format!("{job} markdown")).stdout;
    assert_eq!(markdown, format!("```text\n{brief}```\n"));
}

#[test]
fn races_are_drawn_as_they_were() {
    hold(&RACES);
}

/// A mail is quoted, and then it still has to fit 80 columns.
#[test]
fn a_run_fits_a_mail() {
    for (file, _, line) in RUNS.iter().chain(&RACES).chain(&BRIEF) {
        let printed = pmdscope(&line.replace(" --format trace", " -vv")).stdout;
        for line in printed.lines() {
            let columns = line.chars().count();
            // A command is broken between its options only, so that it can be copied.
            assert!(columns <= 75, "{file} has a line of {columns} columns: {line}");
        }
    }
}

#[test]
fn runs_in_other_formats_print_what_they_did() {
    hold(&RUN_FORMATS);
}

#[test]
fn comparisons_print_what_they_did() {
    hold(&COMPARISONS);
}

#[test]
fn decoded_values_print_what_they_did() {
    hold(&DECODED);
}

#[test]
fn explained_values_print_what_they_did() {
    hold(&EXPLAINED);
}

#[test]
fn lists_print_what_they_did() {
    hold(&LISTS);
}

#[test]
fn every_golden_file_belongs_to_a_test() {
    let all = [&RUNS[..], &RACES, &BRIEF, &RUN_FORMATS, &COMPARISONS, &DECODED, &EXPLAINED, &LISTS].concat();
    let expected: BTreeSet<String> = all.iter().map(|(file, ..)| (*file).to_owned()).collect();
    assert_eq!(expected.len(), all.len(), "two tests share a file");
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let found: BTreeSet<String> = std::fs::read_dir(folder)
        .expect("tests/golden is there")
        .map(|entry| entry.expect("it can be read").file_name().to_string_lossy().into_owned())
        .collect();
    // A missing file is reported by its own test, which can also write it.
    let stale: Vec<_> = found.difference(&expected).collect();
    assert!(stale.is_empty(), "no test prints {stale:?}");
}

#[test]
fn no_report_names_a_path_of_the_machine_it_was_made_on() {
    let root = env!("CARGO_MANIFEST_DIR");
    for (file, _, line) in [&RUNS[..], &RACES, &BRIEF, &RUN_FORMATS, &COMPARISONS, &LISTS].concat() {
        let printed = pmdscope(line).stdout;
        assert!(!printed.contains(root) && !printed.contains("/target/"), "{file}");
    }
}
