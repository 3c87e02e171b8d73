//! Every finding, every check and every outcome occurs in some run of the real binary.
//!
//! For every finding there is also a run that differs in one point and does not have it. Faults that no bundled
//! guest has are planted: `guest/planted` has guests with one fault each.

use crate::common::pmdscope;
use pmdscope_guest::{Check, WalkResult};
use pmdscope_traces::FindingName;
use serde_json::Value;

/// Returns a run of a planted guest, on its architecture and version.
fn planted(name: &str, of: &str) -> String {
    format!("run {of} --guest guest/planted/elf/{name}.elf")
}

const ARM64: &str = "--arch arm64 --linux 7.2";
const X86_64: &str = "--arch x86_64 --linux 7.2";

fn report(line: &str) -> Value {
    let ran = pmdscope(&format!("{line} --format json"));
    assert!(matches!(ran.status, Some(0 | 1 | 3)), "{line}: {ran:?}");
    let report: Value = serde_json::from_str(&ran.stdout).expect("the report is JSON");
    assert_eq!(
        report["disagreements"],
        serde_json::json!([]),
        "{line}: its predicates are as they should be"
    );
    report
}

fn list<'a>(value: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> {
    value[key].as_array().into_iter().flatten()
}

fn text<'a>(value: &'a Value, key: &str) -> Option<&'a str> {
    value[key].as_str()
}

/// Returns the names of the findings, each once.
fn findings(report: &Value) -> Vec<&str> {
    let mut names: Vec<&str> = list(report, "findings").filter_map(|finding| text(finding, "name")).collect();
    names.dedup();
    names
}

/// Returns each outcome of any routine: its result, and the check that decided it.
fn outcomes(report: &Value) -> Vec<(&str, Option<&str>)> {
    let with = list(report, "with_outcomes").filter_map(Value::as_array).flatten();
    let all = list(report, "outcomes").chain(list(report, "writer_outcomes")).chain(with);
    all.filter_map(|outcome| Some((text(outcome, "result")?, text(outcome, "stopped_by")))).collect()
}

/// A finding, a run that has it, alone or with others, and a run that differs in one point and does not.
struct FindingCase {
    name: FindingName,
    found: &'static [FindingName],
    line: String,
    silent: String,
}

