//! Runs the jobs of a plan one by one.

use std::path::PathBuf;

use anyhow::{Context, Result, bail, ensure};
use pmdscope_arches::{Encoding, EntryError};
use pmdscope_emu::{Blame, Bounds, EmuError, Machine, Recipe, Reduction, Role};
use pmdscope_guest::{Walker, Writer};
use pmdscope_traces::Verdict;
use pmdscope_traces::batch::{Record, Report};

use super::plan::{Job, Plan, Platform, Wanted};
use crate::cli::{CacheArgs, Marks};
use crate::kernel_plan::{KernelSource, Wanted as OfKernel, kernel_source};
use crate::kernel_study::KernelStudy;
use crate::plan::{GuestSource, bounds, encoding};
use crate::study::Study;
use crate::{one_line, sweep};

/// What runs jobs, with the machine of the last one.
pub struct Runner {
    plan: Plan,
    cache: CacheArgs,
    bounds: Bounds,
    /// The platform that is loaded, by its number.
    loaded: Option<(usize, Loaded)>,
}

/// What came of running a job.
pub enum JobResult {
    /// What is known of it, or why nothing is: the same each time.
    Record(Box<Record>),
    /// It lacked memory or time.
    Lacks(String),
}

/// Whose doing an error is; `None` if it is of neither the job nor the machine.
fn cause_of(error: &anyhow::Error) -> Option<Blame> {
    if error.chain().any(|cause| cause.is::<EntryError>()) {
        return Some(Blame::Input);
    }
    error.chain().find_map(|cause| cause.downcast_ref::<EmuError>()).map(EmuError::blame)
}

enum Loaded {
    Guest(Box<(Encoding, GuestSource, Machine)>),
    Kernel(KernelSource),
}

impl Runner {
    pub fn new(plan: Plan, cache: CacheArgs) -> Result<Self> {
        let bounds = bounds(&plan.bounds)?;
        Ok(Runner { plan, cache, bounds, loaded: None })
    }

    /// Forgets the machine, so that what its memory has grown by is given back.
    pub fn forget(&mut self) {
        self.loaded = None;
    }

    /// Runs a job. It fails if this program did, or a file cannot be read: that says nothing of the job.
    pub fn run(&mut self, number: u64) -> Result<JobResult> {
        let report = match self.ran(number) {
            Ok(Report::Run(run)) if run.out_of_time && run.verdict == Verdict::Unknown => {
                return Ok(JobResult::Lacks(run.incomplete.unwrap_or_default()));
            }
            Ok(report) => report,
            Err(error) => {
                // What it has grown to may be what memory is short of.
                self.forget();
                match cause_of(&error) {
                    Some(Blame::Input) => self.lost(number, &one_line(&error))?,
                    Some(Blame::Memory) => return Ok(JobResult::Lacks(one_line(&error))),
                    Some(Blame::Program) | None => return Err(error),
                }
            }
        };
        Ok(JobResult::Record(Box::new(Record { job: number, report })))
    }

    /// The record of a job that the engine does not survive.
    pub fn given_up(&mut self, number: u64, why: &str) -> Result<Record> {
        Ok(Record { job: number, report: self.lost(number, why)? })
    }

    fn ran(&mut self, number: u64) -> Result<Report> {
        let bounds = self.bounds;
        let (job, loaded) = self.load(number)?;
        Ok(match loaded {
            Loaded::Guest(loaded) => {
                let (encoding, source, machine) = &mut **loaded;
                match (job.entry, job.walker) {
                    (Wanted::Sweep(set), _) => Report::Sweep(Box::new(sweep::sweep(
                        encoding,
                        source,
                        set.parse()?,
                        Writer::named(job.writer, &source.guest)?,
                    )?)),
                    (_, Some(walker)) => {
                        let study = study(encoding, source, &job, walker, &bounds)?;
                        Report::Run(Box::new(study.report(machine)?.with_traces_of_findings()))
                    }
                    (_, None) => bail!("a job without a walker is a sweep"),
                }
            }
            Loaded::Kernel(source) => {
                let study = kernel_study(source, &job, &bounds)?;
                Report::Run(Box::new(study.report()?.with_traces_of_findings()))
            }
        })
    }

