//! Lines of a batch's results.

use std::path::Path;

use pmdscope_traces::batch::{
    Diff, Kernels, Record, Report, SqliteError, SqliteWriter, Summary, diff_text, pair_kernels,
};
use pmdscope_traces::json;

use super::batch::batch_of;
use super::encoders::{encode, encode_sweep};
use super::plain::assert_plain;

/// Reads bytes as a line of a batch's results.
pub fn record(bytes: &[u8]) -> bool {
    let Ok(record) = serde_json::from_slice::<Record>(bytes) else { return false };
    let line = serde_json::to_string(&record).expect("what was read can be written");
    assert_eq!(serde_json::from_str::<Record>(&line).expect("what was written can be read"), record);
    summarise(&record);
    table(&record);
    compare_with_itself(&record);
    match &record.report {
        Report::Run(run) => encode(run),
        Report::Sweep(sweep) => encode_sweep(sweep),
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
    // In memory: a database without a file.
    let mut writer = SqliteWriter::new(Path::new(":memory:"), &batch_of(1, 1)).expect("there is room");
    match writer.add(record) {
        Ok(()) => writer.finish().expect("there is room"),
        Err(SqliteError::TooLarge { .. }) => {}
        Err(error) => panic!("{error}"),
    }
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
