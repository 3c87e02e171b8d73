//! `pmdscope repro run`: runs a reproducer again.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use pmdscope_emu::{Bounds, CallBounds, EngineKind, Reduction, Schedule};
use pmdscope_guest::Role;
use pmdscope_traces::repro::{self, Code, Repro};
use pmdscope_traces::{EntryName, RoutineResult, RunReport, text};

use super::elsewhere;
use crate::cli::{Marks, ReproRunArgs};
use crate::confined;
use crate::exit::Exit;
use crate::failure::{Failed, FailureKind};
use crate::output;
use crate::plan::RunPlan;
use crate::start::EntryRequest;
use crate::study::Study;
use crate::subject::{GuestSubject, KernelSubject, LastEnvironment, Subject};
use crate::values::encoding;
use crate::version::made_by;

/// The result of running a reproducer again.
enum RerunResult {
    /// The report of the saved schedule.
    Report(Box<RunReport>),
    /// The schedule does not fit the accesses that the machine code makes here: in what way.
    Misfit(String),
}

pub fn run(args: &ReproRunArgs) -> Result<Exit> {
    let file = &args.repro.file;
    let repro = super::file::read(file)?;
    let subject = match &repro.code {
        Code::Guest { .. } => {
            ensure!(
                args.kernel.is_none(),
                "{} holds the code of its guest: leave --kernel out",
                file.display()
            );
            guest(&repro).map(Subject::Guest)
        }
        Code::Kernel { .. } => match kernel(&repro, args) {
            Ok(Found::Saved(kernel)) => Ok(Subject::Kernel(kernel)),
            Ok(Found::Other(kernel)) => {
                let (exit, printed) =
                    elsewhere::run(&repro, kernel).with_context(|| file.display().to_string())?;
                output::write(&text::fit(&printed, output::terminal(None)), None)?;
                return Ok(exit);
            }
            Err(error) => Err(error),
        },
    };
    let rerun = match subject.and_then(|subject| rerun(&repro, subject)) {
        Ok(report) => RerunResult::Report(Box::new(report)),
        Err(error) => match error.downcast_ref::<Failed>() {
            Some(failed) if failed.kind == FailureKind::ScheduleMisfit => {
                RerunResult::Misfit(error.to_string())
            }
            _ => return Err(error.context(file.display().to_string())),
        },
    };
    let (exit, printed) = judged(&repro, &rerun);
    output::write(&text::fit(&printed, output::terminal(None)), None)?;
    if repro.report.made_by != made_by() {
        output::tell(&format!(
            "{} was saved by {} and run by {}",
            file.display(),
            repro.report.made_by,
            made_by()
        ));
    }
    Ok(exit)
}

/// Decides whether the rerun reproduced what was saved, and formats the verdict.
fn judged(repro: &Repro, rerun: &RerunResult) -> (Exit, String) {
    let report = match rerun {
        RerunResult::Report(report) => report,
        RerunResult::Misfit(why) => return (Exit::Findings, repro::not_reproduced(repro, why)),
    };
    if let Some(why) = not_known(repro, report) {
        return (Exit::Inconclusive, repro::inconclusive(repro, &why));
    }
    if report.before.value != repro.report.before.value {
        let (saved, came) = (repro.report.before.value, report.before.value);
        let why = format!("the entry to begin with: {saved} was saved, {came} came");
        return (Exit::Findings, repro::not_reproduced(repro, &why));
    }
    match report.traces.first().map(|trace| repro::first_difference(&repro.expected, trace)) {
        Some(None) => (Exit::Clean, repro::reproduced(repro)),
        Some(Some(difference)) => (Exit::Findings, repro::not_reproduced(repro, &difference)),
        None => (Exit::Inconclusive, repro::inconclusive(repro, "nothing was run")),
    }
}

/// Returns the reason why the rerun decides nothing, if there is one.
fn not_known(repro: &Repro, report: &RunReport) -> Option<String> {
    report.failed_controls().into_iter().next().or_else(|| {
        let Some(trace) = report.traces.first() else { return report.incomplete.clone() };
        // Whether the bound on time stops a call depends on the machine.
        let expected = &repro.expected;
        let pairs = [(&expected.writer, &trace.writer), (&expected.walker, &trace.walker)];
        let mut pairs = pairs.into_iter().chain(expected.with.iter().zip(&trace.with));
        let stopped = pairs.find(|(saved, came)| {
            came.result == RoutineResult::Unknown && saved.result != RoutineResult::Unknown
        });
        stopped.and_then(|(_, came)| came.ended.clone())
    })
}

pub fn bounds(repro: &Repro) -> Bounds {
    /// Time for a slow machine: the comparison does not depend on it.
    const TIME: Duration = Duration::from_secs(60);
    /// More than the routines of any kernel need. A file that asks for more gets only this.
    const MOST_ACCESSES: u64 = 1 << 20;
    const MOST_INSTRUCTIONS: u64 = 1 << 30;
    let usual = Bounds::default();
    let call = CallBounds {
        accesses: repro.bounds.accesses.min(MOST_ACCESSES),
        instructions: repro.bounds.instructions.min(MOST_INSTRUCTIONS),
        time: TIME,
    };
    Bounds { call, time: TIME, ..usual }
}

