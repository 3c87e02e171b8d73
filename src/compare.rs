//! `pmdscope compare`.

use std::iter;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use pmdscope_arches::{Arch, Encoding, EntryError, EntryKind, Mmu, UnknownName, Version, platform_name};
use pmdscope_emu::{Bounds, EngineKind, Reduction};
use pmdscope_guest::{Role, Routine};
use pmdscope_traces::results::Judged;
use pmdscope_traces::results::expect::Expectations;
use pmdscope_traces::{CompareReport, EntryName, Lack, RunReport, Skipped, UnavailableKernel, Verdict};

use crate::cli::{CacheArgs, CompareArgs, Marks};
use crate::exit::Exit;
use crate::expected::expectations;
use crate::failure::{FailureKind, one_line, status_of};
use crate::kernel_arg::{self, KernelArg, Traits};
use crate::start::{EntryRequest, Start};
use crate::study::Study;
use crate::subject::{
    GuestSubject, KernelSubject, LastEnvironment, NoRoutine, Subject, refuse_platform, types_of,
};
use crate::values::{bounds, chosen};
use crate::version::made_by;
use crate::{confined, output};

/// A long-term kernel and the newest. Between them every architecture has the encodings that matter here, among
/// them arm64's two, and s390x without and with migration entries.
const DEFAULT_VERSIONS: [Version; 2] = [Version::new(6, 1), Version::new(7, 2)];
/// The entry of the original report. An encoding that cannot express it is run with [`DEFAULT_ELSE`].
const DEFAULT_ENTRY: EntryKind = EntryKind::MigrationWrite;
/// The kind of entry that a split is meant for.
const DEFAULT_ELSE: EntryKind = EntryKind::PresentHuge;

/// The most kernels that are kept open while others run: each takes some hundred megabytes.
const MOST_OPEN: usize = 4;

/// Returns the kernels to compare, if any are named.
fn kernels(args: &CompareArgs) -> impl Iterator<Item = &KernelArg> {
    args.kernel.iter().chain(&args.images)
}

/// The plan of a comparison.
struct Plan<'a> {
    args: &'a CompareArgs,
    /// The kinds of initial entry; `None`: the default of each subject.
    entries: Option<Vec<EntryKind>>,
    bounds: Bounds,
}

impl<'a> Plan<'a> {
    fn new(args: &'a CompareArgs) -> Result<Self> {
        if kernels(args).next().is_some() {
            refuse_platform(!args.arch.is_empty(), !args.mmu.is_empty(), !args.linux.is_empty())?;
        }
        if let Some(name) = &args.engine {
            let _: EngineKind = name.parse()?;
        }
        let entries = if args.entry.is_empty() { None } else { Some(chosen(&args.entry, Vec::new())?) };
        Ok(Plan { args, entries, bounds: bounds(&args.bounds)? })
    }

    /// Runs everything that was asked for, and returns the report.
    fn run(&self) -> Result<CompareReport> {
        if kernels(self.args).next().is_some() {
            return self.run_kernels();
        }
        let mut skips = Skips::default();
        let mut rows = Vec::new();
        let engine = self.args.engine.as_deref();
        for (name, guest) in if self.args.guest.is_empty() { self.bundled()? } else { self.guest_files()? } {
            match guest.and_then(|guest| guest.on_named(engine)) {
                Ok(guest) => rows.extend(self.rows(&Subject::Guest(guest), &name, &mut skips)?),
                Err(error) => skips.add(&name, None, format!("{error:#}")),
            }
        }
        Ok(CompareReport::new(made_by(), rows, skips.0))
    }

    /// Returns the bundled guests, each with its platform and version.
    fn bundled(&self) -> Result<Vec<(String, Result<GuestSubject>)>> {
        let encodings = self.encodings()?.into_iter();
        Ok(encodings.map(|(name, encoding)| (name, encoding.and_then(GuestSubject::bundled_for))).collect())
    }

