//! Batches: each job of a matrix runs once, and the results are the same however it is divided and interrupted.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::common::scratch::Scratch;
use crate::common::{Ran, command, finish, pmdscope_in};
use pmdscope_needs::Need;
use serde_json::Value;

/// Jobs of every verdict except unknown, and a sweep, in well under a second.
const MATRIX: &str = r#"
[[include]]
arches  = ["arm64", "ppc64le", "sparc64"]
linux   = ["6.1", "7.2"]
entries = ["migration-write", "present-huge", { types = { from = 0, to = 3 }, offsets = [0x200, 0x40000] }]
writers = ["split-unguarded", "split-guarded"]
walkers = ["hmm", "perf-page-size"]

[[include]]
arches  = ["arm64"]
linux   = ["6.1"]
entries = { sweep = "migration" }
writers = ["pmdp_invalidate"]

[[exclude]]
mmus    = ["hash"]
walkers = ["hmm"]
"#;

/// Makes a folder with this matrix in `m.toml`.
fn scratch_with(name: &str, matrix: &str) -> Scratch {
    let scratch = Scratch::new(name);
    fs::write(scratch.path().join("m.toml"), matrix).expect("a matrix");
    scratch
}

/// Returns the bytes of every file of a directory, by name.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut all = BTreeMap::new();
    for entry in fs::read_dir(folder).expect("a folder").flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if entry.path().is_dir() {
            for (inner, bytes) in files(&entry.path()) {
                all.insert(format!("{name}/{inner}"), bytes);
            }
        } else {
            all.insert(name, fs::read(entry.path()).expect("a file"));
        }
    }
    all
}

fn assert_same(scratch: &Scratch, one: &str, other: &str) {
    let (one, other) = (files(&scratch.path().join(one)), files(&scratch.path().join(other)));
    let names = |files: &BTreeMap<String, Vec<u8>>| files.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&one), names(&other));
    for (name, bytes) in &one {
        assert!(other[name] == *bytes, "{name} has other bytes");
    }
}

fn ok(ran: &Ran, status: i32) {
    assert_eq!((ran.status, ran.stderr.as_str()), (Some(status), ""), "{}", ran.stdout);
}

#[test]
fn a_dry_run_lists_the_jobs_and_runs_none() {
    let scratch = scratch_with("a-dry-run-lists-the-jobs", MATRIX);
    let ran = pmdscope_in(scratch.path(), "batch m.toml --dry-run");
    ok(&ran, 0);
    let jobs =
        ran.stdout.lines().filter(|line| line.contains("  split-") || line.contains("  pmdp_")).count();
    assert!(ran.stdout.starts_with(&format!("{jobs} jobs\n")), "{}", ran.stdout);
    assert!(ran.stdout.contains("sparc64 6.1: cannot express migration-write"), "{}", ran.stdout);
    assert!(ran.stdout.contains("arm64 6.1  swap type 0x2 offset 0x40000  split-guarded  hmm\n"));
    assert!(!ran.stdout.contains("hash 6.1  migration-write  split-unguarded  hmm"));
    assert!(ran.stdout.ends_with("arm64 6.1  sweep of migration  pmdp_invalidate\n"), "{}", ran.stdout);
    assert_eq!(files(scratch.path()).len(), 1, "nothing is written");
    let part = pmdscope_in(scratch.path(), "batch m.toml --dry-run --partition slice:2/5").stdout;
    assert!(part.lines().last().is_some_and(|line| ran.stdout.contains(line)), "{part}");
}

#[test]
fn the_same_bytes_come_of_any_number_of_workers_and_of_any_parts() {
    let scratch = scratch_with("the-same-bytes-come", MATRIX);
    let run = |line: &str, status| ok(&pmdscope_in(scratch.path(), line), status);
    run("batch m.toml -o whole", 1);
    run("batch m.toml -o one --workers 1", 1);
    assert_same(&scratch, "whole", "one");
    for kind in ["slice", "hash"] {
        for part in 1..=3 {
            run(&format!("batch m.toml -o {kind}-{part} --partition {kind}:{part}/3"), 1);
        }
        run(&format!("merge {kind}-3 {kind}-1 {kind}-2 -o {kind}"), 0);
        assert_same(&scratch, "whole", kind);
    }
}

