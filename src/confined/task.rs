//! A run of foreign machine code as its confined process is told of it: everything by names and numbers.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use pmdscope_arches::Encoding;
use pmdscope_emu::{Bounds, CallBounds, Machine, Recipe, Reduction, Role, Schedule};
use pmdscope_guest::kernel::Cache;
use pmdscope_guest::{Walker, Writer};
use pmdscope_traces::RunReport;
use pmdscope_traces::sweep::SweepReport;
use serde::{Deserialize, Serialize};

use super::process::processor_seconds;
use crate::cli::{CacheArgs, Marks};
use crate::kernel_plan::{Wanted, kernel_source};
use crate::kernel_study::KernelStudy;
use crate::plan::{GuestSource, Start, With, encoding};
use crate::study::Study;
use crate::sweep;

/// What a confined process is to run.
#[derive(Debug, Serialize, Deserialize)]
pub enum Task {
    /// A guest's routines under schedules.
    Guest { guest: GuestFile, entry: Entry, routines: Routines },
    /// A kernel's.
    Kernel { file: PathBuf, sha256: String, no_cache: bool, entry: Entry, routines: Routines },
    /// A guest's writer on a set of entries.
    Sweep { guest: GuestFile, set: String, writer: String },
}

/// A guest, and the encoding that it is run in.
#[derive(Debug, Serialize, Deserialize)]
pub struct GuestFile {
    name: String,
    elf: Vec<u8>,
    arch: String,
    mmu: Option<String>,
    linux: String,
}

/// The entry to begin with.
#[derive(Debug, Serialize, Deserialize)]
pub enum Entry {
    Kind { kind: String, marks: Vec<String>, pfn: Option<u64> },
    Value(u64),
}

/// What runs, and how.
#[derive(Debug, Serialize, Deserialize)]
pub struct Routines {
    writer: String,
    walker: Option<String>,
    with: Vec<String>,
    accesses: u64,
    instructions: u64,
    schedules: u64,
    behaviours: u64,
    seconds: u64,
    joined: bool,
    schedule: Option<String>,
}

impl GuestFile {
    pub fn new(source: &GuestSource, encoding: &Encoding) -> Self {
        GuestFile {
            name: source.name.clone(),
            elf: source.elf.to_vec(),
            arch: encoding.arch().to_string(),
            mmu: encoding.mmu().map(|mmu| mmu.to_string()),
            linux: encoding.version().to_string(),
        }
    }

    fn open(self) -> Result<(Encoding, GuestSource)> {
        let encoding = encoding(&self.arch, self.mmu.as_deref(), Some(&self.linux))?;
        let source = GuestSource::from_bytes(self.name, self.elf, encoding.arch())?;
        Ok((encoding, source))
    }
}

impl Entry {
    fn wanted(&self) -> Result<Wanted> {
        Ok(match self {
            Entry::Kind { kind, marks, pfn } => {
                Wanted::Kind { kind: kind.parse()?, marks: Marks::of_names(marks)?, pfn: *pfn }
            }
            Entry::Value(value) => Wanted::Value(*value),
        })
    }
}

impl From<Wanted> for Entry {
    fn from(wanted: Wanted) -> Self {
        match wanted {
            Wanted::Kind { kind, marks, pfn } => {
                Entry::Kind { kind: kind.name().to_owned(), marks: marks.names(), pfn }
            }
            Wanted::Value(value) => Entry::Value(value),
        }
    }
}

impl From<Start> for Entry {
    fn from(start: Start) -> Self {
        match start.kind {
            Some(kind) => {
                Wanted::Kind { kind, marks: start.marks, pfn: start.asked.then_some(start.pfn) }.into()
            }
            None => Entry::Value(start.value),
        }
    }
}

impl Routines {
    fn new(writer: &str, walker: Option<&str>, with: &[With], bounds: &Bounds) -> Self {
        Routines {
            writer: writer.to_owned(),
            walker: walker.map(str::to_owned),
            with: with.iter().map(|with| with.name().to_owned()).collect(),
            accesses: bounds.call.accesses,
            instructions: bounds.call.instructions,
            schedules: bounds.schedules,
            behaviours: bounds.behaviours,
            seconds: bounds.time.as_secs(),
            joined: true,
            schedule: None,
        }
    }

    fn under(self, reduction: Reduction, schedule: Option<&Schedule>) -> Self {
        let joined = reduction == Reduction::Joined;
        Routines { joined, schedule: schedule.map(ToString::to_string), ..self }
    }

