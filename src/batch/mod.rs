//! `pmdscope batch`: runs a whole matrix of jobs, on all cores, into a results directory.

mod crew;
mod diff;
mod excludes;
mod heard;
mod in_memory;
mod merge;
mod partition;
mod plan;
mod planning;
mod progress;
mod report;
mod results;
mod runner;
mod store;
mod verdicts;
mod wire;
mod worker;

use std::io::Write;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Once};

use anyhow::{Context, Result, bail, ensure};
use pmdscope_traces::batch::{BATCH_SCHEMA, Batch, USUAL_MEMORY, segment};
use pmdscope_traces::{UnavailableKernel, quoted};
use signal_hook::consts::{SIGINT, SIGTERM};

pub use self::diff::diff;
pub use self::heard::from_worker;
pub use self::in_memory::run_plan;
pub use self::merge::merge;
pub use self::report::{report, report_text};
pub use self::worker::{is_worker, worker};

use self::crew::{Crew, Lacking, Segments};
use self::partition::Partition;
pub use self::plan::{Block, Entries, Plan, Platform};
pub use self::planning::{Planned, plan};
use self::progress::Progress;
use self::store::Store;
use self::wire::{Setup, Verdicts};
use crate::cli::{BatchArgs, BatchHowArgs};
use crate::confined::processor_seconds;
use crate::exit::Exit;
use crate::output;
use crate::version::{SOURCES, made_by};

/// The most workers that can be asked for: more than any machine has processors.
const MOST_WORKERS: usize = 4096;

pub fn batch(args: &BatchArgs) -> Result<Exit> {
    let (matrix, text) = planning::read(&args.matrix)?;
    let folder = args.matrix.parent().unwrap_or(Path::new(""));
    let planned = plan(&matrix, folder, args.how.cache)?;
    let job = BatchRun {
        text,
        planned,
        to: args.output.as_deref(),
        dry_run: args.dry_run,
        how: &args.how,
        command: &format!("pmdscope batch {}", quoted(&args.matrix.to_string_lossy())),
    };
    let ran = run(job)?;
    if let (Some(verdicts), Some(to)) = (ran.verdicts, &args.output) {
        // Everything is recorded, so a summary that cannot be printed does not change the exit status.
        if let Err(error) = output::write(&ended(verdicts, to), None) {
            output::tell(&crate::failure::one_line(&error));
        }
    }
    Ok(ran.exit)
}

/// Everything that a batch is of.
pub struct BatchRun<'a> {
    /// The text of the matrix.
    pub text: String,
    /// The jobs of the matrix.
    pub planned: Planned,
    /// The directory for the results; `None` only for a dry run.
    pub to: Option<&'a Path>,
    /// Whether jobs are only listed.
    pub dry_run: bool,
    /// How it is run.
    pub how: &'a BatchHowArgs,
    /// The command that runs it, without the options for the directory and for how it is run.
    pub command: &'a str,
}

/// The result of a batch.
pub struct Ran {
    pub exit: Exit,
    /// The verdicts of all jobs; `None` if some were not run.
    pub verdicts: Option<Verdicts>,
}

/// Runs a batch into a directory.
pub fn run(of: BatchRun<'_>) -> Result<Ran> {
    let BatchRun { text, planned: Planned { plan, skipped, unavailable }, to, dry_run, how, command } = of;
    let partition = match &how.partition {
        Some(partition) => partition.parse()?,
        None => Partition::Whole,
    };
    let here = partition.count(plan.jobs(), |job| plan.name(job));
    let batch = Batch {
        schema: BATCH_SCHEMA.to_owned(),
        made_by: made_by(),
        sources: SOURCES.to_owned(),
        plan: plan.hash()?,
        matrix: text,
        jobs: plan.jobs(),
        partition: partition.name(),
        here,
        segment: segment::segment_jobs(here),
        memory: how.memory,
        skipped,
        unavailable,
    };
    for UnavailableKernel { kernel, reason } in &batch.unavailable {
        output::tell(&format!("nothing of {kernel} can be run, so that nothing is known of it: {reason}"));
    }
    if dry_run {
        return Ok(Ran { exit: self::dry_run(&plan, partition, &batch)?, verdicts: None });
    }
    let Some(to) = to else { bail!("name a directory for the results by -o, or only look by --dry-run") };
    ensure!(how.workers != Some(0), "--workers is 0, so nothing could be run: give at least 1");
    ensure!(
        how.workers.is_none_or(|workers| workers <= MOST_WORKERS),
        "--workers is more than {MOST_WORKERS}, each of which is a process: give as many as the machine has processors"
    );
    let workers = match how.workers {
        Some(workers) => workers,
        None => std::thread::available_parallelism().map_or(1, usize::from),
    };
    if how.partition.is_none() && std::env::var_os("SLURM_ARRAY_TASK_ID").is_some() {
        output::tell(
            "this is a task of a Slurm job array, and it runs the whole matrix: --partition slurm runs its part",
        );
    }
    let stop = stop_flag()?;
    let store = Store::open(to, batch, how.resume)?;
    let setup = Setup {
        seconds: processor_seconds(plan.bounds.timeout),
        no_cache: how.cache.no_cache,
        memory: how.memory.saturating_mul(1 << 20),
        plan,
    };
    let progress = Progress::new(here);
    let lacking = Lacking::new();
    let crew = Crew {
        lacking: &lacking,
        setup: &setup,
        store: &store,
        progress: &progress,
        warned: Once::new(),
        name: &|job| setup.plan.name(job),
        stop: &stop,
    };
    let ran = crew.run(segments(partition, &setup.plan, store.batch.segment), workers);
    progress.end();
    let again = || format!("go on with: {}", resume_command(command, how, partition, to));
    let verdicts = ran.with_context(|| format!("the batch stopped; {}", again()))?;
    if verdicts.jobs() < here {
        let why = match lacking.jobs.into_inner() {
            0 => String::new(),
            jobs => format!(", {jobs} lacked memory or time"),
        };
        output::tell(&format!("stopped: {} of {here} jobs are recorded{why}; {}", verdicts.jobs(), again()));
        return Ok(Ran { exit: Exit::Stopped, verdicts: None });
    }
    store.is_in_place()?;
    Ok(Ran { exit: exit(verdicts, &store.batch), verdicts: Some(verdicts) })
}

