//! The summary of a batch. It counts records one by one, and holds groups, never rows.

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::batch::ordered::Pairs;
use crate::batch::{Record, Report};
use crate::count::Count;
use crate::report::Verdict;

/// How many distinct reasons and how many sweeps are kept. Jobs of later ones are only counted.
const KEPT: usize = 100;

/// The summary of a batch.
///
/// Its text does not depend on the order in which records are added, unless there are more than a hundred
/// distinct reasons or sweeps: then it has those that were added first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summary {
    /// The verdicts of all jobs.
    pub(super) all: Tally,
    /// The schedules of all jobs.
    pub(super) schedules: Count,
    /// The verdicts of each platform, version and writer, with the number of the first job.
    pub(super) rows: BTreeMap<RowName, (Tally, u64)>,
    /// The jobs of each finding, by its name.
    pub(super) findings: BTreeMap<String, Found>,
    /// The unknown jobs of each reason. Reasons that differ only in hexadecimal numbers count as one.
    pub(super) unknown: Bounded<String, Found>,
    /// A line for each sweep, by its job.
    pub(super) sweeps: Bounded<u64, String>,
}

/// The platform, version and writer of a row of the table.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct RowName {
    pub(super) platform: String,
    pub(super) version: String,
    pub(super) writer: String,
}

/// Jobs per verdict.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) jobs: u64,
    pub(super) pass: u64,
    pub(super) bounded: u64,
    pub(super) findings: u64,
    pub(super) unknown: u64,
}

/// The jobs that have one finding, or that are unknown for one reason.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) jobs: u64,
    pub(super) places: Pairs,
    pub(super) routines: Pairs,
    /// The first of these jobs.
    pub(super) example: Option<Example>,
}

/// A job that shows a finding or a reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Example {
    pub(super) job: u64,
    /// The name of the finding, or the whole text of the reason.
    pub(super) text: String,
    /// The command that runs the job again.
    pub(super) command: String,
}

/// The first [`KEPT`] entries of a map that may be very large, and the number of later additions to others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Bounded<K, V> {
    pub(super) kept: BTreeMap<K, V>,
    pub(super) more: u64,
}

impl Summary {
    /// Counts a record.
    pub fn add(&mut self, record: &Record) {
        let (job, report) = (record.report.job(), &record.report);
        self.all.add(report.verdict());
        if let Report::Run(run) = report {
            self.schedules += &run.schedules.total;
        }
        let name = RowName {
            platform: job.platform(),
            version: job.version().to_owned(),
            writer: job.writer.to_owned(),
        };
        let (row, first) = self.rows.entry(name).or_insert((Tally::default(), record.job));
        row.add(report.verdict());
        *first = record.job.min(*first);
        for name in report.counted_findings() {
            self.findings.entry(name.to_owned()).or_default().add(record, name);
        }
        if let Some(why) = report.why_unknown()
            && let Some(found) = self.unknown.entry(without_numbers(&why))
        {
            found.add(record, &why);
        }
        if let Report::Sweep(_) = report
            && let Some(line) = self.sweeps.entry(record.job)
        {
            *line = sweep_line(record);
        }
    }
}

impl Tally {
    /// Returns the number of jobs with a verdict.
    pub(super) fn of(&self, verdict: Verdict) -> u64 {
        match verdict {
            Verdict::Pass => self.pass,
            Verdict::PassBounded => self.bounded,
            Verdict::Findings => self.findings,
            Verdict::Unknown => self.unknown,
        }
    }

    fn add(&mut self, verdict: Verdict) {
        self.jobs += 1;
        match verdict {
            Verdict::Pass => self.pass += 1,
            Verdict::PassBounded => self.bounded += 1,
            Verdict::Findings => self.findings += 1,
            Verdict::Unknown => self.unknown += 1,
        }
    }
}

impl Found {
    fn add(&mut self, record: &Record, text: &str) {
        let job = record.report.job();
        self.jobs += 1;
        self.places.add(&job.platform(), job.version(), record.job);
        self.routines.add(job.writer, job.walker.unwrap_or_default(), record.job);
        if self.example.as_ref().is_none_or(|known| record.job < known.job) {
            let command = job.command.to_owned();
            self.example = Some(Example { job: record.job, text: text.to_owned(), command });
        }
    }
}

impl<K, V> Default for Bounded<K, V> {
    fn default() -> Self {
        Bounded { kept: BTreeMap::new(), more: 0 }
    }
}

impl<K: Ord, V: Default> Bounded<K, V> {
    /// Returns the value of a key. If there is no room for a new key, counts it and returns `None`.
    fn entry(&mut self, key: K) -> Option<&mut V> {
        if self.kept.len() >= KEPT && !self.kept.contains_key(&key) {
            self.more += 1;
            return None;
        }
        Some(self.kept.entry(key).or_default())
    }
}

/// Formats the result of a sweep in one line.
fn sweep_line(record: &Record) -> String {
    let (job, report) = (record.report.job(), &record.report);
    let outcome: Cow<'_, str> = match report.why_unknown() {
        Some(why) => Cow::from(format!("unknown, {why}")),
        None if report.verdict() == Verdict::Findings => Cow::from(report.counted_findings().join(" ")),
        None => Cow::from(report.verdict().word()),
    };
    format!("{} {}: {} over {}: {outcome}", job.platform(), job.version(), job.writer, job.entry)
}

/// Replaces each hexadecimal number of a reason by `0x*`, since values of entries would make every reason
/// distinct.
fn without_numbers(why: &str) -> String {
    let mut parts = why.split("0x");
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        text += "0x*";
        text += part.trim_start_matches(|c: char| c.is_ascii_hexdigit());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_that_differ_in_values_only_are_one() {
        assert_eq!(without_numbers("read 0x00ff, then 0x1, of 2"), "read 0x*, then 0x*, of 2");
        assert_eq!(without_numbers("nothing"), "nothing");
        assert_eq!(without_numbers("0x"), "0x*");
    }

    #[test]
    fn what_there_is_no_room_for_is_counted() {
        let mut bounded = Bounded::<usize, usize>::default();
        for key in (0..KEPT + 7).chain(0..KEPT) {
            if let Some(count) = bounded.entry(key) {
                *count += 1;
            }
        }
        assert_eq!((bounded.kept.len(), bounded.more), (KEPT, 7));
        assert!(bounded.kept.values().all(|count| *count == 2), "those that are kept are counted on");
    }
}
