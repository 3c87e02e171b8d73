//! A batch records results that are the same each time, and nothing else.
//!
//! A job that lacked memory or time runs again when the batch is resumed. A fault of the program ends the batch.

use std::fs;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::common::elf::{SLOW_LOOP, guest_with};
use crate::common::scratch::Scratch;
use crate::common::{Ran, command, finish, pmdscope_in};

/// Four jobs.
const MATRIX: &str = "[[include]]\narches=[\"arm64\"]\nlinux=[\"6.1\"]\nentries=[\"migration-read\", \"none\"]\n\
                      writers=[\"split-unguarded\"]\nwalkers=[\"hmm\", \"gup-fast-read\"]\n";

/// A job whose writer is in a guest file.
const OF_FILE: &str = "[[include]]\narches=[\"x86_64\"]\nlinux=[\"7.2\"]\nguests=[\"guest.elf\"]\nentries=[\"present-huge\"]\n\
                       writers=[\"pmdp_invalidate\"]\nwalkers=[\"hmm\"]\n";

fn scratch(name: &str, matrix: &str) -> Scratch {
    let scratch = Scratch::new(name);
    fs::write(scratch.path().join("m.toml"), matrix).expect("a matrix");
    scratch
}

/// Returns the names of the files that hold records, sealed or not.
fn records(scratch: &Scratch, results: &str) -> Vec<String> {
    let files = fs::read_dir(scratch.path().join(results).join("records")).expect("the directory is there");
    let files = files.map(|file| file.expect("an entry"));
    // A segment without results may have an empty journal.
    let of_size = files.filter(|file| file.metadata().is_ok_and(|data| data.len() > 0));
    of_size.map(|file| file.file_name().to_string_lossy().into_owned()).collect()
}

fn assert_same(scratch: &Scratch, one: &str, other: &str) {
    let diff =
        Command::new("diff").args(["-r", one, other]).current_dir(scratch.path()).output().expect("diff");
    assert!(diff.status.success(), "{}", String::from_utf8_lossy(&diff.stdout));
}

/// Checks that the batch did what it could, and says what it lacked and how to go on.
fn assert_lacks(ran: &Ran, says: &str) {
    let Ran { status, stdout, stderr } = ran;
    assert_eq!((*status, stdout.as_str()), (Some(5), ""), "{stderr}");
    assert!(
        stderr.contains(says) && stderr.contains("lacked memory or time; go on with: pmdscope batch"),
        "{stderr}"
    );
}

#[test]
fn machine_code_that_does_not_repeat_itself_is_a_fault_and_has_no_record() {
    let scratch = scratch("code-that-does-not-repeat-itself", OF_FILE);
    // It stores the cycle counter, and returns an outcome: rdtsc; mov %rax,(%rdi); movq $8,(%rcx); ret.
    guest_with(
        &scratch,
        "x86_64-7.2.elf",
        "pmdp_invalidate",
        &[0x0f, 0x31, 0x48, 0x89, 0x07, 0x48, 0xc7, 0x01, 8, 0, 0, 0, 0xc3],
    );
    let says = "the machine code did not do what was recorded of it";
    let run = "run --arch x86_64 --linux 7.2 --guest guest.elf --entry present-huge --writer pmdp_invalidate --walker hmm";
    let ran = pmdscope_in(scratch.path(), run);
    assert_eq!((ran.status, ran.stdout.as_str()), (Some(4), ""), "{}", ran.stderr);
    assert!(ran.stderr.contains(says), "{}", ran.stderr);

    for more in ["", " --resume"] {
        let ran = pmdscope_in(scratch.path(), &format!("batch m.toml -o r --workers 1{more}"));
        assert_eq!((ran.status, ran.stdout.as_str()), (Some(4), ""), "{}", ran.stderr);
        assert!(ran.stderr.contains(says), "{}", ran.stderr);
        assert_eq!(ran.stderr.lines().count(), 1, "{}", ran.stderr);
        assert_eq!(records(&scratch, "r"), Vec::<String>::new());
    }
}

