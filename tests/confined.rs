//! Foreign machine code runs in a confined process. What it does to that process is a result like any other.

use std::fs;
use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::common::elf::{SLOW_LOOP, guest_with};
use crate::common::reproducer::sealed;
use crate::common::scratch::Scratch;
use crate::common::{Ran, command, finish, pmdscope_in};

/// Machine code of s390x that the engine does not survive: STCKC of a fixed address, and an instruction that it
/// misreads.
const DEADLY: [u8; 8] = [0xb2, 0x04, 0xbf, 0x63, 0xe3, 0x2f, 0x8c, 0xaf];

/// Checks that the result is unknown, and that the report says why.
fn assert_lost(ran: &Ran, line: &str) {
    assert_eq!(ran.status, Some(3), "{line}: {ran:?}");
    let said: String = ran.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        said.contains("the engine did not survive it: its process was ended by SIGSEGV"),
        "{line}: {said}"
    );
    assert_eq!(ran.stderr, "", "{line}");
}

#[test]
fn code_that_the_engine_does_not_survive_is_unknown() {
    let scratch = Scratch::new("code-that-the-engine-does-not-survive");
    guest_with(&scratch, "s390x-7.2.elf", "gup_fast_read", &DEADLY);
    for format in ["text", "json", "markdown"] {
        let line = format!("run --arch s390x --guest guest.elf --entry present-huge --format {format}");
        assert_lost(&pmdscope_in(scratch.path(), &line), &line);
    }
    // The report names every routine that was requested.
    let with = "run --arch s390x --guest guest.elf --entry present-huge --walker hmm --with gup-fast-read --format json";
    let report: serde_json::Value =
        serde_json::from_str(&pmdscope_in(scratch.path(), with).stdout).expect("a report");
    assert_eq!(report["with"], serde_json::json!(["gup-fast-read"]), "{report}");
    assert!(report["incomplete"].as_str().is_some_and(|why| why.contains("SIGSEGV")), "{report}");
    // Of two walkers, only the one with this code is unknown.
    let both = "run --arch s390x --guest guest.elf --entry present-huge --walker gup-fast-read --walker hmm";
    let ran = pmdscope_in(scratch.path(), both);
    assert_eq!(ran.status, Some(3), "{ran:?}");
    let one = ran.stdout.contains("SIGSEGV") && ran.stdout.contains("\nUNKNOWN: ");
    assert!(one && ran.stdout.contains("\nPASS: "), "{}", ran.stdout);
}

#[test]
fn a_sweep_whose_code_the_engine_does_not_survive_is_unknown() {
    let scratch = Scratch::new("a-sweep-that-the-engine-does-not-survive");
    guest_with(&scratch, "s390x-7.2.elf", "sweep", &DEADLY);
    let line = "sweep --arch s390x --guest guest.elf --entries present-huge";
    assert_lost(&pmdscope_in(scratch.path(), line), line);
}

/// The code of a reproducer comes from its file.
#[test]
fn a_reproducer_that_the_engine_does_not_survive_is_inconclusive() {
    let scratch = Scratch::new("a-reproducer-that-the-engine-does-not-survive");
    let saved = pmdscope_in(
        scratch.path(),
        "repro save --arch s390x --entry present-huge --walker gup-fast-read --schedule K2W5 -o saved.repro",
    );
    assert_eq!(saved.status, Some(0), "{saved:?}");
    let text = fs::read_to_string(scratch.path().join("saved.repro")).expect("it was saved");
    guest_with(&scratch, "s390x-7.2.elf", "gup_fast_read", &DEADLY);
    let deadly = pmdscope_in(
        scratch.path(),
        "repro save --arch s390x --guest guest.elf --entry present-huge --walker hmm --schedule K2W5 -o other.repro",
    );
    assert_eq!(deadly.status, Some(0), "{deadly:?}");
    // The body of the first, with the code of the second, sealed anew.
    let other = fs::read_to_string(scratch.path().join("other.repro")).expect("it was saved");
    let body = |text: &str| -> serde_json::Value {
        serde_json::from_str(text.split_once('\n').expect("two objects").1).expect("JSON")
    };
    let (mut repro, other) = (body(&text), body(&other));
    repro["code"] = other["code"].clone();
    repro["report"]["guest"]["sha256"] = other["report"]["guest"]["sha256"].clone();
    fs::write(scratch.path().join("deadly.repro"), sealed(&repro)).expect("written");
    let line = "repro run deadly.repro";
    assert_lost(&pmdscope_in(scratch.path(), line), line);
}

