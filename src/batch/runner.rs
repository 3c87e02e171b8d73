//! Runs the jobs of a plan one by one.

use std::path::PathBuf;

use anyhow::{Context, Result, bail, ensure};
use pmdscope_arches::EntryError;
use pmdscope_emu::{Blame, Bounds, EmuError, Reduction};
use pmdscope_guest::Role;
use pmdscope_traces::Verdict;
use pmdscope_traces::batch::{Record, Report};

use super::plan::{Job, Plan, Platform, RequestedEntry};
use crate::cli::CacheArgs;
use crate::failure::one_line;
use crate::study::Study;
use crate::subject::{GuestSubject, KernelSubject, LastEnvironment, Subject};
use crate::sweep_study;
use crate::values::{bounds, encoding};

/// Runs jobs, and reuses the environment of the last one if possible.
pub struct Runner {
    plan: Plan,
    cache: CacheArgs,
    bounds: Bounds,
    /// The open platform, by its number.
    open: Option<(usize, Subject)>,
    last: LastEnvironment,
}

/// The result of a job.
pub enum JobResult {
    /// Its report, or why nothing is known. It is the same each time.
    Record(Box<Record>),
    /// It lacked memory or time.
    Lacks(String),
}

/// Returns who caused an error; `None` if neither an entry nor the emulator did.
fn cause_of(error: &anyhow::Error) -> Option<Blame> {
    if error.chain().any(|cause| cause.is::<EntryError>()) {
        return Some(Blame::Input);
    }
    error.chain().find_map(|cause| cause.downcast_ref::<EmuError>()).map(EmuError::blame)
}

impl Runner {
    pub fn new(plan: Plan, cache: CacheArgs) -> Result<Self> {
        let bounds = bounds(&plan.bounds)?;
        Ok(Runner { plan, cache, bounds, open: None, last: LastEnvironment::default() })
    }

    /// Drops the environment of a guest: its machine keeps the memory of every page that its jobs used.
    pub fn forget_guest(&mut self) {
        self.last.forget_guest();
    }

    /// Drops the environment, and frees the memory that it has grown to.
    pub fn forget(&mut self) {
        self.last = LastEnvironment::default();
    }

    /// Runs a job.
    ///
    /// # Errors
    /// If this program is at fault or a file cannot be read: that says nothing about the job.
    pub fn run(&mut self, number: u64) -> Result<JobResult> {
        let report = match self.report(number) {
            Ok(Report::Run(run)) if run.out_of_time && run.verdict == Verdict::Unknown => {
                return Ok(JobResult::Lacks(run.incomplete.unwrap_or_default()));
            }
            Ok(report) => report,
            Err(error) => {
                // Memory may be short because of what this runner keeps.
                self.forget();
                match cause_of(&error) {
                    Some(Blame::Input) => self.incomplete_report(number, &one_line(&error))?,
                    Some(Blame::Memory) => return Ok(JobResult::Lacks(one_line(&error))),
                    Some(Blame::Program) | None => return Err(error),
                }
            }
        };
        Ok(JobResult::Record(Box::new(Record { job: number, report })))
    }

    /// Returns the record of a job that no worker survives.
    pub fn given_up(&mut self, number: u64, why: &str) -> Result<Record> {
        Ok(Record { job: number, report: self.incomplete_report(number, why)? })
    }

    fn report(&mut self, number: u64) -> Result<Report> {
        self.open(number)?;
        let Runner { plan, open, last, bounds, .. } = self;
        let (job, subject) = opened(plan, open.as_ref(), number)?;
        Ok(match job.entry {
            RequestedEntry::Sweep(set) => {
                let guest = swept(subject)?;
                let writer = subject.routine(Role::Writer, job.writer)?;
                Report::Sweep(Box::new(sweep_study::sweep(guest, set.parse()?, writer)?))
            }
            _ => {
                let report = study(subject, &job, bounds)?.report(last)?;
                Report::Run(Box::new(report.with_traces_of_findings()))
            }
        })
    }

    /// Returns the report of a job that did not finish; `why` is the reason.
    fn incomplete_report(&mut self, number: u64, why: &str) -> Result<Report> {
        self.open(number)?;
        let (job, subject) = opened(&self.plan, self.open.as_ref(), number)?;
        Ok(match job.entry {
            RequestedEntry::Sweep(set) => {
                let guest = swept(subject)?;
                let writer = subject.routine(Role::Writer, job.writer)?;
                Report::Sweep(Box::new(sweep_study::incomplete_report(guest, set.parse()?, writer, why)))
            }
            _ => Report::Run(Box::new(study(subject, &job, &self.bounds)?.incomplete_report(why)?)),
        })
    }

    /// Opens the platform of a job, unless it is open already.
    fn open(&mut self, number: u64) -> Result<()> {
        let platform = self.plan.job(number).context("the plan has no such job")?.platform;
        if self.open.as_ref().is_none_or(|(open, _)| *open != platform) {
            self.forget();
            self.open = None;
            self.open = Some((platform, subject(&self.plan.platforms[platform], self.cache)?));
        }
        Ok(())
    }
}

/// Returns a job and its platform, which must be open.
fn opened<'a>(
    plan: &'a Plan,
    open: Option<&'a (usize, Subject)>,
    number: u64,
) -> Result<(Job<'a>, &'a Subject)> {
    let job = plan.job(number).context("the plan has no such job")?;
    let (_, subject) = open.context("no platform is open")?;
    Ok((job, subject))
}

/// Opens the guest or kernel of a platform; fails if its file has changed since the batch began.
fn subject(platform: &Platform, cache: CacheArgs) -> Result<Subject> {
    Ok(match platform {
        Platform::Guest { arch, mmu, linux, file, sha256 } => {
            let encoding = encoding(arch, mmu.as_deref(), Some(linux))?;
            let guest = match file {
                Some(file) => GuestSubject::from_file_anywhere(file, encoding)?,
                None => GuestSubject::bundled_for(encoding)?,
            };
            unchanged(file.as_ref(), &guest.sha256, sha256)?;
            Subject::Guest(guest)
        }
        Platform::Kernel { file, sha256, types, label, .. } => {
            let of_types = types.as_ref().map(|(file, _)| file.as_path());
            let kernel = KernelSubject::open(file, of_types, cache)?;
            unchanged(Some(file), &kernel.kernel.file().sha256, sha256)?;
            if let (Some((path, was)), Some((_, is))) = (types, kernel.types_file()) {
                unchanged(Some(path), &is, was)?;
            }
            Subject::Kernel(kernel.labelled(label.clone()))
        }
    })
}

/// Returns the guest that a sweep runs in.
fn swept(subject: &Subject) -> Result<&GuestSubject> {
    match subject {
        Subject::Guest(guest) => Ok(guest),
        Subject::Kernel(_) => bail!("a sweep runs within a guest"),
    }
}

fn unchanged(file: Option<&PathBuf>, is: &str, was: &str) -> Result<()> {
    let name = file.map_or("the bundled guest".into(), |file| file.display().to_string());
    ensure!(is == was, "{name} is another file than when the batch began");
    Ok(())
}

fn study<'a>(subject: &'a Subject, job: &Job<'_>, bounds: &'a Bounds) -> Result<Study<'a>> {
    let walker = job.walker.context("a job without a walker is a sweep")?;
    Ok(Study {
        subject,
        entry: job.entry.request(subject.encoding())?,
        writer: subject.routine(Role::Writer, job.writer)?,
        walker: Some(subject.routine(Role::Walker, walker)?),
        with: &[],
        bounds,
        reduction: Reduction::Joined,
        schedule: None,
    })
}