fn guest(repro: &Repro) -> Result<GuestSubject> {
    let report = &repro.report;
    let encoding = encoding(&report.arch, report.mmu.as_deref(), Some(&report.linux))?;
    let elf = repro.code.elf().context("it has no guest")??;
    let guest = GuestSubject::from_bytes(report.guest.name.clone(), elf, encoding)?;
    let Some(engine) = &report.guest.engine else { return Ok(guest) };
    let kind = EngineKind::of_version(engine).with_context(|| format!("there is no engine {engine} here"))?;
    Ok(guest.on(kind)?)
}

/// The kernel to run a reproducer on.
enum Found {
    /// The one that it was saved of.
    Saved(KernelSubject),
    /// Another build, which the user named.
    Other(KernelSubject),
}

fn kernel(repro: &Repro, args: &ReproRunArgs) -> Result<Found> {
    let report = &repro.report;
    let path = find_kernel(repro, args)?;
    let types = find_types(repro, args)?;
    let kernel = KernelSubject::open(&path, types.as_deref(), args.cache)?;
    let sha256 = &kernel.kernel.file().sha256;
    if *sha256 != report.guest.sha256 && args.kernel.is_some() {
        return Ok(Found::Other(kernel));
    }
    ensure!(
        *sha256 == report.guest.sha256,
        "{} is another kernel: its boot image has the SHA-256 {sha256}, and what was saved {}",
        path.display(),
        report.guest.sha256
    );
    let version = kernel.encoding.version().to_string();
    ensure!(
        report.linux == version,
        "it was saved with the entries of {} read as those of Linux {}, and the kernel is Linux {version}: save it again",
        path.display(),
        report.linux
    );
    Ok(Found::Saved(kernel))
}

/// Runs the saved schedule on a subject.
fn rerun(repro: &Repro, subject: Subject) -> Result<RunReport> {
    let report = &repro.report;
    let walker = Some(subject.routine(Role::Walker, &report.walker)?);
    let plan = RunPlan {
        entry: entry(repro)?,
        writer: subject.routine(Role::Writer, &report.writer)?,
        walkers: vec![walker],
        with: report.with.iter().map(|with| subject.other(with)).collect::<Result<_, _>>()?,
        subject,
        bounds: bounds(repro),
        reduction: Reduction::Joined,
        schedule: Some(repro.expected.schedule.parse::<Schedule>()?),
    }
    .checked()?;
    confined::study(&Study::of(&plan, walker, plan.schedule.as_ref()), &mut LastEnvironment::default())
}

/// Finds the kernel of a reproducer: named by `--kernel`, beside the reproducer, or in the current directory.
fn find_kernel(repro: &Repro, args: &ReproRunArgs) -> Result<PathBuf> {
    if let Some(kernel) = &args.kernel {
        return Ok(kernel.unlabelled()?.to_owned());
    }
    let Code::Kernel { file, package, .. } = &repro.code else { bail!("it is not for a kernel") };
    if let Some(path) = find(repro_folder(args), file) {
        return Ok(path);
    }
    let release = repro.report.guest.release.as_deref().unwrap_or_default();
    let get = match package {
        Some(package) => format!(" ({} gets it, where it is still to be had)", package.download),
        None => String::new(),
    };
    bail!("its kernel {release} is not here: name {file} by --kernel{get}")
}

/// Returns the folder of a reproducer.
fn repro_folder(args: &ReproRunArgs) -> &Path {
    args.repro.file.parent().unwrap_or(Path::new(""))
}

/// Finds a file that a reproducer names, in a folder or the current directory.
fn find(folder: &Path, file: &str) -> Option<PathBuf> {
    // The reproducer names a file: folders in that name are dropped.
    let name = Path::new(file).file_name().map(PathBuf::from).unwrap_or_default();
    [folder.join(&name), name].into_iter().find(|path| path.is_file())
}

/// Finds the file of types that a reproducer's kernel was run with: named by `--types`, or as the kernel is found.
fn find_types(repro: &Repro, args: &ReproRunArgs) -> Result<Option<PathBuf>> {
    if args.types.is_some() {
        return Ok(args.types.clone());
    }
    let Some(types) = &repro.report.guest.types else { return Ok(None) };
    let found = find(repro_folder(args), &types.name);
    found.map(Some).with_context(|| {
        format!("the types that its kernel was run with are not here: name {} by --types", types.name)
    })
}

pub fn entry(repro: &Repro) -> Result<EntryRequest> {
    let report = &repro.report;
    Ok(match report.entry {
        EntryName::Value => EntryRequest::Value(report.before.value.0),
        EntryName::Kind(kind) => {
            let marks = Marks::of_names(&report.marks)?;
            EntryRequest::Kind { kind, marks, pfn: repro.pfn.map(|pfn| pfn.0) }
        }
    })
}