fn finding_cases() -> Vec<FindingCase> {
    use FindingName::*;
    let case = |found: &'static [FindingName], name, line: String, silent: String| FindingCase {
        name,
        found,
        line,
        silent,
    };
    let bundled = |of: &str, rest: &str| format!("run {of} {rest}");
    let invalidate = "--entry present-huge --writer pmdp_invalidate --walker gup-fast-read";
    let split = "--entry present-huge --writer split-unguarded --walker gup-fast-read";
    let migration = "--entry migration-read --writer split-unguarded --walker gup-fast-read";
    let guarded = "--entry migration-read --writer split-guarded --walker gup-fast-read";
    let with_planted = |name: &str, of: &str, rest: &str| format!("{} {rest}", planted(name, of));
    vec![
        // The kernel's own encoding has this fault. A guest with planted predicates would fail the control.
        case(
            &[SwapBuiltPresent, WalkerPastPresent, WalkerTookPage],
            SwapBuiltPresent,
            bundled(
                "--arch riscv64 --linux 7.2",
                "--entry migration-read --soft-dirty --writer split-guarded --walker gup-fast-read",
            ),
            bundled("--arch riscv64 --linux 7.2", guarded),
        ),
        case(
            &[SwapBecomesPresent, WalkerPastPresent],
            SwapBecomesPresent,
            with_planted("swap-becomes-present", X86_64, migration),
            with_planted("swap-becomes-present", X86_64, guarded),
        ),
        case(
            &[SwapDecodesDifferently],
            SwapDecodesDifferently,
            with_planted("swap-decodes-differently", ARM64, migration),
            with_planted("swap-decodes-differently", ARM64, guarded),
        ),
        case(
            &[SwapBecomesPresent, WalkerPastPresent],
            WalkerPastPresent,
            bundled(ARM64, migration),
            bundled(ARM64, guarded),
        ),
        case(
            &[SwapBecomesPresent, WalkerPastPresent, WalkerTookPage, NotSerializable],
            WalkerTookPage,
            with_planted("took-page", ARM64, migration),
            bundled(ARM64, migration),
        ),
        case(
            &[SwapBecomesPresent, WalkerPastPresent, WalkerTookPage, NotSerializable],
            NotSerializable,
            with_planted("took-page", ARM64, migration),
            bundled(ARM64, migration),
        ),
        // Its walker crashes on a mapping, and on a swap entry only if that has become one.
        case(
            &[SwapBecomesPresent, WalkerPastPresent, CrashInRace],
            CrashInRace,
            with_planted(
                "crash",
                ARM64,
                "--entry migration-read --writer split-unguarded --walker perf-page-size",
            ),
            with_planted(
                "crash",
                ARM64,
                "--entry migration-read --writer split-guarded --walker perf-page-size",
            ),
        ),
        case(
            &[TookUnmapped],
            TookUnmapped,
            with_planted("took-unmapped", ARM64, invalidate),
            bundled(ARM64, invalidate),
        ),
        case(
            &[TookInvalidated],
            TookInvalidated,
            with_planted("took-page", ARM64, invalidate),
            bundled(ARM64, invalidate),
        ),
        case(
            &[EntryDestroyed, NotSerializable],
            EntryDestroyed,
            with_planted(
                "entry-destroyed",
                X86_64,
                "--entry present-huge --writer pmdp_invalidate --walker pte-offset-map",
            ),
            bundled(X86_64, "--entry present-huge --writer pmdp_invalidate --walker pte-offset-map"),
        ),
        case(
            &[PresentLost],
            PresentLost,
            with_planted("present-lost", ARM64, invalidate),
            bundled(ARM64, invalidate),
        ),
        case(
            &[StillValid],
            StillValid,
            with_planted("still-valid", ARM64, invalidate),
            bundled(ARM64, invalidate),
        ),
        case(
            &[StillValid],
            StillValid,
            with_planted(
                "split-leaves-valid",
                "--arch x86_64 --linux 6.1",
                "--entry present-huge --writer split-guarded --walker gup-fast-read",
            ),
            bundled(
                "--arch x86_64 --linux 6.1",
                "--entry present-huge --writer split-guarded --walker gup-fast-read",
            ),
        ),
        case(
            &[MarksLost],
            MarksLost,
            with_planted("marks-lost", X86_64, &format!("{invalidate} --dirty")),
            with_planted("marks-lost", X86_64, &format!("{invalidate} --young")),
        ),
        case(
            &[MarksLost],
            MarksLost,
            with_planted("mark-not-returned", ARM64, &format!("{invalidate} --young")),
            with_planted("mark-not-returned", ARM64, &format!("{invalidate} --dirty")),
        ),
        // In the page table that a split fills.
        case(
            &[MarksLost],
            MarksLost,
            with_planted("marks-lost-in-table", "--arch x86_64 --linux 6.1", &format!("{split} --dirty")),
            with_planted("marks-lost-in-table", "--arch x86_64 --linux 6.1", &format!("{split} --young")),
        ),
        case(
            &[BitsLost],
            BitsLost,
            with_planted("bits-lost", X86_64, &format!("{invalidate} --with mmu-store")),
            bundled(X86_64, &format!("{invalidate} --with mmu-store")),
        ),
    ]
}

/// Returns the findings that have a case here.
pub fn planted_findings() -> Vec<FindingName> {
    finding_cases().iter().map(|case| case.name).collect()
}

#[test]
fn every_finding_fires_where_it_was_planted_and_nowhere_else() {
    let cases = finding_cases();
    for FindingCase { name, found, line, silent } in &cases {
        let ran = report(line);
        let expected: Vec<&str> = found.iter().map(|name| name.name()).collect();
        assert_eq!(findings(&ran), expected, "{line}");
        assert!(found.contains(name), "{line}: the case is of what it finds");
        let ran = report(silent);
        assert!(!findings(&ran).contains(&name.name()), "{silent}: {:?}", findings(&ran));
        assert_ne!(ran["verdict"], "unknown", "{silent}");
    }
    for name in FindingName::ALL {
        assert!(cases.iter().any(|case| case.name == name), "no case of {}", name.name());
    }
}

/// A result of a routine, the check that decided it, and a run in which it occurs.
struct OutcomeCase {
    result: &'static str,
    check: Check,
    line: &'static str,
}

