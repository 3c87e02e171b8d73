//! Batches that are killed, or whose workers are killed or stopped, at any moment.
//!
//! Nothing that was recorded is lost, nothing is recorded twice, and the final results have the same bytes.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::common::scratch::Scratch;
use crate::common::{command, pmdscope_in};

/// The number of kills in a test.
const KILLS: usize = 100;
/// Longer than any step takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// Pseudo-random numbers, the same in every run. The moment of a kill still depends on the machine.
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

fn begun(folder: &Path, to: &str) -> Child {
    let mut command = command(&["batch", "m.toml", "-o", to, "--resume"]);
    command.current_dir(folder).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts")
}

fn kill(pid: &str) -> bool {
    send("-KILL", pid)
}

fn send(signal: &str, pid: &str) -> bool {
    let mut kill = Command::new("kill");
    kill.args([signal, pid]).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

/// Returns the children of a process.
fn children(pid: u32) -> Vec<String> {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let lists = tasks.filter_map(|task| fs::read_to_string(task.path().join("children")).ok());
    lists.flat_map(|list| list.split_whitespace().map(str::to_owned).collect::<Vec<_>>()).collect()
}

/// Returns the workers among the children of a process.
///
/// A child counts from when it runs its program. Its parent waits until then.
fn workers(pid: u32) -> Vec<String> {
    children(pid).into_iter().filter(|pid| is_worker(pid)).collect()
}

fn is_worker(pid: &str) -> bool {
    fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|line| line.ends_with(b"\0batch-worker\0"))
}

/// Returns the number of recorded bytes.
fn bytes_of(records: &Path) -> u64 {
    let files = fs::read_dir(records).into_iter().flatten().flatten();
    files.filter_map(|file| Some(file.metadata().ok()?.len())).sum()
}

/// Waits until the workers of a batch that has ended have ended as well.
///
/// Such a worker is gone, or a zombie: without memory, it has no command line.
fn assert_no_orphans(workers: &[String]) {
    let began = Instant::now();
    for worker in workers {
        while is_worker(worker) {
            assert!(began.elapsed() < PATIENCE, "worker {worker} has outlived its batch");
            sleep(Duration::from_millis(1));
        }
    }
}

/// Returns the recorded jobs. Each must be recorded once.
fn recorded(folder: &Path, results: &str) -> BTreeSet<u64> {
    if !folder.join(results).join("batch.json").exists() {
        return BTreeSet::new();
    }
    let ran = pmdscope_in(folder, &format!("report {results} --format jsonl"));
    // There may be no record at all yet.
    let none = ran.stderr.contains("none of its 0 records");
    assert!(none || ran.status.is_some_and(|status| status != 2), "{}", ran.stderr);
    let number = |line: &str| line["{\"job\":".len()..].split(',').next().and_then(|job| job.parse().ok());
    let jobs: Vec<u64> = ran.stdout.lines().map(|line| number(line).expect("a record")).collect();
    let once: BTreeSet<u64> = jobs.iter().copied().collect();
    assert_eq!(once.len(), jobs.len(), "a job is recorded twice");
    once
}

fn assert_same(folder: &Path, one: &str, other: &str) {
    let diff = Command::new("diff").args(["-r", one, other]).current_dir(folder).output().expect("diff");
    assert!(diff.status.success(), "{}", String::from_utf8_lossy(&diff.stdout));
}

fn scratch(name: &str) -> Scratch {
    scratch_of(name, "[[include]]\n")
}

/// Makes a folder with a matrix, and with its results if nothing disturbs the batch.
fn scratch_of(name: &str, matrix: &str) -> Scratch {
    let scratch = Scratch::new(name);
    fs::write(scratch.path().join("m.toml"), matrix).expect("a matrix");
    let whole = pmdscope_in(scratch.path(), "batch m.toml -o whole");
    assert_eq!(whole.status, Some(1), "{}", whole.stderr);
    scratch
}

#[test]
fn a_batch_that_is_killed_again_and_again_comes_to_the_same() {
    let scratch = scratch("a-batch-that-is-killed");
    let folder = scratch.path();
    let mut chance = Chance(7);
    let (mut kills, mut batches, mut orphaned) = (0, 0, 0);
    while kills < KILLS {
        let results = format!("r{batches}");
        let mut before = BTreeSet::new();
        loop {
            let mut batch = begun(folder, &results);
            sleep(Duration::from_millis(chance.below(300)));
            if kills >= KILLS || batch.try_wait().expect("its state").is_some() {
                // The last batch of a directory, and one that was too quick for its kill, run to their ends.
                assert_eq!(batch.wait().expect("it ends").code(), Some(1));
                break;
            }
            let workers = workers(batch.id());
            assert!(kill(&batch.id().to_string()));
            batch.wait().expect("it ends");
            kills += 1;
            orphaned += workers.len();
            assert_no_orphans(&workers);
            let now = recorded(folder, &results);
            assert!(
                before.is_subset(&now),
                "{} of {} were lost",
                before.difference(&now).count(),
                before.len()
            );
            before = now;
        }
        assert_same(folder, "whole", &results);
        batches += 1;
    }
    println!("{kills} kills of {batches} batches left {orphaned} workers without a batch; all ended");
    assert!(orphaned > 0, "no batch had workers when it was killed");
}

#[test]
fn a_batch_whose_workers_are_killed_comes_to_the_same() {
    let scratch = scratch("a-batch-whose-workers-are-killed");
    let folder = scratch.path();
    let mut chance = Chance(11);
    let (mut kills, mut batches, mut recorded) = (0, 0, 0);
    let began = Instant::now();
    while kills < KILLS {
        let results = format!("r{batches}");
        let mut batch = begun(folder, &results);
        while batch.try_wait().expect("its state").is_none() {
            // Each kill waits until something is recorded.
            assert!(began.elapsed() < 5 * PATIENCE, "{kills} kills took too long");
            sleep(Duration::from_millis(20 + chance.below(60)));
            let workers = workers(batch.id());
            // Something must be recorded between two kills, however slow the machine is, or the batch gives up.
            let now = bytes_of(&folder.join(&results).join("records"));
            if kills < KILLS && !workers.is_empty() && now != recorded {
                recorded = now;
                let victim = &workers[usize::try_from(chance.below(workers.len() as u64)).expect("a place")];
                kills += usize::from(kill(victim));
            }
        }
        assert_eq!(batch.wait().expect("it ends").code(), Some(1));
        assert_same(folder, "whole", &results);
        batches += 1;
    }
    println!("{kills} workers of {batches} batches were killed");
}

/// This test mostly waits: with the shortest timeout of a job, a worker is given up after 94 s of silence.
#[test]
fn a_batch_whose_worker_hangs_comes_to_the_same() {
    let scratch = scratch_of("a-batch-whose-worker-hangs", "[[include]]\n[bounds]\ntimeout = 1\n");
    let folder = scratch.path();
    let mut batch = begun(folder, "r");
    let began = Instant::now();
    let stopped = loop {
        assert!(batch.try_wait().expect("its state").is_none(), "it ended before a worker could be stopped");
        assert!(began.elapsed() < PATIENCE, "there is no worker");
        if let Some(worker) = workers(batch.id()).into_iter().find(|worker| send("-STOP", worker)) {
            break worker;
        }
        sleep(Duration::from_millis(1));
    };
    assert_eq!(batch.wait().expect("it ends").code(), Some(1));
    assert!(!Path::new("/proc").join(&stopped).exists(), "the worker that hangs is left behind");
    assert_same(folder, "whole", "r");
}