#[test]
fn what_lacked_memory_is_run_again_and_comes_to_the_same() {
    let scratch = scratch("what-lacked-memory", MATRIX);
    assert_eq!(pmdscope_in(scratch.path(), "batch m.toml -o whole").status, Some(1));
    // Less memory, then more; none of these is enough.
    for memory in [64, 300, 1000] {
        let results = format!("r{memory}");
        let ran = pmdscope_in(scratch.path(), &format!("batch m.toml -o {results} --memory {memory}"));
        if ran.status == Some(2) {
            // With so little, a worker does not even begin.
            assert!(ran.stderr.contains("the batch stopped; go on with"), "{}", ran.stderr);
        } else {
            let says = if memory == 64 { "NOMEM" } else { "a CPU takes 1088 MiB of address space" };
            assert_lacks(&ran, says);
            assert!(ran.stderr.contains("0 of 4 jobs are recorded, 4 lacked"), "{}", ran.stderr);
            // Of many jobs that lack the same, one is reported.
            assert_eq!(ran.stderr.lines().count(), 2, "{}", ran.stderr);
        }
        assert_eq!(records(&scratch, &results), Vec::<String>::new());

        let ran = pmdscope_in(scratch.path(), &format!("batch m.toml -o {results} --resume"));
        assert_eq!(ran.status, Some(1), "{}", ran.stderr);
        assert_eq!(
            ran.stderr,
            format!(
                "pmdscope: {results} was begun with --memory {memory}, and is gone on with --memory 16384\n"
            )
        );
        assert_same(&scratch, "whole", &results);
    }
}

/// The system gives less than `--memory` says.
#[test]
fn what_the_system_gave_no_memory_for_is_run_again_and_comes_to_the_same() {
    let scratch = scratch("what-the-system-gave-no-memory", MATRIX);
    assert_eq!(pmdscope_in(scratch.path(), "batch m.toml -o whole").status, Some(1));
    for kib in ["300000", "400000", "1000000"] {
        let script = format!("ulimit -v {kib}; exec \"$PMDSCOPE\" batch m.toml -o r{kib}");
        let mut limited = Command::new("sh");
        limited
            .args(["-c", &script])
            .current_dir(scratch.path())
            .env("PMDSCOPE", env!("CARGO_BIN_EXE_pmdscope"));
        let ran = finish(&mut limited);
        assert!(matches!(ran.status, Some(2 | 5)), "{kib}: {ran:?}");
        assert!(!ran.stderr.contains("panicked"), "{kib}: {}", ran.stderr);
        assert!(ran.stderr.contains("go on with: pmdscope batch"), "{kib}: {}", ran.stderr);
        assert_eq!(records(&scratch, &format!("r{kib}")), Vec::<String>::new(), "{kib}");
        let ran = pmdscope_in(scratch.path(), &format!("batch m.toml -o r{kib} --resume"));
        assert_eq!((ran.status, ran.stderr.as_str()), (Some(1), ""), "{kib}");
        assert_same(&scratch, "whole", &format!("r{kib}"));
    }
}

#[test]
fn what_lacked_time_has_no_record() {
    let bounds = "[bounds]\ntimeout = 1\nmax-instructions = 1000000000000\n";
    let scratch = scratch("what-lacked-time", &format!("{OF_FILE}{bounds}"));
    guest_with(&scratch, "x86_64-7.2.elf", "pmdp_invalidate", &SLOW_LOOP);
    for more in ["", " --resume"] {
        let ran = pmdscope_in(scratch.path(), &format!("batch m.toml -o r{more}"));
        // Which of the two bounds on time the job reaches first depends on the machine.
        assert_lacks(&ran, "job 0, x86_64 7.2 guest.elf  present-huge  pmdp_invalidate  hmm: ");
        assert_eq!(records(&scratch, "r"), Vec::<String>::new());
    }
}

/// A bound on instructions, or on the path, does not depend on the machine: its result is the same each time.
#[test]
fn what_reached_a_bound_that_is_the_same_everywhere_is_recorded_as_unknown() {
    for (results, most, why) in [
        ("bounded", "1000", "reached the bound on instructions"),
        ("path", "1000000000000", "went through 16777216 blocks of code, of which no more are kept"),
    ] {
        let bounds = format!("[bounds]\ntimeout = 300\nmax-instructions = {most}\n");
        let scratch = scratch(&format!("what-reached-a-bound-{results}"), &format!("{OF_FILE}{bounds}"));
        // jmp to itself.
        guest_with(&scratch, "x86_64-7.2.elf", "pmdp_invalidate", &[0xeb, 0xfe]);
        let ran = pmdscope_in(scratch.path(), &format!("batch m.toml -o {results}"));
        assert_eq!(ran.status, Some(3), "{}", ran.stderr);
        assert!(ran.stdout.starts_with("1 job: 0 passed, 0 with findings, 1 unknown\n"), "{}", ran.stdout);
        assert_eq!(records(&scratch, results), ["0000000000.jsonl.zst"]);
        let lines = pmdscope_in(scratch.path(), &format!("report {results} --format jsonl")).stdout;
        assert!(lines.contains(why), "{lines}");
    }
}

