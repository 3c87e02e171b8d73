//! The task of a confined process that runs foreign machine code.
//!
//! A task crosses a pipe, so it gives everything by names and numbers.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Result, bail, ensure};
use pmdscope_arches::EntrySet;
use pmdscope_emu::{Bounds, CallBounds, Reduction, Schedule};
use pmdscope_guest::kernel::Cache;
use pmdscope_guest::{Role, Routine};
use pmdscope_traces::RunReport;
use pmdscope_traces::contract::Column;
use pmdscope_traces::functions::FunctionsReport;
use pmdscope_traces::sweep::SweepReport;
use serde::{Deserialize, Serialize};

use super::process::processor_seconds;
use crate::cli::{CacheArgs, Marks};
use crate::contract::{self, ProbeFile};
use crate::described::Described;
use crate::functions;
use crate::start::EntryRequest;
use crate::study::Study;
use crate::subject::{GuestSubject, KernelSubject, LastEnvironment, Subject};
use crate::sweep_study;
use crate::values::encoding;

/// Seconds for all functions of a kernel, each alone.
const FUNCTIONS_SECONDS: u64 = 300;

/// A task for a confined process.
#[derive(Debug, Serialize, Deserialize)]
pub enum Task {
    /// Routines under schedules.
    Run { code: Code, entry: Entry, routines: Routines },
    /// Every function of a kernel that takes the address of an entry, alone, and those that are described.
    Functions { code: Code, described: Vec<Described> },
    /// The helpers of a probe, on every entry that they make.
    Contract { probe: ProbeFile },
    /// A guest's writer on a set of entries.
    Sweep { guest: GuestFile, set: String, writer: String },
}

/// The machine code of a task.
#[derive(Debug, Serialize, Deserialize)]
pub enum Code {
    Guest(GuestFile),
    /// A kernel, with the file of its types and the SHA-256 of that file, if it is not its own.
    Kernel {
        file: PathBuf,
        sha256: String,
        types: Option<(PathBuf, String)>,
        label: Option<String>,
        no_cache: bool,
    },
}

/// A guest, and the encoding that it is run in.
#[derive(Debug, Serialize, Deserialize)]
pub struct GuestFile {
    name: String,
    elf: Vec<u8>,
    arch: String,
    mmu: Option<String>,
    linux: String,
    engine: String,
}

/// The initial entry.
#[derive(Debug, Serialize, Deserialize)]
pub enum Entry {
    Kind { kind: String, marks: Vec<String>, pfn: Option<u64> },
    Value(u64),
}

/// The routines to run, the bounds, and the schedule (`None`: all).
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
    context: String,
    schedule: Option<String>,
}

impl Code {
    fn new(subject: &Subject) -> Self {
        match subject {
            Subject::Guest(guest) => Code::Guest(GuestFile::new(guest)),
            Subject::Kernel(kernel) => Code::Kernel {
                file: kernel.path.clone(),
                sha256: kernel.kernel.file().sha256.clone(),
                types: kernel.types_file(),
                label: kernel.label.clone(),
                no_cache: kernel.no_cache,
            },
        }
    }

    fn open(self) -> Result<Subject> {
        Ok(match self {
            Code::Guest(guest) => Subject::Guest(guest.open()?),
            Code::Kernel { file, sha256, types, label, no_cache } => {
                let of_types = types.as_ref().map(|(file, _)| file.as_path());
                let kernel = KernelSubject::open(&file, of_types, CacheArgs { no_cache })?;
                let is = &kernel.kernel.file().sha256;
                ensure!(*is == sha256, "{} was replaced while it was run", file.display());
                ensure!(
                    kernel.types_file() == types,
                    "the types of {} were replaced while it was run",
                    file.display()
                );
                Subject::Kernel(kernel.labelled(label))
            }
        })
    }
}

impl GuestFile {
    fn new(guest: &GuestSubject) -> Self {
        let encoding = &guest.encoding;
        GuestFile {
            name: guest.name.clone(),
            elf: guest.elf.to_vec(),
            arch: encoding.arch().to_string(),
            mmu: encoding.mmu().map(|mmu| mmu.to_string()),
            linux: encoding.version().to_string(),
            engine: guest.engine.to_string(),
        }
    }

    fn open(self) -> Result<GuestSubject> {
        let encoding = encoding(&self.arch, self.mmu.as_deref(), Some(&self.linux))?;
        Ok(GuestSubject::from_bytes(self.name, self.elf, encoding)?.on(self.engine.parse()?)?)
    }
}

impl Entry {
    fn new(request: EntryRequest) -> Self {
        match request {
            EntryRequest::Kind { kind, marks, pfn } => {
                Entry::Kind { kind: kind.name().to_owned(), marks: marks.names(), pfn }
            }
            EntryRequest::Value(value) => Entry::Value(value),
        }
    }