    fn bounds(&self) -> Bounds {
        let time = Duration::from_secs(self.seconds);
        let call = CallBounds { accesses: self.accesses, instructions: self.instructions, time };
        Bounds { call, schedules: self.schedules, behaviours: self.behaviours, time }
    }

    fn reduction(&self) -> Reduction {
        if self.joined { Reduction::Joined } else { Reduction::None }
    }

    fn schedule(&self) -> Result<Option<Schedule>> {
        Ok(self.schedule.as_deref().map(str::parse).transpose()?)
    }
}

impl Task {
    pub fn of_study(study: &Study<'_>) -> Self {
        let routines =
            Routines::new(study.writer.name(), Some(study.walker.name()), study.with, study.bounds);
        Task::Guest {
            guest: GuestFile::new(study.source, study.encoding),
            entry: study.start.into(),
            routines: routines.under(study.reduction, study.schedule),
        }
    }

    pub fn of_kernel(study: &KernelStudy<'_>) -> Self {
        let walker = study.walker.map(|walker| walker.name);
        let routines = Routines::new(study.writer.name, walker, &[], study.bounds);
        Task::Kernel {
            file: study.source.path.clone(),
            sha256: study.source.kernel.file().sha256.clone(),
            no_cache: study.source.no_cache,
            entry: study.wanted.into(),
            routines: routines.under(study.reduction, study.schedule),
        }
    }

    /// Processor time that it may take, in seconds.
    pub fn seconds(&self) -> u64 {
        let exploration = match self {
            Task::Guest { routines, .. } | Task::Kernel { routines, .. } => routines.seconds,
            Task::Sweep { .. } => Bounds::default().time.as_secs(),
        };
        processor_seconds(exploration)
    }

    /// The files and folders that it reads.
    pub fn readable(&self) -> Vec<PathBuf> {
        match self {
            Task::Guest { .. } | Task::Sweep { .. } => Vec::new(),
            Task::Kernel { file, .. } => {
                let cache = Cache::of_user().ok().map(|cache| cache.folder().to_owned());
                [file.clone()].into_iter().chain(cache).collect()
            }
        }
    }

    /// Runs it in this process.
    pub fn run(self) -> Result<Report> {
        match self {
            Task::Guest { guest, entry, routines } => {
                let (encoding, source) = guest.open()?;
                let start = match entry.wanted()? {
                    Wanted::Kind { kind, marks, pfn } => Start::of_kind(&encoding, kind, marks, pfn)?,
                    Wanted::Value(value) => Start::of_value(&encoding, value),
                };
                let guest = &source.guest;
                let with: Vec<With> =
                    routines.with.iter().map(|with| With::named(with, guest)).collect::<Result<_, _>>()?;
                let (bounds, schedule) = (routines.bounds(), routines.schedule()?);
                let study = Study {
                    encoding: &encoding,
                    source: &source,
                    start,
                    writer: Writer::named(&routines.writer, guest)?,
                    walker: Walker::named(routines.walker.as_deref().context("no walker is named")?, guest)?,
                    with: &with,
                    bounds: &bounds,
                    reduction: routines.reduction(),
                    schedule: schedule.as_ref(),
                };
                let mut machine = Machine::new(source.guest.clone())?;
                Ok(Report::Run(Box::new(study.report(&mut machine)?)))
            }
            Task::Kernel { file, sha256, no_cache, entry, routines } => {
                let source = kernel_source(&file, CacheArgs { no_cache })?;
                let is = &source.kernel.file().sha256;
                ensure!(*is == sha256, "{} was replaced while it was run", file.display());
                let (bounds, schedule) = (routines.bounds(), routines.schedule()?);
                let walker = routines.walker.as_deref().map(|name| Recipe::of(name, Role::Walker));
                let study = KernelStudy {
                    source: &source,
                    wanted: entry.wanted()?,
                    writer: Recipe::of(&routines.writer, Role::Writer)?,
                    walker: walker.transpose()?,
                    bounds: &bounds,
                    reduction: routines.reduction(),
                    schedule: schedule.as_ref(),
                };
                Ok(Report::Run(Box::new(study.report()?)))
            }
            Task::Sweep { guest, set, writer } => {
                let (encoding, source) = guest.open()?;
                let writer = Writer::named(&writer, &source.guest)?;
                let report = sweep::sweep(&encoding, &source, set.parse()?, writer)?;
                Ok(Report::Sweep(Box::new(report)))
            }
        }
    }
}

/// What a task gives.
#[derive(Debug, Serialize, Deserialize)]
pub enum Report {
    Run(Box<RunReport>),
    Sweep(Box<SweepReport>),
}
