//! How records lie in files.
//!
//! The records of a batch are cut into segments of consecutive jobs. While a segment is under way its records are lines
//! of a *journal*, in the order in which they were finished; whatever ends the program, at most the last line of it is
//! torn. A whole segment is *sealed*: its lines in the order of their jobs, as one Zstandard frame with a checksum, which
//! has the same bytes however the work was divided and interrupted. `zstdcat records/*.zst` shows them all.

use std::io::Read;

use super::record::Record;
use crate::words;

/// The most jobs that a segment has, so that one fits easily in memory.
const MOST_JOBS: u64 = 1024;
/// The fewest segments of a batch that has as many jobs.
///
/// Every worker then has work to the end.
const FEWEST_SEGMENTS: u64 = 64;
/// Records have some 10 KB, those of kernels more; this is room for any, and stops a file that was made to fill memory.
pub const LARGEST_BYTES: u64 = 1 << 28;
/// What is quick enough not to be noticed beside the runs themselves.
const LEVEL: i32 = 1;

/// The number of jobs per segment, in a batch of `jobs` jobs.
pub fn segment_jobs(jobs: u64) -> u64 {
    jobs.div_ceil(FEWEST_SEGMENTS).clamp(1, MOST_JOBS)
}

/// Why the records of a segment cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum SegmentError {
    /// It was cut off, or changed.
    #[error("it is damaged: {0}")]
    Damaged(std::io::Error),
    /// It unpacks to more bytes than records of so many jobs can have.
    #[error("it unpacks to more than {LARGEST_BYTES} bytes, the most that a segment may have")]
    TooLarge,
    /// It has more lines than its segment has jobs.
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
/// If it cannot be serialised, which would be a fault of its type.
pub fn line(record: &Record) -> serde_json::Result<String> {
    let mut line = serde_json::to_string(record)?;
    line.push('\n');
    Ok(line)
}

/// The number of the job of a line; `None` if the line does not begin as a record does.
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
/// If the segment is damaged.
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
/// If the segment is damaged, or has other jobs.
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
/// If the line is not a record.
pub fn record(line: &str) -> Result<Record, SegmentError> {
    let no_record = |fault| SegmentError::NoRecord { line: 1, fault };
    let record: Record = serde_json::from_str(line).map_err(|fault| no_record(fault.to_string()))?;
    // It is printed to be pasted.
    match words::is_command(record.report.job().command) {
        true => Ok(record),
        false => Err(no_record("what it gives as its command is none of this program's".to_owned())),
    }
}

/// The whole lines of a journal that are records as [`line()`] writes them, in the order of their jobs, each job once. What
/// is torn or is something else is left out: its job is run again.
pub fn journal(bytes: &[u8]) -> Vec<String> {
    let mut lines: Vec<(u64, &str)> = Vec::new();
    for line in bytes.split_inclusive(|byte| *byte == b'\n').filter(|line| line.ends_with(b"\n")) {
        let Ok(line) = std::str::from_utf8(line) else { continue };
        match record(line) {
            // Written in another way it could not be told by its job once it is sealed.
            Ok(record) if job_of(line) == Some(record.job) => lines.push((record.job, line)),
            _ => {}
        }
    }
    // The sort keeps the first of each.
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
            // A bit of the header may say nothing; then all is there.
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
