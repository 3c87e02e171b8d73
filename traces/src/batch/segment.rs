//! The files of a batch's records.
//!
//! The records of a batch are cut into segments of consecutive jobs. The records of an unfinished segment are
//! the lines of a *journal*, in the order in which the jobs finished. Whatever ends the program, at most the
//! last line of a journal is torn. A whole segment is *sealed*: its lines, in the order of their jobs, become
//! one Zstandard frame with a checksum. The frame has the same bytes however the work was divided and
//! interrupted. `zstdcat records/*.zst` shows all records.

use std::io::Read;

use super::record::Record;
use crate::words;

/// The largest number of jobs in a segment, so that a segment fits easily in memory.
const MOST_JOBS: u64 = 1024;
/// The number of segments to aim for, so that every worker has work to the end.
///
/// Rounding gives fewer: 65 jobs have 33 segments. [`MOST_JOBS`] gives more: 10 million jobs have 9766.
const FEWEST_SEGMENTS: u64 = 64;
/// The largest size of a segment's lines, in bytes.
///
/// A record has some 10 KB, one of a kernel more. The limit has room for any segment, and stops a file that was
/// made to fill memory.
pub const LARGEST_BYTES: u64 = 1 << 28;
/// The Zstandard level: fast enough to go unnoticed beside the runs themselves.
const LEVEL: i32 = 1;

/// Returns the number of jobs per segment, in a batch of `jobs` jobs.
pub fn segment_jobs(jobs: u64) -> u64 {
    jobs.div_ceil(FEWEST_SEGMENTS).clamp(1, MOST_JOBS)
}

/// Errors of reading the records of a segment.
#[derive(Debug, thiserror::Error)]
pub enum SegmentError {
    /// The file was cut off or changed.
    #[error("it is damaged: {0}")]
    Damaged(std::io::Error),
    /// It unpacks to more bytes than records of so many jobs can have.
    #[error("it unpacks to more than {LARGEST_BYTES} bytes, the most that a segment may have")]
    TooLarge,
    /// It has more lines than any segment has jobs.
    #[error("it has more than {MOST_JOBS} lines, the most that a segment may have")]
    TooLong,
    /// One of its lines is not a record.
    #[error("line {line} is no record: {}", words::one_line(.fault))]
    NoRecord {
        /// The line, counted from 1.
        line: usize,
        /// The error of the parser, in one line.
        fault: String,
    },
    /// It has the record of a job of another segment, or in another order.
    #[error("it has the record of job {found} where that of job {expected} belongs")]
    OtherJob {
        /// The job of the record.
        found: u64,
        /// The job that belongs there.
        expected: u64,
    },
    /// It has more records than its segment has jobs.
    #[error("it goes on with the record of job {0}, which belongs elsewhere")]
    Long(u64),
    /// Records are missing.
    #[error("it ends before the record of job {0}")]
    Short(u64),
}

/// Writes a record as one line, with a newline at its end.
///
/// # Errors
/// If the record cannot be serialised, which would be a fault of its type.
pub fn line(record: &Record) -> serde_json::Result<String> {
    let mut line = serde_json::to_string(record)?;
    line.push('\n');
    Ok(line)
}

/// Returns the number of a line's job; `None` if the line does not begin as a record does.
pub fn job_of(line: &str) -> Option<u64> {
    let (job, _) = line.strip_prefix("{\"job\":")?.split_once(',')?;
    job.parse().ok()
}

/// Compresses lines, which are in the order of their jobs, into one sealed segment.
///
/// # Errors
/// If Zstandard gets no memory.
pub fn seal<'a>(lines: impl IntoIterator<Item = &'a str>) -> std::io::Result<Vec<u8>> {
    let mut encoder = zstd::Encoder::new(Vec::new(), LEVEL)?;
    encoder.include_checksum(true)?;
    for line in lines {
        std::io::Write::write_all(&mut encoder, line.as_bytes())?;
    }
    encoder.finish()
}

/// Unpacks the lines of a sealed segment.
///
/// # Errors
/// [`SegmentError`] if the segment is damaged or too large.
pub fn lines(sealed: impl Read) -> Result<Vec<String>, SegmentError> {
    let mut text = String::new();
    let decoder = zstd::Decoder::new(sealed).map_err(SegmentError::Damaged)?;
    decoder.take(LARGEST_BYTES + 1).read_to_string(&mut text).map_err(SegmentError::Damaged)?;
    if text.len() as u64 > LARGEST_BYTES {
        return Err(SegmentError::TooLarge);
    }
    if text.bytes().filter(|byte| *byte == b'\n').count() as u64 > MOST_JOBS {
        return Err(SegmentError::TooLong);
    }
    let lines: Vec<String> = text.split_inclusive('\n').map(str::to_owned).collect();
    match (1..).zip(&lines).find(|(_, line)| job_of(line).is_none() || !line.ends_with('\n')) {
        Some((line, _)) => Err(SegmentError::NoRecord { line, fault: "it is cut off".to_owned() }),
        None => Ok(lines),
    }
}