const fn case(result: &'static str, check: Check, line: &'static str) -> OutcomeCase {
    OutcomeCase { result, check, line }
}

/// If several checks would refuse an entry, the first in the kernel's order does. Most lines have an entry that a
/// later check would refuse as well.
const OUTCOMES: &[OutcomeCase] = &[
    case("refused", Check::None, "run --arch x86_64 --entry none --walker pte-offset-map"),
    // Also not accessible.
    case("refused", Check::Present, "run --arch x86_64 --entry swap --walker gup-fast-read"),
    // The bit for a leaf is set as well: the check for presence comes first.
    case("refused", Check::Present, "run --arch ppc64le --mmu radix --entry swap --walker gup-fast-read"),
    // Also bad.
    case("retry", Check::Swap, "run --arch arm64 --linux 6.12 --entry swap --walker fault-read"),
    case(
        "refused",
        Check::Migration,
        "run --arch x86_64 --entry migration-read --walker page-vma-mapped-walk",
    ),
    case("wait", Check::Migration, "run --arch x86_64 --entry migration-read --walker hmm"),
    case("fault", Check::DevicePrivate, "run --arch x86_64 --pmd 0xefffff80042bfe00 --walker fault-read"),
    case(
        "leaf",
        Check::DevicePrivate,
        "run --arch x86_64 --pmd 0xefffff80042bfe00 --walker page-vma-mapped-walk",
    ),
    case("table", Check::Leaf, "run --arch x86_64 --entry table --walker gup-fast-read"),
    case("table", Check::TransHuge, "run --arch x86_64 --linux 6.6 --entry table --walker gup-fast-read"),
    // Also bad.
    case("refused", Check::TransHuge, "run --arch x86_64 --entry present-huge --walker pte-offset-map"),
    case("refused", Check::Devmap, "run --arch x86_64 --linux 6.6 --entry devmap --walker pte-offset-map"),
    case("page", Check::Devmap, "run --arch x86_64 --linux 6.6 --entry devmap --walker gup-fast-read"),
    case("refused", Check::Bad, "run --arch x86_64 --pmd 0x1001 --walker pte-offset-map"),
    // Not accessible either, on both architectures: the hardware uses no such entry.
    case("refused", Check::Protnone, "run --arch arm64 --entry protnone --walker gup-fast-read"),
    case("refused", Check::Protnone, "run --arch x86_64 --entry protnone --walker gup-fast-read"),
    case("fault", Check::Protnone, "run --arch x86_64 --entry protnone --walker hmm"),
    case("refused", Check::Access, "run --arch arm64 --entry present-huge-ro --walker gup-fast-write"),
    // Read-only and special.
    case("refused", Check::Access, "run --arch x86_64 --pmd 0x80000000812002a5 --walker gup-fast-write"),
    case("refused", Check::Special, "run --arch x86_64 --pmd 0x80000000812002a7 --walker gup-fast-write"),
    // The planted guest first gives back a reference of the page, so that nobody holds it; the entry may change
    // after that.
    case(
        "refused",
        Check::Grab,
        "run --arch x86_64 --guest guest/planted/elf/grab.elf --entry present-huge --walker gup-fast-read",
    ),
    case("refused", Check::Reread, "run --arch arm64 --entry present-huge --walker gup-fast-read"),
    case("page", Check::Reread, "run --arch arm64 --entry present-huge --walker gup-fast-read"),
    case("leaf", Check::Write, "run --arch x86_64 --entry present-huge-ro --walker fault-write"),
    case("leaf", Check::SetAccessed, "run --arch x86_64 --entry present-huge --walker fault-write"),
    case("leaf", Check::Leaf, "run --arch arm64 --entry present-huge --walker perf-page-size"),
    case("refused", Check::Valid, "run --arch x86_64 --entry none --walker gup-fast-read --with mmu-store"),
    case(
        "marked",
        Check::NoCheck,
        "run --arch x86_64 --entry present-huge --walker gup-fast-read --with mmu-store",
    ),
    case(
        "old",
        Check::NoCheck,
        "run --arch arm64 --entry present-huge --writer pmdp_invalidate --walker gup-fast-read",
    ),
    case("mapped", Check::Migration, "run --arch arm64 --entry present-huge --walker gup-fast-read"),
    case("migrating", Check::Migration, "run --arch arm64 --entry migration-read --walker gup-fast-read"),
    case("unsplit", Check::TransHuge, "run --arch arm64 --entry none --walker gup-fast-read"),
    case(
        "crash",
        Check::NoCheck,
        "run --arch arm64 --guest guest/planted/elf/crash.elf --entry present-huge --walker perf-page-size",
    ),
    case(
        "unknown",
        Check::NoCheck,
        "run --arch x86_64 --guest guest/planted/elf/endless.elf --entry present-huge --walker perf-page-size \
         --max-instructions 20000",
    ),
];