#[test]
fn what_a_merge_lacks_is_run_by_a_batch() {
    let scratch = scratch_with("what-a-merge-lacks", MATRIX);
    ok(&pmdscope_in(scratch.path(), "batch m.toml -o whole"), 1);
    for part in [1, 3] {
        ok(&pmdscope_in(scratch.path(), &format!("batch m.toml -o p{part} --partition slice:{part}/3")), 1);
    }
    let merged = pmdscope_in(scratch.path(), "merge p1 p3 -o merged");
    assert_eq!(merged.status, Some(5));
    assert!(merged.stderr.contains("jobs are recorded in these; the others are run by"), "{}", merged.stderr);
    ok(&pmdscope_in(scratch.path(), "batch m.toml -o merged --resume"), 1);
    assert_same(&scratch, "whole", "merged");
}

#[test]
fn records_that_are_damaged_are_told_and_run_again() {
    let scratch = scratch_with("records-that-are-damaged", MATRIX);
    for results in ["whole", "cut", "changed"] {
        ok(&pmdscope_in(scratch.path(), &format!("batch m.toml -o {results}")), 1);
    }
    let segment = "records/0000000000.jsonl.zst";
    let bytes = fs::read(scratch.path().join("whole").join(segment)).expect("a segment");
    let mut changed = bytes.clone();
    changed[bytes.len() / 2] ^= 0x10;
    for (results, bytes) in [("cut", &bytes[..bytes.len() / 2]), ("changed", &changed)] {
        fs::write(scratch.path().join(results).join(segment), bytes).expect("written");
        let reported = pmdscope_in(scratch.path(), &format!("report {results}"));
        assert_eq!(reported.status, Some(2), "{}", reported.stderr);
        assert!(reported.stderr.contains(segment), "{}", reported.stderr);
        let again = pmdscope_in(scratch.path(), &format!("batch m.toml -o {results} --resume"));
        assert_eq!(again.status, Some(1), "{}", again.stderr);
        let told = format!("{results}/{segment}: ");
        assert!(again.stderr.contains(&told), "{}", again.stderr);
        assert!(again.stderr.contains("its jobs are run again"), "{}", again.stderr);
        assert_same(&scratch, "whole", results);
    }
}

#[test]
fn results_of_other_work_are_not_merged_or_gone_on_with() {
    let scratch = scratch_with("results-of-other-work", MATRIX);
    fs::write(scratch.path().join("n.toml"), MATRIX.replace("split-guarded\"", "pmdp_invalidate\""))
        .expect("written");
    let refused = |line: &str, why: &str| {
        let ran = pmdscope_in(scratch.path(), line);
        assert_eq!((ran.status, ran.stdout.as_str()), (Some(2), ""), "{line}: {}", ran.stderr);
        assert!(ran.stderr.contains(why) && ran.stderr.lines().count() == 1, "{line}: {}", ran.stderr);
    };
    ok(&pmdscope_in(scratch.path(), "batch m.toml -o m1 --partition slice:1/2"), 1);
    ok(&pmdscope_in(scratch.path(), "batch n.toml -o n2 --partition slice:2/2"), 1);
    refused("merge m1 n2 -o both", "n2 cannot be merged with m1: it is of another matrix");
    refused("merge m1 m1 -o both", "the record of job 0 is in m1 and in m1");
    refused("merge m1 nothing -o both", "nothing is no results directory");
    assert!(!scratch.path().join("both").exists() && !scratch.path().join("both.part").exists());
    refused("merge m1 -o n2", "n2 is there already");
    refused("batch m.toml -o m1 --partition slice:1/2", "has the results of a batch already: add --resume");
    refused("batch n.toml -o m1 --partition slice:1/2 --resume", "it is of another matrix");
    refused("batch m.toml -o m1 --resume", "it is of slice:1/2, not of the whole matrix");
    // Another program, another engine, or another build of the same program.
    ok(&pmdscope_in(scratch.path(), "batch m.toml -o m2 --partition slice:2/2"), 1);
    let file = scratch.path().join("m1/batch.json");
    let text = fs::read_to_string(&file).expect("text");
    let batch: Value = serde_json::from_str(&text).expect("JSON");
    let sources = batch["sources"].as_str().expect("it names its sources");
    for (is, other, why) in [
        ("\"pmdscope 0.", "\"pmdscope 9.", "it was made by pmdscope 9."),
        ("(Unicorn 2.", "(Unicorn 3.", "(Unicorn 3."),
        (sources, "0123456789abcdef", "from sources 0123456789abcdef, not from sources "),
    ] {
        assert!(text.contains(is), "{is}: {text}");
        fs::write(&file, text.replace(is, other)).expect("written");
        refused("batch m.toml -o m1 --partition slice:1/2 --resume", why);
        refused("merge m2 m1 -o both", why);
    }
    // A batch that does not name its sources was made before sources were recorded.
    let mut unnamed = batch.clone();
    unnamed.as_object_mut().expect("an object").remove("sources");
    fs::write(&file, unnamed.to_string()).expect("written");
    refused("merge m2 m1 -o both", "from sources that it does not name");
    fs::write(&file, "{").expect("written");
    refused("report m1", "m1/batch.json is damaged");
}

