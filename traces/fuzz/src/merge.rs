//! Parts of a batch that are merged.

use std::collections::BTreeMap;

use pmdscope_traces::batch::{JobOrder, JoinError, LineError, Segment, Segments};

use super::batch::batch_of;

/// How many jobs the batch has, and how many of them a segment.
const JOBS: u64 = 40;
const SEGMENT: u64 = 4;

/// Reads bytes as the lines of parts, a zero byte between two parts, and merges them.
pub fn merge(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else { return false };
    let parts: Vec<Vec<_>> = text.split('\0').map(lines).collect();
    let batch = batch_of(JOBS, SEGMENT);
    let mut known = BTreeMap::new();
    let mut ended = None;
    for segment in Segments::new(&batch, parts.iter().map(|part| part.iter().cloned())) {
        match segment {
            Ok(segment) => add(&mut known, segment),
            Err(error) => {
                ended = Some(error);
                // What cannot be read on ends a merge.
                break;
            }
        }
    }
    let readable = parts.iter().flatten().filter_map(|line| line.as_ref().ok());
    let mut all: BTreeMap<u64, Vec<&String>> = BTreeMap::new();
    readable.for_each(|(job, line)| all.entry(*job).or_default().push(line));
    match ended {
        None => {
            assert!(all.values().all(|lines| lines.len() == 1), "a job that is there twice is told");
            assert!(
                known
                    .iter()
                    .map(|(job, line)| (job, vec![line]))
                    .eq(all.iter().map(|(job, lines)| (job, lines.clone())))
            );
        }
        Some(JoinError::Twice { job, parts: [one, other] }) => {
            assert_ne!(one, other);
            assert!([one, other].iter().all(|place| has(&parts[*place], job)), "{job}");
        }
        Some(JoinError::Part(error)) => {
            assert!(parts.iter().flatten().any(|line| line.as_ref() == Err(&error)))
        }
    }
    !known.is_empty()
}

type Line = Result<(u64, String), LineError>;

/// The lines of a part, as far as they are in order, and why there are no more.
fn lines(part: &str) -> Vec<Line> {
    let mut order = JobOrder::new(JOBS);
    let mut is_over = false;
    let lines = part.split_inclusive('\n').map(|line| order.job(line).map(|job| (job, line.to_owned())));
    lines.take_while(|line| !std::mem::replace(&mut is_over, line.is_err())).collect()
}

fn has(part: &[Line], job: u64) -> bool {
    part.iter().any(|line| line.as_ref().is_ok_and(|(known, _)| *known == job))
}

/// Each job comes once, after those before it, in its segment, which is whole if it has all of them.
fn add(known: &mut BTreeMap<u64, String>, Segment { number, lines, is_whole }: Segment) {
    let jobs = number * SEGMENT..(number + 1) * SEGMENT;
    assert_eq!(is_whole, lines.len() as u64 == SEGMENT);
    for line in lines {
        let job = JobOrder::new(JOBS).job(&line).expect("it was one before");
        assert!(jobs.contains(&job));
        assert!(known.last_key_value().is_none_or(|(last, _)| *last < job));
        known.insert(job, line);
    }
}
