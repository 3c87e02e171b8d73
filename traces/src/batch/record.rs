//! One job of a batch and its report: a line of the batch's results.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::report::{RunReport, Verdict};
use crate::sweep::SweepReport;
use crate::words;

/// The name and number of the format of a record. A change that breaks a reader raises the number.
pub const RECORD_SCHEMA: &str = "pmdscope.record/1";

/// The result of one job. Written as `{"job":17,"run":{...}}` or `{"job":17,"sweep":{...}}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "Line", into = "Line")]
#[schemars(with = "Line")]
pub struct Record {
    /// The number of the job in its matrix, from 0 on.
    pub job: u64,
    /// The report of the job.
    pub report: Report,
}

/// The report of a job.
///
/// If the engine did not survive the job, the report has only the request, and the reason why the result is
/// unknown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Report {
    /// A run of a writer against a walker. It has the traces of the findings' schedules only.
    Run(Box<RunReport>),
    /// A sweep of a writer over many entries.
    Sweep(Box<SweepReport>),
}

/// The written form of a record.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
struct Line {
    /// The number of the job in its matrix, from 0 on.
    job: u64,
    /// The report of a writer against a walker, by `pmdscope schema run`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    run: Option<Box<RunReport>>,
    /// The report of a sweep, by `pmdscope schema sweep`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sweep: Option<Box<SweepReport>>,
}

impl From<Record> for Line {
    fn from(record: Record) -> Line {
        let Record { job, report } = record;
        match report {
            Report::Run(run) => Line { job, run: Some(run), sweep: None },
            Report::Sweep(sweep) => Line { job, run: None, sweep: Some(sweep) },
        }
    }
}

impl TryFrom<Line> for Record {
    type Error = String;

    fn try_from(line: Line) -> Result<Record, String> {
        let report = match line {
            Line { run: Some(mut run), sweep: None, .. } => {
                // Records of 0.2.0 have the requested page frame only in their command.
                run.pfn = run.pfn.or_else(|| words::page_frame_of(&run.command));
                Report::Run(run)
            }
            Line { run: None, sweep: Some(sweep), .. } => Report::Sweep(sweep),
            _ => return Err(format!("the record of job {} is not of one run or one sweep", line.job)),
        };
        Ok(Record { job: line.job, report })
    }
}

impl Report {
    /// Returns the verdict of the report.
    pub fn verdict(&self) -> Verdict {
        match self {
            Report::Run(run) => run.verdict,
            Report::Sweep(sweep) => sweep.verdict,
        }
    }
}
