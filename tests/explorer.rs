//! The explorer as the binary offers it: both reductions, single schedules, further routines, bounds, and machine
//! code that does not repeat itself.

use std::collections::BTreeSet;
use std::fs;

use crate::common::platforms::PLATFORMS;
use crate::common::scratch::Scratch;
use crate::common::{Ran, command, finish, pmdscope, pmdscope_in};
use pmdscope_arches::Arch;
use pmdscope_guest::{Guest, bundled};
use serde_json::Value;

/// Returns command lines over every platform and writer. A platform refuses those that it does not have.
fn sample() -> Vec<String> {
    let entries = ["migration-write", "present-huge", "migration-read --soft-dirty", "table", "none"];
    let writers = ["split-unguarded", "split-guarded", "pmdp_invalidate"];
    let walkers = ["hmm", "fault-read", "page-vma-mapped-walk", "gup-fast-read", "pte-offset-map"];
    let mut lines = Vec::new();
    for platform in PLATFORMS {
        for entry in entries {
            for writer in writers {
                let walker = walkers[lines.len() % walkers.len()];
                lines.push(format!("run {platform} --entry {entry} --writer {writer} --walker {walker}"));
            }
        }
    }
    lines
}

/// Whether a run failed with this status and one line that says this, and printed nothing else.
fn one_line(ran: &Ran, status: i32, says: &str) -> bool {
    ran.status == Some(status)
        && ran.stdout.is_empty()
        && ran.stderr.starts_with("pmdscope: ")
        && ran.stderr.ends_with('\n')
        && ran.stderr.lines().count() == 1
        && ran.stderr.contains(says)
        && !ran.stderr.contains("panicked")
}

#[track_caller]
fn refused(line: &str, says: &str) {
    let ran = pmdscope(line);
    assert!(one_line(&ran, 2, says), "pmdscope {line}: wanted {says:?}, got {ran:?}");
}

/// Returns the report and the exit status; `None` if the line was refused.
fn report(line: &str) -> Option<(Value, i32)> {
    let ran = pmdscope(&format!("{line} --format json"));
    if ran.status == Some(2) {
        return None;
    }
    assert_eq!(ran.stderr, "", "pmdscope {line}");
    let report = serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{line}: {error}"));
    Some((report, ran.status.expect("it exits")))
}

fn list<'a>(report: &'a Value, field: &str) -> &'a [Value] {
    report[field].as_array().map_or(&[], Vec::as_slice)
}

fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().unwrap_or_else(|| panic!("no text {field} in {value}"))
}

fn finding_names(report: &Value) -> BTreeSet<String> {
    list(report, "findings").iter().map(|finding| text(finding, "name").to_owned()).collect()
}

/// Removes what may differ between the two reductions: the representative schedules and the number of runs.
fn without_schedules(value: Value) -> Value {
    match value {
        Value::Object(fields) => {
            let kept = fields.into_iter().filter(|(name, _)| name != "schedule" && name != "machine_runs");
            Value::Object(kept.map(|(name, field)| (name, without_schedules(field))).collect())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(without_schedules).collect()),
        other => other,
    }
}

/// Removes the command from a report.
fn without_command(mut report: Value) -> Value {
    report.as_object_mut().expect("an object").remove("command").expect("a report has its command");
    report
}

/// Removes from a report what may differ between the two reductions, and sorts its lists.
///
/// Events of a trace are in the order of its schedule, and the value that a store overwrites depends on that
/// order.
fn comparable(mut report: Value) -> Value {
    for trace in report["traces"].as_array_mut().expect("a run has traces") {
        let events = trace["events"].as_array_mut().expect("a trace has events");
        events.sort_by_key(|event| event["cpu"].as_u64());
        for event in events {
            let event = event.as_object_mut().expect("an event is an object");
            if event["event"] != "atomic" {
                event.remove("before");
                event.remove("changes");
            }
        }
    }
    let mut report = without_command(without_schedules(report));
    for field in ["traces", "views", "outcomes", "writer_outcomes", "divergences", "warnings"] {
        let items = report[field].as_array_mut().unwrap_or_else(|| panic!("no {field}"));
        items.sort_by_key(ToString::to_string);
    }
    for outcomes in report["with_outcomes"].as_array_mut().expect("there is with_outcomes") {
        outcomes.as_array_mut().expect("outcomes").sort_by_key(ToString::to_string);
    }
    for field in ["findings", "stored"] {
        report[field].as_array_mut().expect("a list").sort_by_key(ToString::to_string);
    }
    report
}