/// Unpacks a sealed segment, which must have exactly these jobs.
///
/// # Errors
/// [`SegmentError`] if the segment is damaged or too large, or has other jobs.
pub fn open(sealed: impl Read, jobs: &[u64]) -> Result<Vec<String>, SegmentError> {
    let lines = lines(sealed)?;
    for (line, expected) in lines.iter().zip(jobs) {
        match job_of(line) {
            Some(found) if found != *expected => {
                return Err(SegmentError::OtherJob { found, expected: *expected });
            }
            _ => {}
        }
    }
    match (jobs.get(lines.len()), lines.get(jobs.len()).and_then(|line| job_of(line))) {
        (Some(missing), _) => Err(SegmentError::Short(*missing)),
        (None, Some(more)) => Err(SegmentError::Long(more)),
        (None, None) => Ok(lines),
    }
}

/// Parses a line.
///
/// # Errors
/// [`SegmentError::NoRecord`] if the line is not a record, or its command is not one of this program's.
pub fn record(line: &str) -> Result<Record, SegmentError> {
    let no_record = |fault| SegmentError::NoRecord { line: 1, fault };
    let record: Record = serde_json::from_str(line).map_err(|fault| no_record(fault.to_string()))?;
    // Users paste the printed command into a shell, so it must be one that this program writes.
    match words::is_command(record.report.job().command) {
        true => Ok(record),
        false => Err(no_record("what it gives as its command is none of this program's".to_owned())),
    }
}

/// Returns the whole lines of a journal that are records as [`line()`] writes them, in the order of their jobs.
///
/// Each job has one line. A torn line, and anything else, is left out: its job is run again.
pub fn journal(bytes: &[u8]) -> Vec<String> {
    let mut lines: Vec<(u64, &str)> = Vec::new();
    for line in bytes.split_inclusive(|byte| *byte == b'\n').filter(|line| line.ends_with(b"\n")) {
        let Ok(line) = std::str::from_utf8(line) else { continue };
        match record(line) {
            // A record in another form is left out: job_of() would not find its job once it is sealed.
            Ok(record) if job_of(line) == Some(record.job) => lines.push((record.job, line)),
            _ => {}
        }
    }
    // The sort is stable, so the first line of each job is kept.
    lines.sort_by_key(|(job, _)| *job);
    lines.dedup_by_key(|(job, _)| *job);
    lines.into_iter().map(|(_, line)| line.to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A line that begins as a record does. The test does not parse the rest.
    fn of(job: u64) -> String {
        format!("{{\"job\":{job},\"run\":{{}}}}\n")
    }

    fn sealed(jobs: &[u64]) -> Vec<u8> {
        let lines: Vec<String> = jobs.iter().copied().map(of).collect();
        seal(lines.iter().map(String::as_str)).unwrap()
    }

    #[test]
    fn what_was_sealed_is_opened_if_it_has_the_jobs() {
        let bytes = sealed(&[3, 5, 7]);
        assert_eq!(open(&bytes[..], &[3, 5, 7]).unwrap(), [of(3), of(5), of(7)]);
        let error = |jobs: &[u64]| open(&bytes[..], jobs).unwrap_err().to_string();
        assert_eq!(error(&[3, 5]), "it goes on with the record of job 7, which belongs elsewhere");
        assert_eq!(error(&[3, 5, 7, 9]), "it ends before the record of job 9");
        assert_eq!(error(&[3, 6, 7]), "it has the record of job 5 where that of job 6 belongs");
    }

    #[test]
    fn damage_is_seen_wherever_it_is() {
        let bytes = sealed(&[3, 5, 7]);
        for length in 0..bytes.len() {
            open(&bytes[..length], &[3, 5, 7]).unwrap_err();
        }
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            // A bit of the frame's header may have no meaning. Then all lines must be there.
            if let Ok(lines) = open(&changed[..], &[3, 5, 7]) {
                assert_eq!(lines, [of(3), of(5), of(7)], "byte {at}");
            }
        }
    }

    #[test]
    fn what_unpacks_to_more_than_a_segment_may_have_is_refused() {
        let newlines = "\n".repeat(1 << 20);
        let many = seal(std::iter::repeat_n(newlines.as_str(), 200)).unwrap();
        assert!(many.len() < 1 << 18, "{} bytes", many.len());
        assert!(matches!(lines(&many[..]), Err(SegmentError::TooLong)));
        let more = seal(std::iter::repeat_n(newlines.as_str(), 257)).unwrap();
        assert!(matches!(lines(&more[..]), Err(SegmentError::TooLarge)));
    }

    #[test]
    fn a_small_batch_has_enough_segments_for_all_workers_and_a_large_one_small_ones() {
        assert_eq!([0, 1, 64, 65, 17_542, 10_000_000].map(segment_jobs), [1, 1, 1, 2, 275, 1024]);
    }
}
