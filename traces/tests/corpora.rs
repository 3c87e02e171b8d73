//! The readers of other people's files read the files that fuzzing began with, and those that it found.

#[path = "../fuzz/src/readers.rs"]
mod readers;

use std::fs;
use std::path::{Path, PathBuf};

/// Returns each file of a target's corpus.
fn corpus(target: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let files = fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    files.map(|file| (file.clone(), fs::read(file).unwrap())).collect()
}

/// Hands each file to a target, and counts the files that it could read.
fn replay(target: &str, read: fn(&[u8]) -> bool) -> usize {
    let files = corpus(target);
    let read = files.iter().filter(|(file, bytes)| {
        println!("{}", file.display());
        read(bytes)
    });
    read.count()
}

#[test]
fn reproducers_are_read() {
    assert!(replay("repro", readers::repro) >= 6, "most files are reproducers");
}

#[test]
fn records_are_read() {
    assert!(replay("record", readers::record) >= 14, "most files are records");
}

#[test]
fn reports_of_runs_are_read() {
    assert!(replay("trace", readers::trace) >= 3, "most files are reports");
}

#[test]
fn segments_and_journals_are_read() {
    assert!(replay("segment", readers::segment) >= 4, "some files have records");
}

#[test]
fn what_results_directories_say_of_themselves_is_read() {
    assert!(replay("batch", readers::batch) >= 3, "some files are of batches");
}

#[test]
fn parts_of_batches_are_merged() {
    assert!(replay("merge", readers::merge) >= 4, "most files have lines");
}

#[test]
fn batches_are_compared() {
    assert!(replay("diff", readers::diff) >= 3, "most files have records");
}

#[test]
fn matrices_are_read() {
    assert!(replay("matrix", readers::matrix) >= 3, "some files are matrices");
}

#[test]
fn lists_of_expected_findings_are_read() {
    assert!(replay("expectations", readers::expectations) >= 3, "some files are lists");
}

#[test]
fn a_trace_of_more_cpus_than_there_are_columns_is_drawn() {
    let (_, split) =
        corpus("repro").into_iter().find(|(file, _)| file.ends_with("guest-split.json")).unwrap();
    for cpus in [3, 40, 41, 42, 300] {
        let mut repro: serde_json::Value = serde_json::from_slice(&split).unwrap();
        let walker = repro["expected"]["walker"].clone();
        repro["expected"]["with"] = vec![walker; cpus - 2].into();
        repro["report"]["with"] = vec!["mmu-store"; cpus - 2].into();
        assert!(readers::repro(repro.to_string().as_bytes()), "{cpus}");
    }
}
