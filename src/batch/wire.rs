//! The messages between a batch and its workers.

use std::collections::BTreeSet;

use pmdscope_traces::batch::segment;
use serde::{Deserialize, Serialize};

use super::plan::Plan;
use crate::confined::Limits;
use crate::confined::sandbox::Confined;

/// The first message to a worker.
#[derive(Serialize, Deserialize)]
pub struct Setup {
    pub plan: Plan,
    pub no_cache: bool,
    /// Bytes of address space that the worker may have.
    pub memory: u64,
    /// Seconds of processor time that one job may take.
    pub seconds: u64,
}

impl Setup {
    /// Returns the limits of one worker and one job.
    pub fn limits(&self) -> Limits {
        Limits { memory: self.memory, seconds: self.seconds }
    }
}

/// A segment to run.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Order {
    /// Its jobs, in order.
    pub jobs: Vec<u64>,
    /// The lines of the jobs that were run before.
    pub known: Vec<String>,
    /// Jobs that no worker survives, and why: their results are unknown.
    pub given_up: Vec<(u64, String)>,
    /// Jobs that lacked memory or time. They have no record, and run again when the batch is resumed.
    pub lacking: BTreeSet<u64>,
    /// Whether to announce each job before it begins, and to send each result at once.
    ///
    /// This shows which job no worker survives.
    pub careful: bool,
}

/// The largest reply, in bytes: one with the lines of a segment.
pub const LONGEST_REPLY: u32 = segment::LARGEST_BYTES as u32 + (1 << 20);

/// The first message of a worker: how it is confined, or why it cannot begin.
pub type Ready = Result<Confined, String>;

/// A worker's reply to an order.
#[derive(Debug, Serialize, Deserialize)]
pub enum Reply {
    /// A job begins.
    Begins(u64),
    /// Lines of jobs that are done.
    Lines(Vec<String>),
    /// A job lacked memory or time.
    Lacks(u64, String),
    /// The whole segment.
    Sealed(Vec<u8>),
    /// Every job was tried, and those that lacked something have no record.
    Unsealed,
    /// It was asked to stop, and has sent the lines of all jobs that are done.
    Stopped,
    /// It cannot go on, for a reason that is not the job's.
    Failed(String),
    /// It cannot go on, because of a fault of this program.
    Fault(String),
}

/// Jobs per verdict.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Verdicts {
    pub pass: u64,
    pub bounded: u64,
    pub findings: u64,
    pub unknown: u64,
}

impl Verdicts {
    /// Returns the number of jobs.
    pub fn jobs(&self) -> u64 {
        self.pass + self.bounded + self.findings + self.unknown
    }
}
