//! How records lie in files.
//!
//! The records of a batch are cut into segments of consecutive jobs. While a segment is under way its records are lines
//! of a *journal*, in the order in which they were finished; whatever ends the program, at most the last line of it is
//! torn. A whole segment is *sealed*: its lines in the order of their jobs, as one Zstandard frame with a checksum, which
//! has the same bytes however the work was divided and interrupted. `zstdcat records/*.zst` shows them all.

use std::io::Read;

use super::record::Record;

/// A segment has at most so many jobs, so that one fits easily in memory.
const MOST_JOBS: u64 = 1024;
/// A batch has, if it has as many jobs, at least so many segments, so that there is enough for each worker to the end.
const FEWEST_SEGMENTS: u64 = 64;
/// What is quick enough not to be noticed beside the runs themselves.
const LEVEL: i32 = 1;

/// How many jobs a segment has of a batch of so many.
pub fn segment_jobs(jobs: u64) -> u64 {
    jobs.div_ceil(FEWEST_SEGMENTS).clamp(1, MOST_JOBS)
}

/// Why the records of a segment cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum SegmentError {
    /// It was cut off, or changed.
    #[error("it is damaged: {0}")]
    Damaged(std::io::Error),
    /// A line is no record.
    #[error("line {line} is no record: {fault}")]
    NoRecord {
        /// The line, counted from 1.
        line: usize,
        /// What is wrong with it.
        fault: String,
    },
    /// The jobs are not those that belong there.
    #[error("it has the record of job {found} where that of job {expected} belongs")]
    OtherJob {
        /// The job that is there.
        found: u64,
        /// The job that should be.
        expected: u64,
    },
    /// Records are missing.
    #[error("it ends before the record of job {0}")]
    Short(u64),
}

/// A record as a line, with its end.
///
/// # Errors
/// If it cannot be serialised, which would be a fault of its type.
pub fn line(record: &Record) -> serde_json::Result<String> {
    let mut line = serde_json::to_string(record)?;
    line.push('\n');
    Ok(line)
}

/// The job of a line, if it begins as one does.
pub fn job_of(line: &str) -> Option<u64> {
    let (job, _) = line.strip_prefix("{\"job\":")?.split_once(',')?;
    job.parse().ok()
}

/// Seals lines, which are in the order of their jobs.
///
/// # Errors
/// If memory runs out.
pub fn seal<'a>(lines: impl IntoIterator<Item = &'a str>) -> std::io::Result<Vec<u8>> {
    let mut encoder = zstd::Encoder::new(Vec::new(), LEVEL)?;
    encoder.include_checksum(true)?;
    for line in lines {
        std::io::Write::write_all(&mut encoder, line.as_bytes())?;
    }
    encoder.finish()
}

/// The lines of a sealed segment, which is to have just these jobs.
///
/// # Errors
/// If it is damaged, or has other jobs.
pub fn open(sealed: impl Read, jobs: &[u64]) -> Result<Vec<String>, SegmentError> {
    let mut text = String::new();
    let mut decoder = zstd::Decoder::new(sealed).map_err(SegmentError::Damaged)?;
    decoder.read_to_string(&mut text).map_err(SegmentError::Damaged)?;
    let mut lines = Vec::with_capacity(jobs.len());
    for (number, line) in (1..).zip(text.split_inclusive('\n')) {
        let no_record = |fault: &str| SegmentError::NoRecord { line: number, fault: fault.to_owned() };
        let found = job_of(line).ok_or_else(|| no_record("it has no number of a job"))?;
        if !line.ends_with('\n') {
            return Err(no_record("it has no end"));
        }
        match jobs.get(lines.len()) {
            Some(expected) if *expected == found => lines.push(line.to_owned()),
            Some(expected) => return Err(SegmentError::OtherJob { found, expected: *expected }),
            None => return Err(no_record("the segment has more records than jobs")),
        }
    }
    match jobs.get(lines.len()) {
        Some(missing) => Err(SegmentError::Short(*missing)),
        None => Ok(lines),
    }
}

/// The record of a line.
///
/// # Errors
/// If it is none.
pub fn record(line: &str) -> Result<Record, SegmentError> {
    serde_json::from_str(line).map_err(|fault| SegmentError::NoRecord { line: 1, fault: fault.to_string() })
}

/// The whole lines of a journal that are records of these jobs, which are in order, each job once. What is torn or is
/// something else is left out: its job is run again.
pub fn journal(bytes: &[u8], jobs: &[u64]) -> Vec<String> {
    let mut lines: Vec<(u64, String)> = Vec::new();
    for line in bytes.split_inclusive(|byte| *byte == b'\n').filter(|line| line.ends_with(b"\n")) {
        let Ok(line) = std::str::from_utf8(line) else { continue };
        if let Ok(record) = record(line)
            && jobs.binary_search(&record.job).is_ok()
            && !lines.iter().any(|(job, _)| *job == record.job)
        {
            lines.push((record.job, line.to_owned()));
        }
    }
    lines.sort_by_key(|(job, _)| *job);
    lines.into_iter().map(|(_, line)| line).collect()
}