#[test]
fn both_reductions_report_the_same() {
    let mut compared = 0;
    let with = ["", " --with fault-read", " --with pmdp_invalidate"];
    for (n, line) in sample().into_iter().enumerate() {
        let line = format!("{line}{}", with[n % with.len()]);
        let Some((joined, status)) = report(&line) else { continue };
        let (each, each_status) =
            report(&format!("{line} --reduction none --max-schedules 3000")).expect("the same is accepted");
        assert_eq!(joined["incomplete"], Value::Null, "pmdscope {line}");
        let total = joined["schedules"]["total"].as_u64().expect("few enough");
        if total > 3000 {
            assert_eq!(text(&each, "incomplete"), "there are more than 3000 schedules", "pmdscope {line}");
            assert!(finding_names(&each).is_subset(&finding_names(&joined)), "pmdscope {line}");
            continue;
        }
        assert_eq!(status, each_status, "pmdscope {line}");
        assert_eq!(comparable(joined), comparable(each), "pmdscope {line}");
        compared += 1;
    }
    assert!(compared > 80, "only {compared} of the sample can be run");
}

#[test]
fn the_schedule_of_a_finding_shows_it_again() {
    let mut shown = BTreeSet::new();
    for line in sample() {
        let Some((all, _)) = report(&line) else { continue };
        for finding in list(&all, "findings") {
            let (name, schedule) = (text(finding, "name"), text(finding, "schedule"));
            // With blanks it is one argument of a shell; here it is written without.
            let again = format!("{line} --schedule {}", schedule.replace(' ', ""));
            let (one, status) = report(&again).unwrap_or_else(|| panic!("refused: pmdscope {again}"));
            assert_eq!(status, 1, "pmdscope {again}");
            assert!(finding_names(&one).contains(name), "pmdscope {again}: {name}");
            let same =
                |one: &&Value| one["name"] == finding["name"] && one["explanation"] == finding["explanation"];
            assert!(list(&one, "findings").iter().any(|one| same(&one)), "pmdscope {again}: {finding}");
            assert_eq!(one["schedules"]["total"].to_string(), "1", "pmdscope {again}");
            assert_eq!(text(&list(&one, "traces")[0], "schedule"), schedule, "pmdscope {again}");
            assert_ne!(one["incomplete"], Value::Null, "pmdscope {again}");
            shown.insert(name.to_owned());
        }
    }
    assert!(shown.len() >= 5, "the sample has findings of few kinds: {shown:?}");
}

/// One schedule without findings says nothing about the others.
#[test]
fn one_schedule_never_passes() {
    let line = "run --arch arm64 --entry present-huge --young --dirty --writer pmdp_invalidate --walker gup-fast-read";
    let (all, status) = report(line).expect("accepted");
    assert_eq!((status, text(&all, "verdict")), (0, "pass"));
    for trace in list(&all, "traces") {
        let schedule = text(trace, "schedule").replace(' ', "");
        let (one, status) = report(&format!("{line} --schedule {schedule}")).expect("accepted");
        assert_eq!((status, text(&one, "verdict")), (3, "unknown"), "{schedule}");
        assert_eq!(text(&one, "incomplete"), "only the schedule that was asked for was run");
    }
}

