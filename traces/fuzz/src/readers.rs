//! What reads a reproducer or a record that anyone may have written, all of it. Fuzz targets call these functions with
//! what they make up, and `traces/tests/readers.rs` with the files that were kept.

use std::slice;

use anstream::adapter::strip_str;
use pmdscope_traces::batch::{
    Diff, Kernels, ParquetWriter, Record, Report, Summary, diff_text, pair_kernels,
};
use pmdscope_traces::repro::{Repro, bug_report, first_difference, inconclusive, reproduced, show};
use pmdscope_traces::timelines::{chrome, vcd};
use pmdscope_traces::{COMPARE_SCHEMA, CompareReport, RunReport, html, json, kunit, markdown, text};
use sha2::{Digest, Sha256};

/// Reads bytes as a reproducer: as they are, and as the body of one, with a seal that fits. No bytes made up at random
/// have one. Whether it was a reproducer.
pub fn repro(bytes: &[u8]) -> bool {
    let files = [bytes.to_vec(), sealed(bytes)];
    let read = files.iter().find_map(|file| Repro::of_bytes(file).ok());
    read.iter().for_each(read_repro);
    read.is_some()
}

/// These bytes behind the first line of a reproducer.
fn sealed(body: &[u8]) -> Vec<u8> {
    let sha256: String = Sha256::digest(body).iter().map(|byte| format!("{byte:02x}")).collect();
    let seal =
        serde_json::json!({"schema": "pmdscope.repro/1", "bytes": body.len(), "sha256": sha256}).to_string();
    [seal.as_bytes(), b"\n", body].concat()
}

fn read_repro(repro: &Repro) {
    let text = repro.to_text().expect("what was read can be written");
    let again = Repro::of_bytes(text.as_bytes()).expect("what was written can be read");
    assert_eq!(*repro, again);
    show(repro);
    let _ = bug_report(repro, "x.repro");
    let _ = kunit::test(&repro.report, &repro.expected);
    reproduced(repro);
    inconclusive(repro, "a reason");
    assert_eq!(first_difference(&repro.expected, &again.expected), None);
    read_run(&repro.report);
}

/// Reads bytes as a line of a batch's results. Whether they were one.
pub fn record(bytes: &[u8]) -> bool {
    let Ok(record) = serde_json::from_slice::<Record>(bytes) else { return false };
    let line = serde_json::to_string(&record).expect("what was read can be written");
    assert_eq!(serde_json::from_str::<Record>(&line).expect("what was written can be read"), record);
    summarise(&record);
    table(&record);
    compare_with_itself(&record);
    if let Report::Run(run) = &record.report {
        read_run(run);
    }
    true
}

fn summarise(record: &Record) {
    let mut summary = Summary::default();
    summary.add(record);
    assert_plain(&summary.text());
    summary.markdown();
}

fn table(record: &Record) {
    let mut writer = ParquetWriter::new(Vec::new()).expect("there is room");
    writer.add(record).expect("there is room");
    assert!(writer.finish().expect("there is room").ends_with(b"PAR1"));
}

fn compare_with_itself(record: &Record) {
    let mut kernels = Kernels::default();
    kernels.add(record);
    let new = || Diff::new(pair_kernels(&kernels, &kernels));
    let mut same = new();
    same.add_old(record).expect("it can be kept");
    same.add_new(record).expect("it can be kept");
    let same = same.finish().expect("what was kept can be had");
    assert!(!same.changed && same.same == 1, "{}", diff_text(&same));
    let mut alone = new();
    alone.add_old(record).expect("it can be kept");
    let alone = alone.finish().expect("what was kept can be had");
    assert!(alone.changed);
    assert_plain(&diff_text(&alone));
    json::pretty(&alone).expect("it can be written");
}

/// The encoders of a run's report.
fn read_run(run: &RunReport) {
    text::run(run);
    text::run_with_traces(run);
    markdown::run(run);
    chrome::runs(slice::from_ref(run)).expect("it can be written");
    let _ = vcd::runs(slice::from_ref(run));
    let rows = vec![run.clone()];
    let (schema, made_by) = (COMPARE_SCHEMA.to_owned(), run.made_by.clone());
    let compared = CompareReport { schema, made_by, rows, skipped: Vec::new() };
    text::compare(&compared, Some(80));
    markdown::compare(&compared);
    html::compare(&compared);
}

/// Nothing that would do something to a terminal.
fn assert_plain(text: &str) {
    let text = strip_str(text).to_string();
    assert!(text.chars().all(|c| c == '\n' || !c.is_control()), "{text:?}");
}