    fn request(&self) -> Result<EntryRequest> {
        Ok(match self {
            Entry::Kind { kind, marks, pfn } => {
                EntryRequest::Kind { kind: kind.parse()?, marks: Marks::of_names(marks)?, pfn: *pfn }
            }
            Entry::Value(value) => EntryRequest::Value(*value),
        })
    }
}

impl Routines {
    fn new(study: &Study<'_>) -> Self {
        let bounds = study.bounds;
        Routines {
            writer: study.writer.name.to_owned(),
            walker: study.walker.map(|walker| walker.name.to_owned()),
            with: study.with.iter().map(|with| with.name.to_owned()).collect(),
            accesses: bounds.call.accesses,
            instructions: bounds.call.instructions,
            schedules: bounds.schedules,
            behaviours: bounds.behaviours,
            seconds: bounds.time.as_secs(),
            joined: study.reduction == Reduction::Joined,
            context: bounds.context.to_string(),
            schedule: study.schedule.map(ToString::to_string),
        }
    }

    fn bounds(&self) -> Result<Bounds> {
        let time = Duration::from_secs(self.seconds);
        let call = CallBounds { accesses: self.accesses, instructions: self.instructions, time };
        let context = self.context.parse().map_err(anyhow::Error::msg)?;
        Ok(Bounds { call, schedules: self.schedules, behaviours: self.behaviours, time, context })
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
        Task::Run {
            code: Code::new(study.subject),
            entry: Entry::new(study.entry),
            routines: Routines::new(study),
        }
    }

    pub fn of_functions(subject: &KernelSubject, described: &[Described]) -> Self {
        let code = Code::new(&Subject::Kernel(subject.clone()));
        Task::Functions { code, described: described.to_vec() }
    }

    pub fn of_contract(probe: &ProbeFile) -> Self {
        Task::Contract { probe: probe.clone() }
    }

    pub fn of_sweep(guest: &GuestSubject, set: EntrySet, writer: &Routine) -> Self {
        Task::Sweep { guest: GuestFile::new(guest), set: set.to_string(), writer: writer.name.to_owned() }
    }

    /// Returns the processor time that it may take, in seconds.
    pub fn seconds(&self) -> u64 {
        processor_seconds(match self {
            Task::Run { routines, .. } => routines.seconds,
            Task::Sweep { .. } | Task::Contract { .. } => Bounds::default().time.as_secs(),
            Task::Functions { .. } => FUNCTIONS_SECONDS,
        })
    }

    /// Returns the files and folders that it reads.
    pub fn readable(&self) -> Vec<PathBuf> {
        match self {
            Task::Run { code: Code::Kernel { file, types, .. }, .. }
            | Task::Functions { code: Code::Kernel { file, types, .. }, .. } => {
                let cache = Cache::of_user().ok().map(|cache| cache.folder().to_owned());
                let types = types.as_ref().map(|(file, _)| file.clone());
                [file.clone()].into_iter().chain(types).chain(cache).collect()
            }
            Task::Run { code: Code::Guest(_), .. }
            | Task::Functions { code: Code::Guest(_), .. }
            | Task::Sweep { .. }
            | Task::Contract { .. } => Vec::new(),
        }
    }

    /// Runs the task in this process.
    pub fn run(self) -> Result<Report> {
        match self {
            Task::Run { code, entry, routines } => {
                let subject = code.open()?;
                let with: Vec<&Routine> =
                    routines.with.iter().map(|with| subject.other(with)).collect::<Result<_, _>>()?;
                let walker = routines.walker.as_deref().map(|name| subject.routine(Role::Walker, name));
                let (bounds, schedule) = (routines.bounds()?, routines.schedule()?);
                let study = Study {
                    subject: &subject,
                    entry: entry.request()?,
                    writer: subject.routine(Role::Writer, &routines.writer)?,
                    walker: walker.transpose()?,
                    with: &with,
                    bounds: &bounds,
                    reduction: routines.reduction(),
                    schedule: schedule.as_ref(),
                };
                Ok(Report::Run(Box::new(study.report(&mut LastEnvironment::default())?)))
            }
            Task::Functions { code, described } => {
                let Subject::Kernel(kernel) = code.open()? else {
                    bail!("only a kernel's functions are listed")
                };
                Ok(Report::Functions(Box::new(functions::observe(&kernel, &described)?)))
            }
            Task::Contract { probe } => Ok(Report::Contract(Box::new(contract::column(&probe)?))),
            Task::Sweep { guest, set, writer } => {
                let guest = guest.open()?;
                let writer = guest.guest.routine(Role::Writer, &writer)?;
                Ok(Report::Sweep(Box::new(sweep_study::sweep(&guest, set.parse()?, writer)?)))
            }
        }
    }
}

/// The report of a task.
#[derive(Debug, Serialize, Deserialize)]
pub enum Report {
    Run(Box<RunReport>),
    Sweep(Box<SweepReport>),
    Contract(Box<Column>),
    Functions(Box<FunctionsReport>),
}
