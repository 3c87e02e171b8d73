//! `pmdscope repro save`.

use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use pmdscope_arches::UnknownName;
use pmdscope_emu::{Bounds, EmuError, Schedule};
use pmdscope_guest::kernel::PackageKind;
use pmdscope_traces::repro::{self, CallBounds, Code, Package, PackageFormat, Repro};
use pmdscope_traces::{Finding, FindingName, Hex, RunReport, most_telling};

use crate::cli::SaveArgs;
use crate::confined;
use crate::exit::Exit;
use crate::output;
use crate::plan::RunPlan;
use crate::study::Study;
use crate::subject::{KernelSubject, LastEnvironment, Subject};
use crate::values::number;

pub fn save(args: &SaveArgs) -> Result<Exit> {
    let wanted = args.finding.as_deref().map(finding_name).transpose()?;
    let plan = RunPlan::new(&args.job)?;
    let walker = *only(&plan.walkers)?;
    ensure!(walker.is_some(), "a reproducer is of a writer and a walker: leave --walker none out");
    let code = match &plan.subject {
        Subject::Guest(guest) => Code::of_guest(&guest.elf),
        Subject::Kernel(kernel) => code_of_kernel(kernel),
    };
    let mut last = LastEnvironment::default();
    let run = |schedule: Option<&Schedule>| confined::study(&Study::of(&plan, walker, schedule), &mut last);
    let repro = repro(code, &plan.bounds, plan.schedule.as_ref(), wanted, run)?;
    let pfn = args.job.pfn.as_deref().map(number).transpose()?.map(Hex);
    output::write(&Repro { pfn, ..repro.clone() }.to_text()?, Some(&args.output))?;
    output::tell_person(&saved(&repro, &args.output));
    Ok(Exit::Clean)
}

/// Describes what was saved.
fn saved(repro: &Repro, to: &Path) -> String {
    let schedule = &repro.expected.schedule;
    let found = most_telling(repro.report.findings_under(schedule));
    let what = found.map_or("a schedule", |finding| finding.name.name());
    format!("saved {what}, {schedule}, in {}", to.display())
}

/// Returns the only walker; several are an error.
fn only<T>(walkers: &[T]) -> Result<&T> {
    match walkers {
        [walker] => Ok(walker),
        several => bail!("a reproducer is of one walker, and {} are named: save one for each", several.len()),
    }
}

fn finding_name(text: &str) -> Result<FindingName, UnknownName> {
    FindingName::of_name(text).ok_or_else(|| {
        UnknownName::new("finding", text, FindingName::ALL.iter().map(|finding| finding.name()))
    })
}

/// Makes a reproducer: runs every schedule or the one asked for, chooses the one to save, and runs it by itself.
///
/// The last run is the one that whoever reproduces it will repeat.
fn repro(
    code: Code,
    bounds: &Bounds,
    asked: Option<&Schedule>,
    wanted: Option<FindingName>,
    mut run: impl FnMut(Option<&Schedule>) -> Result<RunReport>,
) -> Result<Repro> {
    let report = run(asked)?;
    if let Some(failed) = report.failed_controls().first() {
        bail!("{failed}; so what was found says nothing, and is not saved");
    }
    let schedule = match asked {
        Some(schedule) => schedule.clone(),
        None => finding(&report, wanted)?.schedule.parse()?,
    };
    let expected = run(Some(&schedule))?.traces.pop().context("the schedule was run, and left no trace")?;
    if let Some(then) = report.trace_under(&expected.schedule)
        && let Some(what) = repro::first_difference(then, &expected)
    {
        return Err(EmuError::NotAsRecorded { schedule: expected.schedule, what }.into());
    }
    Ok(Repro {
        code,
        pfn: None,
        bounds: CallBounds { accesses: bounds.call.accesses, instructions: bounds.call.instructions },
        report: RunReport { traces: Vec::new(), ..report },
        expected,
    })
}

/// Chooses the finding to save.
fn finding(report: &RunReport, wanted: Option<FindingName>) -> Result<&Finding> {
    let found: Vec<_> =
        report.findings.iter().filter(|one| wanted.is_none_or(|name| one.name == name)).collect();
    if let Some(finding) = most_telling(found) {
        return Ok(finding);
    }
    let what = match (wanted, &report.incomplete) {
        (_, Some(why)) => format!("nothing to save was found, and not everything was run: {why}"),
        (Some(name), None) if !report.findings.is_empty() => {
            let mut names: Vec<_> = report.findings.iter().map(|one| one.name.name()).collect();
            names.dedup();
            format!("{} was not found, but {}", name.name(), names.join(", "))
        }
        _ => "nothing was found under any schedule".to_owned(),
    };
    bail!("{what}: a schedule that shows no finding is saved by its name, such as --schedule W3K1W1")
}

/// Returns the identity of a kernel: its hash, build ID, banner and package.
fn code_of_kernel(kernel: &KernelSubject) -> Code {
    let file = kernel.kernel.file();
    Code::Kernel {
        file: kernel.info().name,
        sha256: file.sha256.clone(),
        build_id: file.build_id.clone(),
        banner: file.release.banner.clone(),
        package: file.package.as_ref().map(|package| {
            let format = match package.kind {
                PackageKind::Deb => PackageFormat::Deb,
                PackageKind::Rpm => PackageFormat::Rpm,
            };
            let (name, version) = (package.name.clone(), package.version.clone());
            Package::new(format, name, version, package.architecture.clone())
        }),
    }
}