#[test]
fn a_schedule_that_does_not_fit_is_refused_with_what_was_possible() {
    let run = "run --arch arm64 --entry present-huge --writer pmdp_invalidate --walker fault-read --schedule";
    let (all, _) = report(run.strip_suffix(" --schedule").expect("it ends so")).expect("accepted");
    let first = text(&list(&all, "traces")[0], "schedule").to_owned();
    let writer: usize =
        first.split(' ').next().and_then(|turn| turn[1..].parse().ok()).expect("W and a number");
    assert_eq!(first, format!("W{writer} K2"));
    for (schedule, says) in [
        ("K3".to_owned(), "turn 3 of the schedule is K, but W can go on there".to_owned()),
        ("A1".to_owned(), "turn 1 of the schedule is A, but W or K can go on there".to_owned()),
        (
            format!("W{}K2", writer + 1),
            format!("turn {} of the schedule is W, but K can go on there", writer + 1),
        ),
        (format!("W{writer}K3"), format!("turn {} of the schedule is K, but nothing", writer + 3)),
        ("W1".to_owned(), "the schedule ends after 1 accesses, but W or K can go on".to_owned()),
        (format!("W{writer}"), format!("the schedule ends after {writer} accesses, but K can go on")),
        (format!("W{writer}K1"), format!("the schedule ends after {} accesses, but K can go on", writer + 1)),
        (format!("W{}", 1 << 20), format!("turn {} of the schedule is W", writer + 1)),
    ] {
        refused(&format!("{run} {schedule}"), &says);
    }
    for nonsense in
        ["W0", "W1K0", "K", "3", "W-1", "X1", "w1", "W1,K1", "1W", "W1K", "W99999999999999999999", "W1048577"]
    {
        refused(&format!("{run} {nonsense}"), "in a schedule: write it as W3 K2 W1");
    }
    for empty in ["", " ", "\n", "W1 \u{7} K1"] {
        let args: Vec<&str> = run.split(' ').chain([empty]).collect();
        let ran = finish(&mut command(&args));
        assert!(one_line(&ran, 2, "in a schedule: write it as"), "{empty:?}: {ran:?}");
    }
    refused(&format!("{run} W1K1 --reduction none"), "'--reduction <REDUCTION>'");
}

#[test]
fn a_self_check_prints_what_is_printed_without() {
    let lines: Vec<String> = sample().into_iter().step_by(7).collect();
    let more = [
        "run --arch arm64 --entry present-huge --writer pmdp_invalidate --with mmu-store",
        "run --arch x86_64 --entry migration-read --reduction none --format jsonl",
        "run --arch riscv64 --entry migration-read --walker hmm --walker fault-read --format markdown",
        "run --arch arm64 --entry present-huge --writer pmdp_invalidate --walker fault-read --schedule K3",
        "compare",
        "compare --arch arm64 --arch s390x --entry present-huge --format json",
    ];
    for line in lines.iter().map(String::as_str).chain(more) {
        assert_eq!(pmdscope(&format!("{line} --self-check")), pmdscope(line), "pmdscope {line}");
    }
}

#[test]
fn what_a_bound_on_behaviours_leaves_out_is_unknown_and_never_passes() {
    let mut unknown = 0;
    for line in sample() {
        let Some((all, _)) = report(&line) else { continue };
        let behaviours = all["schedules"]["behaviours"].as_u64().expect("a number");
        let (one, status) = report(&format!("{line} --max-behaviours 1")).expect("accepted");
        if behaviours == 1 {
            assert_eq!(without_command(one), without_command(all), "pmdscope {line}");
            continue;
        }
        assert_eq!(
            text(&one, "incomplete"),
            "there are more than 1 behaviours, or more states than can be kept",
            "pmdscope {line}"
        );
        assert!(finding_names(&one).is_subset(&finding_names(&all)), "pmdscope {line}");
        let (expected, verdict) =
            if list(&one, "findings").is_empty() { (3, "unknown") } else { (1, "findings") };
        assert_eq!((status, text(&one, "verdict")), (expected, verdict), "pmdscope {line}");
        unknown += usize::from(status == 3);
        let (enough, _) = report(&format!("{line} --max-behaviours {behaviours}")).expect("accepted");
        assert_eq!(enough["verdict"], all["verdict"], "pmdscope {line}");
    }
    assert!(unknown > 10, "{unknown}");
}