    /// The report of a job that was not run to its end.
    fn lost(&mut self, number: u64, why: &str) -> Result<Report> {
        let job = self.plan.job(number).context("the plan has no such job")?;
        let bounds = self.bounds;
        Ok(match &self.plan.platforms[job.platform] {
            Platform::Guest { .. } => {
                let (encoding, source) = guest(&self.plan.platforms[job.platform])?;
                match (job.entry, job.walker) {
                    (Wanted::Sweep(set), _) => Report::Sweep(Box::new(sweep::lost(
                        &encoding,
                        &source,
                        set.parse()?,
                        Writer::named(job.writer, &source.guest)?,
                        why,
                    ))),
                    (_, Some(walker)) => {
                        let study = study(&encoding, &source, &job, walker, &bounds)?;
                        Report::Run(Box::new(study.lost(why)))
                    }
                    (_, None) => bail!("a job without a walker is a sweep"),
                }
            }
            platform @ Platform::Kernel { .. } => {
                let source = kernel(platform, self.cache)?;
                Report::Run(Box::new(kernel_study(&source, &job, &bounds)?.lost(why)?))
            }
        })
    }

    fn load(&mut self, number: u64) -> Result<(Job<'_>, &mut Loaded)> {
        let job = self.plan.job(number).context("the plan has no such job")?;
        if self.loaded.as_ref().is_none_or(|(platform, _)| *platform != job.platform) {
            self.loaded = None;
            let platform = &self.plan.platforms[job.platform];
            let loaded = match platform {
                Platform::Guest { .. } => {
                    let (encoding, source) = guest(platform)?;
                    let machine = Machine::new(source.guest.clone())?;
                    Loaded::Guest(Box::new((encoding, source, machine)))
                }
                Platform::Kernel { .. } => Loaded::Kernel(kernel(platform, self.cache)?),
            };
            self.loaded = Some((job.platform, loaded));
        }
        match &mut self.loaded {
            Some((_, loaded)) => Ok((job, loaded)),
            None => bail!("nothing is loaded"),
        }
    }
}

fn guest(platform: &Platform) -> Result<(Encoding, GuestSource)> {
    let Platform::Guest { arch, mmu, linux, file, sha256 } = platform else { bail!("not a guest") };
    let encoding = encoding(arch, mmu.as_deref(), Some(linux))?;
    let source = match file {
        Some(file) => GuestSource::named(file, encoding.arch())?,
        None => GuestSource::bundled_for(&encoding)?,
    };
    unchanged(file.as_ref(), &source.sha256, sha256)?;
    Ok((encoding, source))
}

fn kernel(platform: &Platform, cache: CacheArgs) -> Result<KernelSource> {
    let Platform::Kernel { file, sha256, .. } = platform else { bail!("not a kernel") };
    let source = kernel_source(file, cache)?;
    unchanged(Some(file), &source.kernel.file().sha256, sha256)?;
    Ok(source)
}

fn unchanged(file: Option<&PathBuf>, is: &str, was: &str) -> Result<()> {
    let name = file.map_or("the bundled guest".into(), |file| file.display().to_string());
    ensure!(is == was, "{name} is another file than when the batch began");
    Ok(())
}

fn study<'a>(
    encoding: &'a Encoding,
    source: &'a GuestSource,
    job: &Job<'_>,
    walker: &str,
    bounds: &'a Bounds,
) -> Result<Study<'a>> {
    Ok(Study {
        encoding,
        source,
        start: job.entry.build(encoding)?,
        writer: Writer::named(job.writer, &source.guest)?,
        walker: Walker::named(walker, &source.guest)?,
        with: &[],
        bounds,
        reduction: Reduction::Joined,
        schedule: None,
    })
}

fn kernel_study<'a>(source: &'a KernelSource, job: &Job<'_>, bounds: &'a Bounds) -> Result<KernelStudy<'a>> {
    let wanted = match job.entry {
        Wanted::Kind { kind, marks, pfn } => {
            OfKernel::Kind { kind: kind.parse()?, marks: Marks::of_names(marks)?, pfn }
        }
        other => {
            OfKernel::Value(other.value(&source.encoding)?.context("an entry that is no kind has a value")?)
        }
    };
    Ok(KernelStudy {
        source,
        wanted,
        writer: Recipe::of(job.writer, Role::Writer)?,
        walker: job.walker.map(|walker| Recipe::of(walker, Role::Walker)).transpose()?,
        bounds,
        reduction: Reduction::Joined,
        schedule: None,
    })
}
