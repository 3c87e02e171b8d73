//! The description of a batch in its results directory.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::segment::segment_jobs;
use crate::comparison::{Skipped, UnavailableKernel};
use crate::words;

/// The name and number of the format of a results directory. A change that breaks a reader raises the number.
pub const BATCH_SCHEMA: &str = "pmdscope.batch/1";

/// The description of a batch: `batch.json` of a results directory.
///
/// It does not say when, where or by how many workers the batch was run, so that the same work gives the same
/// bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Batch {
    /// `pmdscope.batch/1`.
    pub schema: String,
    /// The program that ran it and its engine, with their versions.
    pub made_by: String,
    /// The first 16 hexadecimal digits of the SHA-256 of the sources that the program was built from.
    #[serde(default)]
    pub sources: String,
    /// SHA-256, in hexadecimal, of everything that determines the jobs and their results: the matrix with every
    /// list written out, and the SHA-256 of each guest and kernel.
    pub plan: String,
    /// The text of the matrix, as it was written.
    pub matrix: String,
    /// How many jobs the matrix has.
    pub jobs: u64,
    /// The part of the jobs that these results are for: `slice:1/4`, `hash:1/4`; null for all jobs.
    pub partition: Option<String>,
    /// How many jobs this part has.
    pub here: u64,
    /// How many jobs of this part each segment has; the last may have fewer.
    pub segment: u64,
    /// The limit on each worker's address space, in MiB. No record depends on it: a job that lacked memory has
    /// none.
    #[serde(default = "usual_memory")]
    pub memory: u64,
    /// The combinations of the matrix that cannot exist, with the reasons.
    pub skipped: Vec<Skipped>,
    /// The kernels of the matrix of which nothing can be run; absent if there are none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unavailable: Vec<UnavailableKernel>,
}

/// Errors of reading a `batch.json`.
#[derive(Debug, thiserror::Error)]
pub enum BatchError {
    /// The file is not JSON, or not the JSON of a batch.
    #[error("is damaged: {}", words::one_line(&.0.to_string()))]
    Damaged(serde_json::Error),
    /// The file has another format, or another number of this one.
    #[error("is of format '{}', and this program reads {BATCH_SCHEMA}", words::one_line(.0))]
    OtherFormat(String),
    /// Numbers in the file contradict each other.
    #[error("is damaged: {0}")]
    Misfit(String),
}

/// The default limit on a worker's address space, in MiB.
pub const USUAL_MEMORY: u64 = 16_384;

fn usual_memory() -> u64 {
    USUAL_MEMORY
}

impl Batch {
    /// Reads a `batch.json`.
    ///
    /// # Errors
    /// [`BatchError`] if the bytes are not the JSON of a batch, have another format, or contradict each other.
    pub fn read(bytes: &[u8]) -> Result<Batch, BatchError> {
        // The format is checked first, since it decides how to read the rest.
        let value: serde_json::Value = serde_json::from_slice(bytes).map_err(BatchError::Damaged)?;
        let schema = value.get("schema").and_then(|schema| schema.as_str()).unwrap_or_default();
        if schema != BATCH_SCHEMA {
            return Err(BatchError::OtherFormat(schema.to_owned()));
        }
        let batch: Batch = serde_json::from_value(value).map_err(BatchError::Damaged)?;
        batch.checked().map_err(BatchError::Misfit)
    }

    /// Returns the batch if its numbers are those with which a batch of its size begins.
    fn checked(self) -> Result<Batch, String> {
        if self.here > self.jobs {
            return Err(format!("it is of {} jobs of {}", self.here, self.jobs));
        }
        let segment = segment_jobs(self.here);
        if self.segment != segment {
            return Err(format!("its segments have {} jobs, not {segment}", self.segment));
        }
        Ok(self)
    }

    /// Returns the reason why the records of two batches do not belong together; `None` if they do.
    pub fn differs_from(&self, other: &Batch) -> Option<String> {
        if self.made_by != other.made_by {
            return Some(format!("it was made by {}, not by {}", self.made_by, other.made_by));
        }
        if self.sources != other.sources {
            let (these, those) = (build(&self.sources), build(&other.sources));
            return Some(format!(
                "it was made by another build of {}: from {these}, not from {those}",
                self.made_by
            ));
        }
        if self.plan != other.plan {
            let what = if self.matrix == other.matrix {
                "of the same matrix, but with other kernels or guests"
            } else {
                "of another matrix"
            };
            return Some(format!("it is {what} (plan {:.12}, not {:.12})", self.plan, other.plan));
        }
        if self.jobs != other.jobs {
            // The plan determines the number of jobs, so this is a contradiction.
            return Some(format!("of the same plan it has {} jobs, not {}", self.jobs, other.jobs));
        }
        None
    }

    /// Returns the description of the batch with all jobs of the matrix.
    pub fn whole(&self) -> Batch {
        Batch { partition: None, here: self.jobs, segment: segment_jobs(self.jobs), ..self.clone() }
    }

    /// Returns the number of segments.
    pub fn segments(&self) -> u64 {
        self.here.div_ceil(self.segment.max(1))
    }
}

/// Formats the sources of a build.
fn build(sources: &str) -> String {
    if sources.is_empty() { "sources that it does not name".to_owned() } else { format!("sources {sources}") }
}
