//! Runs a plan for a command that needs its reports and keeps no results directory.

use std::sync::Once;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use pmdscope_traces::RunReport;
use pmdscope_traces::batch::{BATCH_SCHEMA, Batch, Report, USUAL_MEMORY, segment};

use super::crew::{Crew, Lacking};
use super::partition::Partition;
use super::plan::Plan;
use super::progress::Progress;
use super::results::Results;
use super::store::Store;
use super::wire::Setup;
use super::{MOST_WORKERS, segments, stop_flag};
use crate::cli::CacheArgs;
use crate::confined::{beside, processor_seconds};
use crate::version::{SOURCES, made_by};

/// The reports of a plan's jobs.
pub struct PlanReports {
    /// The report of each job; `None` if it was not run, or lacked memory or time.
    pub reports: Vec<Option<RunReport>>,
    /// Whether it was stopped before all jobs were run.
    pub was_stopped: bool,
}

/// Runs the jobs of a plan in confined workers, for at most `within`.
pub fn run_plan(
    plan: Plan,
    cache: CacheArgs,
    workers: Option<usize>,
    within: Duration,
) -> Result<PlanReports> {
    ensure!(workers != Some(0), "--workers is 0, so nothing could be run: give at least 1");
    ensure!(
        workers.is_none_or(|workers| workers <= MOST_WORKERS),
        "--workers is more than {MOST_WORKERS}, each of which is a process"
    );
    let workers = workers.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from));
    let jobs = plan.jobs();
    let batch = Batch {
        schema: BATCH_SCHEMA.to_owned(),
        made_by: made_by(),
        sources: SOURCES.to_owned(),
        plan: plan.hash()?,
        matrix: String::new(),
        jobs,
        partition: None,
        here: jobs,
        segment: segment::segment_jobs(jobs),
        memory: USUAL_MEMORY,
        skipped: Vec::new(),
        unavailable: Vec::new(),
    };
    let folder = tempfile::tempdir().context("cannot make a temporary folder for results")?;
    let store = Store::open(folder.path(), batch, false)?;
    let setup = Setup {
        seconds: processor_seconds(plan.bounds.timeout),
        no_cache: cache.no_cache,
        memory: USUAL_MEMORY.saturating_mul(1 << 20),
        plan,
    };
    let stop = stop_flag()?;
    let (done, is_done) = channel::<()>();
    let timer = stop.clone();
    beside(move || {
        if is_done.recv_timeout(within) == Err(RecvTimeoutError::Timeout) {
            timer.store(true, Ordering::Relaxed);
        }
    })?;
    let (progress, lacking) = (Progress::new(jobs), Lacking::new());
    let crew = Crew {
        lacking: &lacking,
        setup: &setup,
        store: &store,
        progress: &progress,
        warned: Once::new(),
        name: &|job| setup.plan.name(job),
        stop: &stop,
    };
    let ran = crew.run(segments(Partition::Whole, &setup.plan, store.batch.segment), workers);
    progress.end();
    ran?;
    drop(done);
    let mut reports: Vec<Option<RunReport>> = Vec::new();
    reports.resize_with(usize::try_from(jobs).context("too many jobs")?, || None);
    for record in Results::open(folder.path())?.records() {
        let record = record?;
        if let Report::Run(report) = record.report
            && let Some(place) = usize::try_from(record.job).ok().and_then(|job| reports.get_mut(job))
        {
            *place = Some(*report);
        }
    }
    Ok(PlanReports { reports, was_stopped: stop.load(Ordering::Relaxed) })
}