#[test]
fn a_guest_that_never_ends_is_unknown() {
    // H_PAGE_BUSY: the writer waits for the end of a hash fault that never comes.
    let busy = "--mmu hash --pmd 0xc0000008120005c5 --writer pmdp_invalidate --walker gup-fast-read";
    for bounds in [
        "",
        "--max-accesses 7",
        "--max-instructions 500",
        "--timeout 1",
        "--reduction none --max-accesses 7",
        "--reduction none --timeout 1",
        "--with pmdp_invalidate --timeout 1",
    ] {
        let line = format!("run --arch ppc64le {busy} {bounds}");
        let (report, status) = report(&line).unwrap_or_else(|| panic!("refused: pmdscope {line}"));
        assert_eq!((status, text(&report, "verdict")), (3, "unknown"), "pmdscope {line}");
        assert_ne!(report["incomplete"], Value::Null, "pmdscope {line}");
    }
}

#[test]
fn several_routines_run_with_writer_and_walker() {
    let line = "run --arch x86_64 --entry present-huge --writer pmdp_invalidate --walker pte-offset-map";
    let (two, _) = report(line).expect("accepted");
    assert_eq!((list(&two, "with").len(), list(&two, "with_outcomes").len()), (0, 0));
    for with in [vec!["mmu-store"], vec!["hmm", "mmu-load"], vec!["pte-offset-map", "pte-offset-map"]] {
        let options: String = with.iter().map(|with| format!(" --with {with}")).collect();
        let (several, status) = report(&format!("{line}{options}")).expect("accepted");
        assert!(matches!(status, 0 | 1), "{options}: {status}");
        assert_eq!(list(&several, "with"), with, "{options}");
        assert_eq!(list(&several, "with_outcomes").len(), with.len(), "{options}");
        for outcomes in list(&several, "with_outcomes") {
            assert!(!outcomes.as_array().expect("a list").is_empty(), "{options}");
        }
        let cpus: BTreeSet<u64> = list(&several, "traces")
            .iter()
            .flat_map(|trace| list(trace, "events"))
            .filter_map(|event| event["cpu"].as_u64())
            .collect();
        assert_eq!(cpus.into_iter().collect::<Vec<_>>(), (0..2 + with.len() as u64).collect::<Vec<_>>());
        // The walker can still see everything that it saw before.
        let views = |report: &Value| -> BTreeSet<String> {
            list(report, "views").iter().map(|view| text(view, "value").to_owned()).collect()
        };
        assert!(views(&several).is_superset(&views(&two)), "{options}");
    }
}

#[test]
fn a_routine_that_cannot_run_with_others_is_refused() {
    let run = "run --arch x86_64 --entry present-huge";
    refused(&format!("{run} --with mmu-sotre"), "unknown routine 'mmu-sotre': did you mean 'mmu-store'?");
    refused(&format!("{run} --with split-guard"), "did you mean 'split-guarded'?");
    refused(&format!("{run} --with gup-fast"), "did you mean 'gup-fast-read'?");
    refused(&format!("{run} --with zzz"), "known are ");
    let many = |count| " --with mmu-load".repeat(count);
    refused(&format!("{run}{}", many(7)), "7 routines are too many to run with writer and walker: at most 6");
    refused(&format!("{run} --with mmu-load --max-behaviours 0"), "--max-behaviours is 0");
    for platform in ["--arch s390x", "--arch sparc64", "--arch ppc64 --mmu hash"] {
        for agent in ["mmu-store", "mmu-load"] {
            let line = format!("run {platform} --entry present-huge --walker hmm --with {agent}");
            refused(&line, &format!("has no {agent}: its MMU does not mark entries"));
        }
    }
    refused(
        "run --arch x86_64 --linux 5.10 --entry present-huge --with perf-page-size",
        "has no perf-page-size: it came in Linux 5.11",
    );
    // The largest number of routines is accepted, though a bound may stop it.
    let ran = pmdscope(&format!("{run} --writer pmdp_invalidate --timeout 2{}", many(6)));
    assert!(matches!(ran.status, Some(0 | 1 | 3)), "{ran:?}");
}

