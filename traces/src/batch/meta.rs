//! What a results directory says of itself.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::segment::segment_jobs;
use crate::comparison::Skipped;
use crate::words;

/// The name and number of the format of a results directory. A change that breaks a reader raises the number.
pub const BATCH_SCHEMA: &str = "pmdscope.batch/1";

/// What was to be run: `batch.json` of a results directory. It says nothing of when, where or by how many workers, so
/// that the same work gives the same bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Batch {
    /// `pmdscope.batch/1`.
    pub schema: String,
    /// The program that ran it and its engine, with their versions.
    pub made_by: String,
    /// The first 16 hexadecimal digits of the SHA-256 of the sources that the program was built from.
    #[serde(default)]
    pub sources: String,
    /// SHA-256 of all that decides what the jobs are and what they come to: the matrix with every list written out, and
    /// the SHA-256 of each guest and kernel; in hexadecimal.
    pub plan: String,
    /// The matrix as it was written.
    pub matrix: String,
    /// How many jobs the matrix has.
    pub jobs: u64,
    /// Which part of them this is: `slice:1/4`, `hash:1/4`; null: all.
    pub partition: Option<String>,
    /// How many jobs that is.
    pub here: u64,
    /// How many of them each segment has; the last may have fewer.
    pub segment: u64,
    /// MiB of address space that each worker might have. No record depends on it: a job that lacked memory has none.
    #[serde(default = "usual_memory")]
    pub memory: u64,
    /// What of the matrix does not exist, and why.
    pub skipped: Vec<Skipped>,
}

/// Why a file is no `batch.json` that this program can go by.
#[derive(Debug, thiserror::Error)]
pub enum BatchError {
    /// It is no JSON, or not that of a batch.
    #[error("is damaged: {}", words::one_line(&.0.to_string()))]
    Damaged(serde_json::Error),
    /// It is of another format, or of a later number of this one.
    #[error("is of format '{}', and this program reads {BATCH_SCHEMA}", words::one_line(.0))]
    OtherFormat(String),
    /// Its numbers do not fit together.
    #[error("is damaged: {0}")]
    Misfit(String),
}

/// MiB of address space that a worker may have, if nothing else is said.
pub const USUAL_MEMORY: u64 = 16_384;

fn usual_memory() -> u64 {
    USUAL_MEMORY
}

impl Batch {
    /// Reads a `batch.json`.
    ///
    /// # Errors
    /// If it has another format, or its contents contradict each other.
    pub fn read(bytes: &[u8]) -> Result<Batch, BatchError> {
        // Only the format says how the rest is to be read.
        let value: serde_json::Value = serde_json::from_slice(bytes).map_err(BatchError::Damaged)?;
        let schema = value.get("schema").and_then(|schema| schema.as_str()).unwrap_or_default();
        if schema != BATCH_SCHEMA {
            return Err(BatchError::OtherFormat(schema.to_owned()));
        }
        let batch: Batch = serde_json::from_value(value).map_err(BatchError::Damaged)?;
        batch.checked().map_err(BatchError::Misfit)
    }

    /// The batch, if its numbers fit together: no batch is begun with others.
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

    /// Why its records cannot be put beside those of another batch; `None` if they can.
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
            // A plan decides how many jobs there are.
            return Some(format!("of the same plan it has {} jobs, not {}", self.jobs, other.jobs));
        }
        None
    }

    /// The batch that has all jobs of the matrix.
    pub fn whole(&self) -> Batch {
        Batch { partition: None, here: self.jobs, segment: segment_jobs(self.jobs), ..self.clone() }
    }

    /// How many segments there are.
    pub fn segments(&self) -> u64 {
        self.here.div_ceil(self.segment.max(1))
    }
}

/// The sources of a build, in words.
fn build(sources: &str) -> String {
    if sources.is_empty() { "sources that it does not name".to_owned() } else { format!("sources {sources}") }
}
