//! `batch.json` of results directories.

use pmdscope_traces::batch::{BATCH_SCHEMA, Batch, USUAL_MEMORY};
use pmdscope_traces::json;

use super::plain::assert_one_line;

/// Reads bytes as what a results directory says of itself.
pub fn batch(bytes: &[u8]) -> bool {
    let batch = match Batch::read(bytes) {
        Ok(batch) => batch,
        Err(error) => {
            assert_one_line(&error.to_string());
            return false;
        }
    };
    let written = json::pretty(&batch).expect("what was read can be written");
    assert_eq!(Batch::read(written.as_bytes()).expect("what was written can be read"), batch);
    assert_eq!(batch.differs_from(&batch), None);
    covers(&batch);
    let whole = batch.whole();
    covers(&whole);
    assert_eq!((whole.here, whole.partition.as_ref()), (whole.jobs, None));
    let other = Batch { jobs: batch.jobs.wrapping_add(1), ..batch.clone() };
    assert!(batch.differs_from(&other).is_some(), "a plan decides how many jobs there are");
    true
}

/// Its segments have all of its jobs, and none of them is empty.
fn covers(batch: &Batch) {
    let (segments, size) = (batch.segments(), batch.segment);
    assert!(size > 0);
    assert!(u128::from(segments) * u128::from(size) >= u128::from(batch.here));
    assert!(segments == 0 || u128::from(segments - 1) * u128::from(size) < u128::from(batch.here));
}

/// A batch of so many jobs, in segments of so many.
pub fn batch_of(jobs: u64, segment: u64) -> Batch {
    Batch {
        schema: BATCH_SCHEMA.to_owned(),
        made_by: String::new(),
        sources: String::new(),
        plan: String::new(),
        matrix: String::new(),
        jobs,
        partition: None,
        here: jobs,
        segment,
        memory: USUAL_MEMORY,
        skipped: Vec::new(),
        unavailable: Vec::new(),
    }
}