#[test]
fn mistakes_in_a_matrix_are_told_where_they_are_before_anything_runs() {
    for (matrix, told) in [
        (
            "[[include]]\narches = [\"arm46\"]\n",
            "m.toml:2:11: unknown architecture 'arm46': did you mean 'arm64'?",
        ),
        ("[[include]]\nlinux = [\"6.12\", \"4.4\"]\n", "m.toml:2:18: "),
        ("[[include]]\nwriters = [\"split\"]\n", "m.toml:2:12: unknown writer 'split'"),
        (
            "[[include]]\nentries = [\n  \"swap\",\n  \"swop\",\n]\n",
            "m.toml:4:3: unknown entry 'swop': did you mean 'swap'?",
        ),
        ("[[include]]\nentries = { sweep = \"swop\" }\n", "m.toml:2:21: "),
        ("[[include]]\nentries = { pmds = { from = 2, to = 1 } }\n", "m.toml:2:11: the range ends at 0x1"),
        (
            "[[include]]\nentries = { kind = \"swap\", marks = [[\"yong\"]] }\n",
            "m.toml:2:38: unknown mark 'yong'",
        ),
        ("[[include]]\nkernels = [\"none/*.deb\"]\n", "m.toml:2:12: there is no file none/*.deb"),
        (
            "[[include]]\nkernels = [\"m.toml\"]\nlinux = [\"6.1\"]\n",
            "m.toml:3:10: a kernel says itself which",
        ),
        (
            "[[include]]\n[[exclude]]\narches = [\"arm64\"]\nmmus = [\"hash\"]\n",
            "m.toml:2:1: this takes no job out",
        ),
        (
            "[[include]]\narches=[\"sparc64\"]\nentries=[\"migration-read\"]\n",
            "m.toml:1:1: the matrix has no jobs: sparc64 5.10: cannot express migration-read",
        ),
        (
            "[[include]]\narches=[\"s390x\"]\n[[include]]\nlinux=[\"6.1\"]\n",
            "m.toml:3:1: it has jobs that are in the matrix already: s390x 6.1, ",
        ),
        ("[[include]\n", "m.toml:1:"),
    ] {
        let scratch = scratch_with("mistakes-in-a-matrix", matrix);
        let ran = pmdscope_in(scratch.path(), "batch m.toml -o results");
        assert_eq!((ran.status, ran.stdout.as_str()), (Some(2), ""), "{matrix}: {}", ran.stderr);
        assert!(ran.stderr.starts_with(&format!("pmdscope: {told}")), "{matrix}: {}", ran.stderr);
        assert_eq!(ran.stderr.lines().count(), 1, "{}", ran.stderr);
        assert!(!scratch.path().join("results").exists(), "{matrix}");
    }
}