/// Whoever kills the command also ends the process that it started.
#[test]
fn a_confined_process_ends_with_the_command() {
    let scratch = Scratch::new("a-confined-process-ends-with-the-command");
    guest_with(&scratch, "x86_64-7.2.elf", "pmdp_invalidate", &SLOW_LOOP);
    let args = "run --arch x86_64 --guest guest.elf --entry present-huge --writer pmdp_invalidate --walker hmm \
                --max-instructions 1000000000000 --timeout 300";
    let args: Vec<&str> = args.split_whitespace().collect();
    let mut running = command(&args)
        .current_dir(scratch.path())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("it starts");
    let children = || -> Vec<u32> {
        let list =
            fs::read_to_string(format!("/proc/{0}/task/{0}/children", running.id())).unwrap_or_default();
        list.split_whitespace().filter_map(|pid| pid.parse().ok()).collect()
    };
    let patience = Instant::now();
    let child = loop {
        if let Some(child) = children().first() {
            break *child;
        }
        assert!(patience.elapsed() < Duration::from_secs(60), "it starts no process");
        std::thread::sleep(Duration::from_millis(10));
    };
    let status = |of: &str| {
        let status = fs::read_to_string(format!("/proc/{child}/status")).unwrap_or_default();
        status.lines().find_map(|line| line.strip_prefix(of).map(|rest| rest.trim().to_owned()))
    };
    // The process confines itself before it opens anything. A system without seccomp has no such line.
    while status("Seccomp:").is_some_and(|mode| mode == "0") {
        assert!(patience.elapsed() < Duration::from_secs(60), "it is not confined");
        std::thread::sleep(Duration::from_millis(10));
    }
    running.kill().expect("it runs");
    running.wait().expect("it ends");
    while status("State:").is_some_and(|state| !state.starts_with('Z')) {
        assert!(patience.elapsed() < Duration::from_secs(60), "{child} lives on");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// A system without Landlock or seccomp: a filter answers that these calls do not exist.
#[cfg(target_os = "linux")]
#[test]
fn what_the_system_has_nothing_to_confine_by_is_told_once() {
    use std::os::unix::process::CommandExt;

    use seccompiler::{BpfProgram, SeccompAction, SeccompFilter, TargetArch};

    let scratch = Scratch::new("what-the-system-has-nothing-to-confine-by");
    guest_with(&scratch, "arm64-7.2.elf", "gup_fast_read", &[]);
    let matrix =
        "[[include]]\narches=[\"arm64\"]\nlinux=[\"7.2\"]\nentries=[\"none\"]\nwriters=[\"split-guarded\"]\n";
    fs::write(scratch.path().join("m.toml"), matrix).expect("a matrix");
    let landlock = libc::SYS_landlock_create_ruleset;
    let Ok(arch) = TargetArch::try_from(std::env::consts::ARCH) else { return };
    let all = [
        (&[landlock, libc::SYS_seccomp][..], "Landlock and seccomp"),
        (&[landlock], "Landlock"),
        (&[libc::SYS_seccomp], "seccomp"),
    ];
    // A system that lacks one of them already can only be tried without both.
    let here = pmdscope_in(scratch.path(), "run --arch arm64 --guest guest.elf --entry none --walker hmm");
    for (absent, lacks) in if here.stderr.is_empty() { &all[..] } else { &all[..1] } {
        let rules = absent.iter().map(|call| (*call, Vec::new())).collect();
        let (there, none) = (SeccompAction::Allow, SeccompAction::Errno(libc::ENOSYS as u32));
        let filter = SeccompFilter::new(rules, there, none, arch).expect("a filter");
        let filter: BpfProgram = filter.try_into().expect("a program");
        for line in [
            "run --arch arm64 --guest guest.elf --entry none --walker gup-fast-read --walker hmm",
            "batch m.toml --workers 2 -o r",
        ] {
            let args: Vec<&str> = line.split_whitespace().collect();
            let mut command = command(&args);
            let filter = filter.clone();
            // SAFETY: this makes two system calls, on memory that exists already.
            unsafe {
                command.pre_exec(move || {
                    seccompiler::apply_filter(&filter).map_err(|_| std::io::ErrorKind::Unsupported.into())
                })
            };
            let ran = finish(command.current_dir(scratch.path()));
            let told = format!(
                "pmdscope: this system has no {lacks}, so foreign machine code is confined by limits only: run nothing that \
                 you would not run yourself\n"
            );
            assert_eq!((ran.status, ran.stderr), (Some(0), told), "{line}: {}", ran.stdout);
        }
        fs::remove_dir_all(scratch.path().join("r")).expect("results");
    }
}
