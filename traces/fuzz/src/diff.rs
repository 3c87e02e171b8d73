//! Batches that are compared.

use std::convert::Infallible;

use pmdscope_traces::batch::segment::{journal, record};
use pmdscope_traces::batch::{DiffReport, Kernels, Record, diff_text, pair_kernels};
use pmdscope_traces::{batch, json};

use super::plain::assert_plain;

/// Reads bytes as the lines of two batches, a zero byte between them, and compares them both ways.
pub fn diff(bytes: &[u8]) -> bool {
    let mut batches = bytes.splitn(2, |byte| *byte == 0).map(records);
    let (Some(old), new) = (batches.next(), batches.next().unwrap_or_default()) else { return false };
    let report = compared(&old, &new);
    assert_plain(&diff_text(&report));
    let written = json::pretty(&report).expect("what was compared can be written");
    assert_eq!(serde_json::from_str::<DiffReport>(&written).expect("what was written can be read"), report);
    assert_eq!((report.jobs.old, report.jobs.new), (old.len() as u64, new.len() as u64));
    let changed: u64 = report.groups.iter().map(|group| group.jobs).sum();
    let (fewer, more) = (report.same + changed, report.jobs.old + report.jobs.new - report.same);
    assert!(fewer <= more, "a job is counted twice: {report:?}");
    let back = compared(&new, &old);
    assert_eq!(
        (back.same, back.changed, back.groups.len()),
        (report.same, report.changed, report.groups.len())
    );
    let itself = compared(&old, &old);
    assert!(!itself.changed && itself.same == old.len() as u64, "{}", diff_text(&itself));
    !old.is_empty()
}

fn records(lines: &[u8]) -> Vec<Record> {
    journal(lines).iter().map(|line| record(line).expect("it was one before")).collect()
}

fn compared(old: &[Record], new: &[Record]) -> DiffReport {
    let pairs = pair_kernels(&kernels(old), &kernels(new));
    let records = |of: &[Record]| of.iter().cloned().map(Ok::<_, Infallible>).collect::<Vec<_>>().into_iter();
    batch::diff(records(old), records(new), pairs).expect("what was read can be kept")
}

fn kernels(records: &[Record]) -> Kernels {
    let mut kernels = Kernels::default();
    records.iter().for_each(|record| kernels.add(record));
    kernels
}