    /// Returns the guests of files, each with its platform and version: what a probe says of itself, or what is asked
    /// for.
    fn guest_files(&self) -> Result<Vec<(String, Result<GuestSubject>)>> {
        let mut all: Vec<(String, &Path, Result<GuestSubject>)> = Vec::new();
        for path in &self.args.guest {
            let guest = GuestSubject::guest_in(path)?;
            let (arch, note) = (guest.arch(), guest.note());
            let usual = match note {
                Some(note) => note.mmu,
                None => arch.mmus().first().copied(),
            };
            let mmus = match chosen::<Mmu>(&self.args.mmu, Vec::new())? {
                mmus if mmus.is_empty() => vec![usual],
                mmus => mmus.into_iter().map(Some).collect(),
            };
            let version = note.map_or(Version::NEWEST, |note| note.version);
            for version in chosen(&self.args.linux, vec![version])? {
                for mmu in &mmus {
                    let name = format!("{} {version}", platform_name(arch, *mmu));
                    if let Some((_, other, _)) = all.iter().find(|(other, ..)| *other == name) {
                        bail!(
                            "{} and {} are both of {name}, so that no row could say which it is of: compare them by \
                             'pmdscope contract --probe', or run each by itself",
                            other.display(),
                            path.display()
                        );
                    }
                    let encoding = Encoding::at(arch, *mmu, version).map_err(anyhow::Error::from);
                    let guest = encoding.and_then(|encoding| GuestSubject::from_file(path, encoding));
                    all.push((name, path, guest));
                }
            }
        }
        Ok(all.into_iter().map(|(name, _, guest)| (name, guest)).collect())
    }

    /// Runs every kernel that can be opened.
    fn run_kernels(&self) -> Result<CompareReport> {
        let args: Vec<&KernelArg> = kernels(self.args).collect();
        kernel_arg::check_labels(args.iter().filter_map(|arg| arg.label.as_deref()))?;
        let types = types_of(args.len(), &self.args.types)?;
        let opened = args.iter().zip(&types);
        let opened = opened.map(|(arg, types)| KernelSubject::of_arg(arg, types.as_deref(), self.args.cache));
        let mut opened: Vec<Result<OpenKernel>> = opened
            .map(|kernel| kernel.map(|kernel| OpenKernel::new(kernel, args.len() <= MOST_OPEN)))
            .collect();
        if let Some(first) = opened.iter().position(Result::is_err)
            && opened.iter().all(Result::is_err)
        {
            let error = opened.swap_remove(first).err().context("a kernel has an error")?;
            return Err(match args.len() {
                1 => error,
                several => error.context(format!("none of {several} kernels can be run")),
            });
        }
        let traits: Vec<Traits<'_>> =
            opened.iter().filter_map(|kernel| Some(kernel.as_ref().ok()?.traits())).collect();
        let mut labels = kernel_arg::labels(&traits)?.into_iter();
        let (mut skips, mut rows, mut unavailable) = (Skips::default(), Vec::new(), Vec::new());
        for ((arg, types), kernel) in args.into_iter().zip(types).zip(opened) {
            let label = if kernel.is_ok() { labels.next().flatten() } else { None };
            let of_kernel =
                kernel.and_then(|kernel| kernel.reopened(arg, types, self.args.cache)).and_then(|kernel| {
                    let kernel = kernel.labelled(label);
                    let name = kernel.name().to_owned();
                    self.rows(&Subject::Kernel(kernel), &name, &mut skips)
                });
            match of_kernel {
                Ok(of_kernel) => rows.extend(of_kernel),
                // A name that no kernel knows is a mistake of the command line.
                Err(error)
                    if error.is::<UnknownName>()
                        || error.is::<NoRoutine>()
                        || status_of(&error) == Exit::Internal =>
                {
                    return Err(error);
                }
                Err(error) => unavailable.push(UnavailableKernel {
                    kernel: kernel_arg::given_name(arg),
                    reason: one_line(&error),
                }),
            }
        }
        Ok(CompareReport::of_kernels(made_by(), rows, skips.0, unavailable))
    }