/// Returns the children of a process.
fn children(pid: u32) -> Vec<String> {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let lists = tasks.filter_map(|task| fs::read_to_string(task.path().join("children")).ok());
    lists.flat_map(|list| list.split_whitespace().map(str::to_owned).collect::<Vec<_>>()).collect()
}

/// Returns the processor time that a process has used, in ticks, of which a second has a hundred.
fn ticks(pid: &str) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // The name of the process, in brackets, may have spaces; the times are the 12th and 13th field after it.
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    fields.skip(11).take(2).filter_map(|time| time.parse::<u64>().ok()).sum()
}

/// Runs a batch of one long job, and sends each of its workers a signal when it is within the job.
fn batch_whose_workers_get(signal: &str, scratch: &Scratch) -> Ran {
    guest_with(scratch, "x86_64-7.2.elf", "pmdp_invalidate", &SLOW_LOOP);
    let mut batch = command(&["batch", "m.toml", "-o", "r", "--workers", "1"]);
    let mut batch = batch
        .current_dir(scratch.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    let began = Instant::now();
    while batch.try_wait().expect("its state").is_none() {
        assert!(began.elapsed() < Duration::from_secs(240), "it goes on for ever");
        std::thread::sleep(Duration::from_millis(30));
        // A worker is within its job after half a second of processor time: to begin takes it a small part of
        // that. Time by the clock says nothing of it on a busy machine.
        for worker in children(batch.id()).into_iter().filter(|worker| ticks(worker) >= 50) {
            let _ = Command::new("kill").args([signal, &worker]).stderr(Stdio::null()).status();
        }
    }
    let output = batch.wait_with_output().expect("it ends");
    Ran {
        status: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// Bounds of a job that lasts longer than its test.
const LONG_JOB: &str = "[bounds]\ntimeout = 300\nmax-instructions = 1000000000000\n";

#[test]
fn a_job_whose_worker_is_always_killed_has_no_record() {
    let scratch = scratch("a-worker-that-is-always-killed", &format!("{OF_FILE}{LONG_JOB}"));
    let ran = batch_whose_workers_get("-KILL", &scratch);
    assert_lacks(&ran, "its process was killed");
    assert_eq!(records(&scratch, "r"), Vec::<String>::new());
}

/// A crash of the engine counts as what the job does each time.
#[test]
fn a_job_that_no_worker_survives_is_recorded_as_unknown() {
    let scratch = scratch("a-job-that-no-worker-survives", &format!("{OF_FILE}{LONG_JOB}"));
    let ran = batch_whose_workers_get("-SEGV", &scratch);
    assert_eq!(ran.status, Some(3), "{}", ran.stderr);
    assert!(ran.stdout.starts_with("1 job: 0 passed, 0 with findings, 1 unknown\n"), "{}", ran.stdout);
    assert_eq!(records(&scratch, "r"), ["0000000000.jsonl.zst"]);
    let lines = pmdscope_in(scratch.path(), "report r --format jsonl").stdout;
    assert!(lines.contains("the engine did not survive it: its process was ended by SIGSEGV"), "{lines}");
    assert!(lines.contains("--entry present-huge"), "{lines}");
    let tests = pmdscope_in(scratch.path(), "report r --format ktap");
    assert_eq!(tests.status, Some(3), "what is not known is no pass");
    assert!(!tests.stdout.contains("\nok "), "{}", tests.stdout);
}

#[test]
fn a_merge_says_whose_memory_differs() {
    let scratch = scratch("a-merge-says-whose-memory-differs", MATRIX);
    for (part, memory) in [("1", "16384"), ("2", "20000")] {
        let line = format!("batch m.toml -o p{part} --partition slice:{part}/2 --memory {memory}");
        let status = pmdscope_in(scratch.path(), &line).status;
        assert!(matches!(status, Some(0 | 1)), "{status:?}");
    }
    let ran = pmdscope_in(scratch.path(), "merge p1 p2 -o all");
    assert_eq!(ran.status, Some(0), "{}", ran.stderr);
    let says =
        "pmdscope: p1 was run with --memory 16384, others with --memory 20000: what is merged says 20000\n";
    assert_eq!(ran.stderr, says);
    assert!(
        fs::read_to_string(scratch.path().join("all/batch.json"))
            .expect("it is there")
            .contains("\"memory\": 20000")
    );
}