#[test]
fn every_check_and_every_outcome_occurs() {
    for OutcomeCase { result, check, line } in OUTCOMES {
        let check = (*check != Check::NoCheck).then(|| check.name());
        let ran = report(line);
        assert!(outcomes(&ran).contains(&(*result, check)), "{line}: {:?}", outcomes(&ran));
    }
    for check in Check::ALL {
        assert!(OUTCOMES.iter().any(|case| case.check == *check), "no case of the check {check}");
    }
    let results = WalkResult::ALL.iter().map(|result| result.name());
    for result in results.chain(["crash", "unknown"]) {
        assert!(OUTCOMES.iter().any(|case| case.result == result), "no case of the outcome {result}");
    }
}

/// In the baseline run, the check that refuses an entry is the first one in the kernel's order.
#[test]
fn the_first_check_that_refuses_is_the_kernels() {
    for (line, check) in [
        // Not accessible either.
        ("run --arch x86_64 --entry swap --walker gup-fast-read", "present"),
        ("run --arch x86_64 --entry protnone --walker gup-fast-read", "protnone"),
        ("run --arch arm64 --entry protnone --walker gup-fast-write", "protnone"),
        // Special too.
        ("run --arch x86_64 --pmd 0x80000000812002a5 --walker gup-fast-write", "access"),
        // A leaf by its bits.
        ("run --arch ppc64le --mmu radix --entry migration-read --walker gup-fast-read", "present"),
        // Bad too.
        ("run --arch x86_64 --entry none --walker pte-offset-map", "none"),
        ("run --arch x86_64 --entry present-huge --walker pte-offset-map", "trans-huge"),
        ("run --arch x86_64 --entry migration-read --walker pte-offset-map", "present"),
        ("run --arch x86_64 --linux 6.6 --entry migration-read --walker pte-offset-map", "migration"),
        // Not to be written to either.
        ("run --arch x86_64 --entry protnone --walker fault-write", "protnone"),
    ] {
        assert_eq!(report(line)["alone"]["stopped_by"], check, "{line}");
    }
}

/// If nobody holds the page, no walker reads the entry again, although the entry changes.
#[test]
fn the_page_is_taken_before_the_entry_is_read_again() {
    let line =
        "run --arch x86_64 --guest guest/planted/elf/grab.elf --entry present-huge --walker gup-fast-read";
    let ran = report(line);
    let checks: Vec<_> = outcomes(&ran).into_iter().filter_map(|(_, check)| check).collect();
    assert!(checks.contains(&"grab") && !checks.contains(&"reread"), "{checks:?}");
}

/// If no finding explains a crash, the verdict is unknown: a crash is no pass.
#[test]
fn a_crash_is_never_a_pass() {
    let line = |entry: &str| {
        format!(
            "run --arch arm64 --guest guest/planted/elf/crash.elf --entry {entry} --writer split-unguarded --walker \
             perf-page-size"
        )
    };
    let on_mapping = report(&line("present-huge"));
    assert_eq!(on_mapping["verdict"], "unknown");
    let why = text(&on_mapping, "incomplete").expect("it says why");
    assert!(why.contains("a routine accessed"), "{why}");
    let on_swap_entry = report(&line("migration-read"));
    assert_eq!(
        (&on_swap_entry["verdict"], findings(&on_swap_entry).as_slice()),
        (&"findings".into(), &["swap-becomes-present", "walker-past-present", "crash-in-race"][..])
    );
}