#[test]
fn every_format_of_a_report_has_the_results() {
    let scratch = scratch_with("every-format-of-a-report", MATRIX);
    let ran = pmdscope_in(scratch.path(), "batch m.toml -o r");
    ok(&ran, 1);
    let jobs: usize = ran.stdout.split(' ').next().and_then(|jobs| jobs.parse().ok()).expect("a number");
    let report = |args: &str| pmdscope_in(scratch.path(), &format!("report r {args}"));
    assert!(report("").stdout.starts_with(&format!("{jobs} jobs, ")));
    // Each record is the report of `run`, except for traces that show no finding.
    let lines = report("--format jsonl").stdout;
    assert_eq!(lines.lines().count(), jobs);
    for (number, line) in lines.lines().enumerate() {
        let record: Value = serde_json::from_str(line).expect("a record");
        assert_eq!(record["job"], number);
        let report = record.get("run").or(record.get("sweep")).expect("a report");
        if number % 17 == 0 || record.get("sweep").is_some() {
            let line = report["command"].as_str().expect("a command");
            let again = pmdscope_in(scratch.path(), &format!("{} --format json", &line["pmdscope ".len()..]));
            let mut again: Value = serde_json::from_str(&again.stdout).expect("a report");
            let mut report = report.clone();
            for report in [&mut again, &mut report] {
                report
                    .as_object_mut()
                    .expect("an object")
                    .retain(|name, _| name != "traces" && name != "entries");
            }
            assert_eq!(again, report, "{line}");
        }
    }
    let compared: Value = serde_json::from_str(&report("--format json").stdout).expect("JSON");
    assert_eq!(compared["rows"].as_array().expect("rows").len(), jobs - 1, "all but the sweep");
    assert_eq!(compared["sweeps"].as_array().expect("sweeps").len(), 1);
    for (format, has) in [
        ("table", " rows, "),
        ("markdown", "| "),
        ("html", "<!DOCTYPE html>"),
        ("ktap", "KTAP version 1"),
        ("junit", "<testsuites"),
        ("summary-markdown", "| "),
    ] {
        let ran = report(&format!("--format {format}"));
        assert!(ran.stdout.contains(has), "{format}: {}", ran.stdout);
        assert!(ran.stdout.contains("pmdp_invalidate"), "{format} lacks the sweep: {}", ran.stdout);
        assert_eq!(ran.stderr, "", "{format}");
        assert_eq!(ran.status, Some(1), "{format}");
    }
    ok(&report("--format sqlite -o r.sqlite"), 1);
    assert!(fs::read(scratch.path().join("r.sqlite")).expect("a file").starts_with(b"SQLite format 3\0"));
    let nowhere = report("--format sqlite -o /dev/null");
    assert_eq!((nowhere.status, nowhere.stdout.as_str()), (Some(2), ""), "{}", nowhere.stderr);
    assert_eq!(nowhere.stderr.lines().count(), 1, "{}", nowhere.stderr);
    // Only some of the records.
    ok(&report("--writer split-guarded --verdict pass"), 0);
    let none = report("--arch arm64 --linux 5.10 --format jsonl -o none.jsonl");
    assert_eq!((none.status, none.stdout.as_str()), (Some(2), ""));
    assert!(none.stderr.contains("none of its"), "{}", none.stderr);
    assert!(!scratch.path().join("none.jsonl").exists());
    // Compared with itself, nothing has changed.
    let same = pmdscope_in(scratch.path(), "diff r r");
    assert_eq!(same.status, Some(0), "{}", same.stderr);
}

#[test]
fn a_diff_says_what_another_matrix_came_to() {
    let scratch = scratch_with("a-diff-says", MATRIX);
    fs::write(scratch.path().join("n.toml"), MATRIX.replace("\"present-huge\", ", "\"protnone\", "))
        .expect("written");
    ok(&pmdscope_in(scratch.path(), "batch m.toml -o old"), 1);
    ok(&pmdscope_in(scratch.path(), "batch n.toml -o new"), 1);
    let ran = pmdscope_in(scratch.path(), "diff old new");
    assert_eq!((ran.status, ran.stderr.as_str()), (Some(1), ""));
    assert!(ran.stdout.contains(" only in the old one, "), "{}", ran.stdout);
    let report: Value =
        serde_json::from_str(&pmdscope_in(scratch.path(), "diff old new --format json").stdout)
            .expect("JSON");
    assert_eq!(report["changed"], true);
    assert!(report["same"].as_u64().is_some_and(|same| same > 50), "{report}");
}