/// Makes the first signal stop the batch when its running jobs are done, and the second one at once.
fn stop_flag() -> Result<Arc<AtomicBool>> {
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        let status = i32::from(Exit::Stopped as u8);
        signal_hook::flag::register_conditional_shutdown(signal, status, Arc::clone(&stop))?;
        signal_hook::flag::register(signal, Arc::clone(&stop))?;
    }
    Ok(stop)
}

fn segments(partition: Partition, plan: &Plan, size: u64) -> Segments<'_> {
    let mut jobs = partition.jobs(plan.jobs(), |job| plan.name(job));
    let size = usize::try_from(size).unwrap_or(usize::MAX);
    let chunks = std::iter::from_fn(move || {
        let chunk: Vec<u64> = jobs.by_ref().take(size).collect();
        (!chunk.is_empty()).then_some(chunk)
    });
    Box::new((0..).zip(chunks))
}

fn dry_run(plan: &Plan, partition: Partition, batch: &Batch) -> Result<Exit> {
    let mut text = format!("{} jobs", batch.jobs);
    if let Some(part) = &batch.partition {
        text += &format!(", of which {} are in {part}", batch.here);
    }
    text += "\n";
    let platforms: Vec<_> = plan.by_platform().collect();
    let width = platforms.iter().map(|(_, jobs)| jobs.to_string().len()).max().unwrap_or(0);
    for (name, jobs) in platforms {
        text += &format!("  {jobs:>width$}  {name}\n");
    }
    if !batch.skipped.is_empty() {
        text += "left out, since it does not exist:\n";
        for skipped in &batch.skipped {
            text += &format!("  {}: {}\n", skipped.encoding, skipped.reason);
        }
    }
    output::write(&text, None)?;
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    let width = batch.jobs.saturating_sub(1).to_string().len();
    for job in partition.jobs(plan.jobs(), |job| plan.name(job)) {
        match writeln!(out, "{job:>width$}  {}", plan.name(job)) {
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => return Ok(Exit::Clean),
            other => other.context("cannot write to standard output")?,
        }
    }
    out.flush().context("cannot write to standard output")?;
    Ok(Exit::Clean)
}

fn ended(verdicts: Verdicts, to: &Path) -> String {
    let jobs = verdicts.jobs();
    let bounded = match verdicts.bounded {
        0 => String::new(),
        bounded => format!(" {bounded} passed within a bound,"),
    };
    format!(
        "{jobs} job{}: {} passed,{bounded} {} with findings, {} unknown\nsee them: pmdscope report {}\n",
        if jobs == 1 { "" } else { "s" },
        verdicts.pass,
        verdicts.findings,
        verdicts.unknown,
        quoted(&to.to_string_lossy())
    )
}

fn resume_command(command: &str, how: &BatchHowArgs, partition: Partition, to: &Path) -> String {
    // `slurm` is replaced with the slice that it named, so that the command can be run anywhere.
    let partition = partition.name().map(|part| format!(" --partition {part}")).unwrap_or_default();
    let to = quoted(&to.to_string_lossy());
    let mut command = format!("{command} -o {to}{partition} --resume");
    if let Some(workers) = how.workers {
        command += &format!(" --workers {workers}");
    }
    if how.memory != USUAL_MEMORY {
        command += &format!(" --memory {}", how.memory);
    }
    if how.cache.no_cache {
        command += " --no-cache";
    }
    command
}

/// Returns the status for the verdicts of a batch. Nothing is known of a kernel that cannot be run.
fn exit(verdicts: Verdicts, batch: &Batch) -> Exit {
    match verdicts {
        Verdicts { findings: 1.., .. } => Exit::Findings,
        Verdicts { unknown: 1.., .. } => Exit::Inconclusive,
        _ if !batch.unavailable.is_empty() => Exit::Inconclusive,
        Verdicts { bounded: 1.., .. } => Exit::Bounded,
        _ => Exit::Clean,
    }
}