/// GUP-fast refuses a special entry before it takes a reference of its page: otherwise the reference would remain.
#[test]
fn a_special_entry_is_refused_before_its_page_is_taken() {
    let references = |line: &str| -> usize {
        list(&report(line), "traces").map(|trace| list(trace, "references").count()).sum()
    };
    assert_eq!(references("run --arch x86_64 --pmd 0x80000000812002a7 --walker gup-fast-write"), 0);
    assert_eq!(references("run --arch x86_64 --entry present-huge --walker gup-fast-write"), 1);
}

/// A routine that should only read destroys an entry, as was reported of kernels.
#[test]
fn a_walker_that_empties_what_it_takes_for_bad_is_found() {
    for (line, what, found) in [
        // A device-private entry, before kernels knew them as PMDs. The walker clears it in both orders.
        (
            "run --arch x86_64 --linux 6.17 --pmd 0xefffff80042bfe00 --writer split-guarded --walker pte-offset-map",
            "swap entry 0xefffff80042bfe00",
            &["entry-destroyed"][..],
        ),
        // A mapping of device memory. The walker also clears the page table that the split has just installed.
        (
            "run --arch x86_64 --linux 6.1 --pmd 84000001006000a5 --writer split-guarded --walker pte-offset-map",
            "mapping 0x84000001006000a5",
            &["entry-destroyed", "not-serializable"][..],
        ),
    ] {
        let ran = report(line);
        assert_eq!(findings(&ran), found, "{line}");
        assert_eq!(ran["verdict"], "findings", "{line}");
        let explained = list(&ran, "findings").filter_map(|finding| text(finding, "explanation"));
        assert!(explained.into_iter().any(|said| said.contains(&format!("overwrote {what} with"))), "{line}");
    }
    // The explanation tells the lost entry from the changed form of it, and from the entry that the writer
    // installed.
    let ran = report(
        "run --arch x86_64 --linux 6.1 --pmd 84000001006000a5 --writer split-guarded --walker pte-offset-map",
    );
    let explained: Vec<_> =
        list(&ran, "findings").filter_map(|finding| text(finding, "explanation")).collect();
    for what in [
        "overwrote 0x0000000000410067, which the writer had installed in the place of mapping 0x84000001006000a5, with",
        "overwrote mapping 0x84000001006000a5, which was 0x840ffffeff8000a4 by then, with",
    ] {
        assert!(explained.iter().any(|said| said.contains(what)), "{what}: {explained:#?}");
    }
    // A walker may empty an entry that is damaged. From 7.2 on it does not take the device-private entry for bad.
    for line in [
        "run --arch x86_64 --linux 6.17 --pmd 0x1001 --writer split-guarded --walker pte-offset-map",
        "run --arch x86_64 --linux 7.2 --pmd 0xefffff80042bfe00 --writer split-guarded --walker pte-offset-map",
    ] {
        assert_eq!(findings(&report(line)), Vec::<&str>::new(), "{line}");
    }
    // A further walker is a reader as well.
    let line = "run --arch x86_64 --linux 6.17 --pmd 0xefffff80042bfe00 --writer split-guarded --walker gup-fast-read \
                --with pte-offset-map";
    assert!(findings(&report(line)).contains(&"entry-destroyed"), "{line}");
}

/// Which architectures' GUP-fast takes a page from a mapping that is being invalidated, according to machine code.
#[test]
fn gup_fast_and_an_invalidated_mapping() {
    let line = |arch: &str| {
        format!(
            "run --arch {arch} --entry present-huge --young --writer pmdp_invalidate --walker gup-fast-read"
        )
    };
    for arch in ["s390x", "riscv64"] {
        assert_eq!(findings(&report(&line(arch))), ["took-invalidated"], "{arch}");
    }
    for arch in ["arm64", "x86_64", "ppc64le"] {
        assert_eq!(findings(&report(&line(arch))), Vec::<&str>::new(), "{arch}");
    }
}

/// The planted guests are those of the list, and no others.
#[test]
fn the_planted_guests_are_those_of_the_list() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("guest/planted");
    let listed = std::fs::read_to_string(root.join("planted.txt")).expect("the list is there");
    let mut listed: Vec<String> = listed
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split_whitespace().next())
        .map(|name| format!("{name}.elf"))
        .collect();
    let files = std::fs::read_dir(root.join("elf")).expect("guest/build has made them");
    let mut built: Vec<String> = files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    listed.sort();
    built.sort();
    assert_eq!(listed, built, "run guest/build");
}