/// Starts a batch in the background.
fn begun(scratch: &Scratch, args: &[&str]) -> std::process::Child {
    let mut command = command(args);
    command
        .current_dir(scratch.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts")
}

/// Waits until a directory has results.
fn until_recorded(folder: &Path) {
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(60) {
        if fs::read_dir(folder.join("records")).is_ok_and(|mut records| records.next().is_some()) {
            return;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    panic!("nothing is recorded");
}

const EVERYTHING: &str = "[[include]]\n";

#[test]
fn an_interrupt_stops_a_batch_that_says_how_to_go_on() {
    let scratch = scratch_with("an-interrupt-stops", EVERYTHING);
    ok(&pmdscope_in(scratch.path(), "batch m.toml -o whole"), 1);
    for signal in ["INT", "TERM"] {
        let child = begun(&scratch, &["batch", "m.toml", "-o", signal]);
        until_recorded(&scratch.path().join(signal));
        let sent = Command::new("kill").args([&format!("-{signal}"), &child.id().to_string()]).status();
        assert!(sent.expect("kill").success());
        let output = child.wait_with_output().expect("it ends");
        let told = String::from_utf8(output.stderr).expect("text");
        assert_eq!(output.status.code(), Some(5), "{told}");
        assert!(told.contains(" jobs are recorded; go on with: pmdscope batch m.toml -o "), "{told}");
        let report = pmdscope_in(scratch.path(), &format!("report {signal}"));
        assert!(report.stderr.contains(" jobs are recorded: the others are run by "), "{}", report.stderr);
        ok(&pmdscope_in(scratch.path(), &format!("batch m.toml -o {signal} --resume")), 1);
        assert_same(&scratch, "whole", signal);
    }
}

#[test]
fn only_one_batch_writes_to_a_directory() {
    let scratch = scratch_with("only-one-batch-writes", EVERYTHING);
    let first = begun(&scratch, &["batch", "m.toml", "-o", "r"]);
    until_recorded(&scratch.path().join("r"));
    let second = pmdscope_in(scratch.path(), "batch m.toml -o r --resume");
    assert_eq!((second.status, second.stdout.as_str()), (Some(2), ""), "{}", second.stderr);
    assert!(second.stderr.contains("another batch is writing to r"), "{}", second.stderr);
    assert_eq!(
        first.wait_with_output().expect("it ends").status.code(),
        Some(1),
        "the first is not disturbed"
    );
}

#[test]
fn workers_are_confined() {
    let scratch = scratch_with("workers-are-confined", EVERYTHING);
    let batch = begun(&scratch, &["batch", "m.toml", "-o", "r", "--workers", "1"]);
    until_recorded(&scratch.path().join("r"));
    let tasks = fs::read_dir(format!("/proc/{}/task", batch.id())).expect("it runs").flatten();
    let children: Vec<String> =
        tasks.filter_map(|task| fs::read_to_string(task.path().join("children")).ok()).collect();
    let of_worker = |file: &str| {
        let children = children.concat();
        let worker = children.split_whitespace().next().expect("a worker").to_owned();
        fs::read_to_string(format!("/proc/{worker}/{file}")).expect("it runs")
    };
    let (status, limits) = (of_worker("status"), of_worker("limits"));
    batch.wait_with_output().expect("it ends");
    let has = |text: &str, name: &str, value: &str| {
        let line = text.lines().find(|line| line.starts_with(name)).unwrap_or_default();
        assert!(line[name.len()..].split_whitespace().next() == Some(value), "{name} {value}: {line}");
    };
    // A system without seccomp has no such line.
    if status.contains("\nSeccomp:") {
        has(&status, "Seccomp:", "2");
        has(&status, "NoNewPrivs:", "1");
    }
    has(&limits, "Max core file size", "0");
    has(&limits, "Max address space", &(16_u64 << 30).to_string());
    has(&limits, "Max file size", "65536");
    let cpu = limits.lines().find(|line| line.starts_with("Max cpu time")).expect("a line");
    assert_ne!(cpu["Max cpu time".len()..].split_whitespace().next(), Some("unlimited"), "{cpu}");
}

/// Runs a script that may mount file systems of its own.
///
/// If it may not, returns `None` and reports the check as skipped.
fn mounting(scratch: &Scratch, script: &str) -> Option<Ran> {
    let unshare = |script: &str| {
        let mut command = Command::new("unshare");
        command.args(["--map-root-user", "--mount", "sh", "-euc", script]).current_dir(scratch.path());
        command.env("PMDSCOPE", env!("CARGO_BIN_EXE_pmdscope"));
        command
    };
    // A process in a user namespace of its own may mount, but not everywhere may it also remount.
    let probe = "mkdir -p probe; mount -t tmpfs -o size=64k tmpfs probe; mount -o remount,size=128k probe; \
                 mount -o remount,ro probe; umount probe; rmdir probe";
    let may = unshare(probe).output().is_ok_and(|output| output.status.success());
    if !may || Need::Mount.is_hidden() {
        Need::Mount.skip("batches on file systems that are full or read-only");
        return None;
    }
    Some(finish(&mut unshare(script)))
}

#[test]
fn a_full_disk_loses_nothing_that_was_recorded() {
    let scratch = scratch_with("a-full-disk-loses-nothing", EVERYTHING);
    let Some(ran) = mounting(
        &scratch,
        r#"
        "$PMDSCOPE" batch m.toml -o whole >out.txt || [ $? = 1 ]
        mkdir small
        mount -t tmpfs -o size=900k tmpfs small
        status=0; "$PMDSCOPE" batch m.toml -o small/r || status=$?
        echo "status $status"
        "$PMDSCOPE" report small/r --format jsonl 2>/dev/null | wc -l
        status=0; "$PMDSCOPE" batch m.toml -o small/r --resume || status=$?
        echo "status $status"
        mount -o remount,size=90m small
        "$PMDSCOPE" batch m.toml -o small/r --resume >out.txt || [ $? = 1 ]
        diff -r whole small/r && echo same
        "#,
    ) else {
        return;
    };
    let lines: Vec<&str> = ran.stdout.lines().collect();
    assert_eq!((lines[0], lines[2], lines[3]), ("status 2", "status 2", "same"), "{ran:?}");
    assert!(lines[1].parse::<u32>().is_ok_and(|recorded| recorded > 0), "{ran:?}");
    assert!(
        ran.stderr.contains("No space left on device") && ran.stderr.contains("go on with: "),
        "{}",
        ran.stderr
    );
    assert_eq!(ran.stderr.lines().count(), 2, "{}", ran.stderr);
}

#[test]
fn a_directory_that_cannot_be_written_to_is_told() {
    let scratch = scratch_with("a-directory-that-cannot-be-written", MATRIX);
    let Some(ran) = mounting(
        &scratch,
        r#"
        mkdir fixed
        mount -t tmpfs -o size=9m tmpfs fixed
        "$PMDSCOPE" batch m.toml -o fixed/r --partition slice:1/2 >out.txt || [ $? = 1 ]
        mount -o remount,ro fixed
        for args in "-o fixed/r --partition slice:1/2 --resume" "-o fixed/new"; do
            status=0; "$PMDSCOPE" batch m.toml $args || status=$?
            echo "status $status"
        done
        "$PMDSCOPE" report fixed/r >out.txt || echo "report $?"
        "#,
    ) else {
        return;
    };
    assert_eq!(ran.stdout, "status 2\nstatus 2\nreport 1\n", "{}", ran.stderr);
    assert_eq!(ran.stderr.lines().count(), 2, "{}", ran.stderr);
    assert!(ran.stderr.lines().all(|line| line.contains("Read-only file system")), "{}", ran.stderr);
}

#[test]
fn a_clock_that_jumps_changes_nothing() {
    let scratch = scratch_with("a-clock-that-jumps", EVERYTHING);
    let library = [
        "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1",
        "/usr/lib/aarch64-linux-gnu/faketime/libfaketimeMT.so.1",
    ];
    let library = library.into_iter().find(|library| Path::new(library).exists());
    let Some(library) = library.filter(|_| !Need::Faketime.is_hidden()) else {
        return Need::Faketime.skip("a batch whose clock jumps");
    };
    ok(&pmdscope_in(scratch.path(), "batch m.toml -o whole"), 1);
    // Each read of the clock gives a time that is a day later, or earlier.
    for (name, jump) in [("later", "+0 i86400"), ("earlier", "-0 i-86400")] {
        let mut command = command(&["batch", "m.toml", "-o", name]);
        command.current_dir(scratch.path()).env("LD_PRELOAD", library);
        command.env("FAKETIME", jump).env("DONT_FAKE_MONOTONIC", "1");
        ok(&finish(&mut command), 1);
        assert_same(&scratch, "whole", name);
    }
}
