//! Messages of workers.

use std::collections::BTreeSet;

use pmdscope_traces::batch::segment::{job_of, open};

/// The jobs of the segment.
const JOBS: [u64; 4] = [3, 4, 5, 9];
/// The record of one of these jobs, which exists already.
const KNOWN: &str = "{\"job\":4,\"run\":{\"verdict\":\"pass\"}}\n";

/// Reads bytes as all that a worker sends about a segment; returns whether anything was believed.
pub fn worker(bytes: &[u8]) -> bool {
    let (told, sealed) = pmdscope::from_worker(bytes, &JOBS, vec![KNOWN.to_owned()]);
    let jobs: BTreeSet<u64> = told.iter().map(|line| job_of(line).expect("a record is of a job")).collect();
    assert_eq!(jobs.len(), told.len(), "a job is recorded twice");
    assert!(jobs.iter().all(|job| JOBS.contains(job) && *job != 4), "{jobs:?}");
    assert!(told.iter().all(|line| line.ends_with('\n') && line.matches('\n').count() == 1), "{told:?}");
    if let Some(sealed) = &sealed {
        let lines = open(&sealed[..], &JOBS).expect("it has the jobs of the segment");
        assert!(told.iter().chain([&KNOWN.to_owned()]).all(|line| lines.contains(line)), "{lines:?}");
    }
    !told.is_empty() || sealed.is_some()
}