    /// Returns the encodings of bundled guests, each with its platform and version.
    fn encodings(&self) -> Result<Vec<(String, Result<Encoding>)>> {
        let arches: Vec<Arch> = chosen(&self.args.arch, Arch::ALL.to_vec())?;
        let mmus: Vec<Mmu> = chosen(&self.args.mmu, Vec::new())?;
        let versions: Vec<Version> = chosen(&self.args.linux, DEFAULT_VERSIONS.to_vec())?;
        let is_wanted = |mmu: Option<Mmu>| mmus.is_empty() || mmu.is_some_and(|mmu| mmus.contains(&mmu));
        let platforms = arches.into_iter().flat_map(Arch::platforms).filter(|(_, mmu)| is_wanted(*mmu));
        let encodings = platforms.flat_map(|(arch, mmu)| {
            let of_version = move |version: &Version| {
                let name = format!("{} {version}", platform_name(arch, mmu));
                (name, Encoding::at(arch, mmu, *version).map_err(anyhow::Error::from))
            };
            versions.iter().map(of_version).collect::<Vec<_>>()
        });
        Ok(encodings.collect())
    }

    /// Runs each entry, writer and walker of a subject; returns a row for each.
    fn rows(&self, subject: &Subject, name: &str, skips: &mut Skips) -> Result<Vec<RunReport>> {
        let writers = routines(subject, Role::Writer, &self.args.writer)?;
        let walkers = routines(subject, Role::Walker, &self.args.walker)?;
        let mut last = LastEnvironment::default();
        let is_of_kernel = matches!(subject, Subject::Kernel(_));
        let mut rows = Vec::new();
        for (kind, marks) in self.kinds(subject.encoding(), name, skips) {
            for (writer, walker) in pairs(&writers, &walkers) {
                if let Err(lacking) = subject.has([writer, walker]) {
                    skips.add(name, Some(Lack::Routine(lacking.name.to_owned())), lacking.why);
                    continue;
                }
                let study = Study {
                    subject,
                    entry: EntryRequest::Kind { kind, marks, pfn: None },
                    writer,
                    walker: Some(walker),
                    with: &[],
                    bounds: &self.bounds,
                    reduction: Reduction::Joined,
                    schedule: None,
                };
                match confined::study(&study, &mut last) {
                    Ok(report) => rows.push(report),
                    // What a kernel cannot express is known only when it is set up.
                    Err(error) if FailureKind::of(&error) == FailureKind::NoSuchEntry => {
                        skips.add(name, Some(Lack::Entry(EntryName::Kind(kind))), one_line(&error));
                    }
                    // One run that fails says nothing about the others.
                    Err(error) if is_of_kernel && status_of(&error) != Exit::Internal => {
                        rows.push(study.incomplete_report(&one_line(&error))?);
                    }
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(rows)
    }

    /// Returns the kinds of initial entry that an encoding can express, with their marks.
    fn kinds(&self, encoding: &Encoding, name: &str, skips: &mut Skips) -> Vec<(EntryKind, Marks)> {
        let marks = self.args.marks;
        let mut can = |kind| match Start::of_kind(encoding, kind, marks, None) {
            Ok(_) => true,
            Err(error) => {
                skips.add(name, Some(Lack::Entry(EntryName::Kind(kind))), reason(&error));
                false
            }
        };
        match &self.entries {
            Some(kinds) => kinds.iter().filter(|kind| can(**kind)).map(|kind| (*kind, marks)).collect(),
            None if can(DEFAULT_ENTRY) => vec![(DEFAULT_ENTRY, marks)],
            // A mapping in use: the hardware has set its accessed and dirty bits.
            None => vec![(DEFAULT_ELSE, Marks { young: true, dirty: true, ..marks })],
        }
    }
}

/// A kernel that could be opened.
struct OpenKernel {
    release: String,
    label: Option<String>,
    path: PathBuf,
    build_id: Option<String>,
    /// The kernel, unless it was closed to save memory.
    kernel: Option<KernelSubject>,
}

impl OpenKernel {
    fn new(kernel: KernelSubject, is_kept: bool) -> Self {
        let file = kernel.kernel.file();
        OpenKernel {
            release: file.release.text.clone(),
            label: kernel.label.clone(),
            path: kernel.path.clone(),
            build_id: file.build_id.clone(),
            kernel: is_kept.then_some(kernel),
        }
    }

    fn traits(&self) -> Traits<'_> {
        Traits {
            label: self.label.as_deref(),
            release: &self.release,
            path: &self.path,
            build_id: self.build_id.as_deref(),
        }
    }

    fn reopened(self, arg: &KernelArg, types: Option<PathBuf>, cache: CacheArgs) -> Result<KernelSubject> {
        self.kernel.map_or_else(|| KernelSubject::of_arg(arg, types.as_deref(), cache), Ok)
    }
}

/// The requests that cannot be run, each once.
#[derive(Default)]
struct Skips(Vec<Skipped>);

impl Skips {
    fn add(&mut self, encoding: &str, lacks: Option<Lack>, reason: String) {
        let one = Skipped { encoding: encoding.to_owned(), lacks, reason };
        if !self.0.contains(&one) {
            self.0.push(one);
        }
    }
}

/// Returns the routines with these names, each once; by default those that a subject is compared by.
fn routines(subject: &Subject, role: Role, names: &[String]) -> Result<Vec<&'static Routine>> {
    let default = if names.is_empty() { subject.compared(role) } else { &[] };
    let names = names.iter().map(String::as_str).chain(default.iter().copied());
    let mut routines = Vec::new();
    for name in names {
        for routine in subject.routines_named(role, name)? {
            if !routines.contains(&routine) {
                routines.push(routine);
            }
        }
    }
    Ok(routines)
}

/// Returns every writer with every walker.
fn pairs(
    writers: &[&'static Routine],
    walkers: &[&'static Routine],
) -> impl Iterator<Item = (&'static Routine, &'static Routine)> {
    writers.iter().flat_map(|writer| iter::repeat(*writer).zip(walkers.iter().copied()))
}

/// Returns why an encoding has no such entry, without the name of the encoding.
fn reason(error: &anyhow::Error) -> String {
    error.downcast_ref().map_or_else(|| error.to_string(), EntryError::reason)
}

pub fn compare(args: &CompareArgs) -> Result<Exit> {
    let is_test_results = args.format.encoder.is_test_results();
    let expectations = expectations(args.expect.as_deref(), is_test_results)?;
    let plan = Plan::new(args)?;
    let (printed, exit) =
        output::checked(args.report.self_check, || compared(&plan.run()?, args, &expectations))?;
    output::write(&printed, args.report.output.as_deref())?;
    Ok(exit)
}

/// Formats a comparison, and derives the exit status.
fn compared(
    report: &CompareReport,
    args: &CompareArgs,
    expectations: &Expectations,
) -> Result<(String, Exit)> {
    if report.rows.is_empty() {
        match report.skipped.first() {
            Some(skipped) => {
                let others = report.skipped.len() - 1;
                let and = if others == 0 { String::new() } else { format!(" (and {others} more)") };
                bail!("nothing to compare: {}: {}{and}", skipped.encoding, skipped.reason)
            }
            None => bail!("nothing to compare: no architecture that was named has this kind of MMU"),
        }
    }
    let terminal = output::terminal(args.report.output.as_deref());
    let encoder = &args.format.encoder;
    let printed = encoder.encode(report, terminal, expectations).map_err(output::EncodeFailure)?;
    let exit = match encoder.is_test_results() {
        true => Exit::of_conclusion(Judged::new(report, expectations).conclusion()),
        false => {
            let unavailable = report.unavailable.iter().map(|_| Verdict::Unknown);
            Exit::of(report.rows.iter().map(|row| row.verdict).chain(unavailable))
        }
    };
    Ok((printed, exit))
}