/// The purpose of every architecture's `pmdp_invalidate()`: bits that the MMU sets meanwhile are in the value that
/// it returns, or remain in the entry.
#[test]
fn no_writer_loses_what_the_mmu_sets() {
    let (mut with_agents, mut marked) = (0, 0);
    for platform in PLATFORMS {
        for writer in ["pmdp_invalidate", "pmdp_invalidate_ad", "split-unguarded", "split-guarded"] {
            for marks in ["", " --young", " --young --dirty"] {
                for agent in ["mmu-store", "mmu-load"] {
                    let line = format!(
                        "run {platform} --entry present-huge{marks} --writer {writer} --walker fault-read --with {agent}"
                    );
                    let Some((report, _)) = report(&line) else { continue };
                    with_agents += 1;
                    assert!(!finding_names(&report).contains("bits-lost"), "pmdscope {line}");
                    let came = list(&report, "with_outcomes")[0].as_array().expect("outcomes").clone();
                    marked += usize::from(came.iter().any(|outcome| outcome["result"] == "marked"));
                }
            }
        }
    }
    assert!(with_agents >= 60 && marked * 2 > with_agents, "{with_agents} runs, {marked} with marks");
}

/// Returns an x86_64 guest whose `hmm` reads the entry up to seven times, and then jumps to `pte_offset_map`.
///
/// Three bits of the cycle counter, from `bit` on, say how often. Nothing else that code can read differs from run
/// to run.
fn fickle_guest(bit: u8) -> Vec<u8> {
    let name = bundled(Arch::X86_64, None, pmdscope_arches::Version::NEWEST).expect("there is one").name;
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("guest/elf");
    let mut bytes =
        fs::read(folder.join(format!("{name}.elf"))).expect("the bundled guests are in guest/elf");
    let guest = Guest::parse(&bytes, Arch::X86_64).expect("it is a guest");
    let function = |symbol| guest.function(symbol).expect("every guest has it");
    let (hmm, map) = (function("hmm"), function("pte_offset_map"));

    let mut code = vec![0x52, 0x0f, 0x31, 0x5a]; // push %rdx; rdtsc; pop %rdx
    code.extend([0xc1, 0xe8, bit, 0x83, 0xe0, 7]); // shr $bit, %eax; and $7, %eax
    code.extend([0x85, 0xc0, 0x74, 7]); // test %eax, %eax; je past the loop
    code.extend([0x4c, 0x8b, 0x1f, 0xff, 0xc8, 0xeb, 0xf5]); // mov (%rdi), %r11; dec %eax; jmp to the test
    code.push(0xe9); // jmp pte_offset_map
    let next = hmm + code.len() as u64 + 4;
    let distance = i32::try_from(map.cast_signed() - next.cast_signed()).expect("they are close");
    code.extend(distance.to_le_bytes());

    // The offset of the function in the file.
    let segment = guest
        .segments()
        .iter()
        .find(|segment| (segment.address..segment.address + segment.size).contains(&hmm))
        .expect("the function is in a segment");
    let in_file = bytes
        .windows(segment.bytes.len())
        .position(|window| window == &segment.bytes[..])
        .expect("the segment is in the file");
    let at = in_file + usize::try_from(hmm - segment.address).expect("it fits");
    bytes[at..at + code.len()].copy_from_slice(&code);
    bytes
}

#[test]
fn machine_code_that_does_not_depend_on_its_reads_alone_is_an_internal_fault() {
    let scratch = Scratch::new("machine-code-that-does-not-depend-on-its-reads-alone");
    for bit in [5, 7, 9] {
        fs::write(scratch.path().join("guest"), fickle_guest(bit)).expect("written");
        let run = "run --arch x86_64 --entry present-huge --writer split-unguarded --guest guest";
        for options in ["--walker hmm", "--walker hmm --reduction none", "--walker fault-read --with hmm"] {
            let ran = pmdscope_in(scratch.path(), &format!("{run} {options}"));
            let says = "the machine code did not do what was recorded of it: ";
            assert!(one_line(&ran, 4, says), "bit {bit}, {options}: {ran:?}");
            let schedule = ran.stderr.split("under schedule ").nth(1).unwrap_or_default();
            assert!(schedule.starts_with(['W', 'K', 'A']), "{ran:?}");
        }
        // The other routines of that guest are unchanged.
        let ran = pmdscope_in(scratch.path(), &format!("{run} --walker pte-offset-map"));
        assert!(matches!(ran.status, Some(0 | 1)), "{ran:?}");
    }
}
