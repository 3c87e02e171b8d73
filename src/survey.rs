//! `pmdscope survey`: every function of a kernel that takes the address of an entry, and every pair of them.

mod pairs;

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context, Result};
use pmdscope_arches::EntryKind;
use pmdscope_traces::formats;
use pmdscope_traces::functions::FunctionsReport;
use pmdscope_traces::matrix::Matrix;
use pmdscope_traces::{Lack, Skipped, quoted, text};

use self::pairs::Surveyed;
use crate::batch::{self, BatchRun, Planned};
use crate::cli::{PatchArgs, PatchFormat, SurveyArgs};
use crate::described::RoutineFile;
use crate::exit::Exit;
use crate::kernel_arg::KernelArg;
use crate::subject::{KernelSubject, types_of};
use crate::values::chosen;
use crate::{confined, output, patch};

/// The kinds of entry that a survey runs on: what a split makes of a page that is being moved, a mapping in use, one
/// that is to be noticed, nothing, and a page table.
const USUAL_KINDS: [EntryKind; 5] = [
    EntryKind::MigrationWrite,
    EntryKind::PresentHuge,
    EntryKind::Protnone,
    EntryKind::None,
    EntryKind::Table,
];

/// The format of the report.
const FORMAT: &str = "causes";

/// Minutes for what a change does: as long as a survey of both kernels may take.
const MINUTES: u64 = 120;

pub fn survey(args: &SurveyArgs) -> Result<Exit> {
    let kinds = chosen(&args.entry, USUAL_KINDS.to_vec())?;
    if !args.change.is_empty() {
        return change(args, &kinds);
    }
    let kernels = surveyed(&args.kernel, args, &kinds)?;
    let matrix = pairs::matrix(&kernels, args)?;
    let parsed = Matrix::parse("the pairs of the survey", &matrix)?;
    let Planned { plan, mut skipped, unavailable } = batch::plan(&parsed, Path::new(""), args.how.cache)?;
    skipped.extend(kernels.iter().flat_map(Surveyed::not_run));
    let planned = Planned { plan, skipped, unavailable };
    // Results that nobody asked to keep are kept until they are printed.
    let temporary = match (&args.output, args.dry_run) {
        (None, false) => Some(tempfile::tempdir().context("cannot make a temporary folder for results")?),
        _ => None,
    };
    let to = args.output.as_deref().or(temporary.as_ref().map(tempfile::TempDir::path));
    let command = pairs::command(args);
    let ran = batch::run(BatchRun {
        text: matrix,
        planned,
        to,
        dry_run: args.dry_run,
        how: &args.how,
        command: &command,
    })?;
    // What is known is printed even if some pairs lacked time.
    if let Some(to) = to {
        let format = formats::REPORT.iter().find(|format| format.name == FORMAT).context("no such format")?;
        let mut printed: String = kernels.iter().map(Surveyed::summary).collect();
        printed += "\n";
        printed += &batch::report_text(to, format)?;
        if let Some(to) = &args.output {
            printed += &format!(
                "\nsee them again: pmdscope report {} --format {FORMAT}\n",
                quoted(&to.to_string_lossy())
            );
        }
        output::write(&text::fit(&printed, output::terminal(None)), None)?;
    }
    Ok(ran.exit)
}

/// Runs the functions of kernels alone, and chooses the pairs.
fn surveyed(kernels: &[KernelArg], args: &SurveyArgs, kinds: &[EntryKind]) -> Result<Vec<Surveyed>> {
    let types = types_of(kernels.len(), &args.types)?;
    let routines = RoutineFile::read(args.routines.as_deref())?;
    let surveyed = kernels.iter().zip(types).map(|(arg, types)| {
        let kernel = KernelSubject::of_arg(arg, types.as_deref(), args.how.cache)?;
        let report = confined::functions(&kernel, routines.all())?;
        Surveyed::new(arg, types, report, &kernel.encoding, kinds, args, &routines)
    });
    surveyed.collect()
}

/// Says what a change does to the pairs that the kernel before it or the one after it has.
fn change(args: &SurveyArgs, kinds: &[EntryKind]) -> Result<Exit> {
    let kernels = surveyed(&args.change, args, kinds)?;
    let names = |of: fn(&Surveyed) -> Vec<&str>| {
        let names: BTreeSet<&str> = kernels.iter().flat_map(of).collect();
        names.into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    let patch = PatchArgs {
        kernels: args.change.clone(),
        types: args.types.clone(),
        entry: kinds.iter().map(|kind| kind.name().to_owned()).collect(),
        writer: names(Surveyed::writers),
        walker: names(Surveyed::walkers),
        cache: args.how.cache,
        workers: args.how.workers,
        format: PatchFormat::Text,
        output: None,
        max_minutes: MINUTES,
        bounds: args.bounds.clone(),
    };
    let wanted = |kind, writer: &str, walker: &str| kernels.iter().any(|one| one.has(kind, writer, walker));
    patch::compare(&patch, &wanted, pairs::command(args))
}

/// Returns the functions that did not run to their ends on some kind of entry, as what a batch leaves out.
fn not_run(report: &FunctionsReport, platform: &str, kinds: &[EntryKind]) -> Vec<Skipped> {
    let mut skipped = Vec::new();
    for function in &report.functions {
        let mut ends: Vec<(&str, Vec<&str>)> = Vec::new();
        let of_kinds = |kind| kinds.iter().any(|known| pmdscope_traces::EntryName::Kind(*known) == kind);
        for seen in function.seen.iter().filter(|seen| !seen.whole && of_kinds(seen.entry)) {
            match ends.iter_mut().find(|(end, _)| *end == seen.ended) {
                Some((_, kinds)) => kinds.push(seen.entry.name()),
                None => ends.push((&seen.ended, vec![seen.entry.name()])),
            }
        }
        let ends = ends.into_iter().map(|(end, kinds)| format!("on {} it {end}", kinds.join(" ")));
        let reasons: Vec<String> = function.refused.clone().into_iter().chain(ends).collect();
        if !reasons.is_empty() {
            skipped.push(Skipped {
                encoding: platform.to_owned(),
                lacks: Some(Lack::Routine(function.name.clone())),
                reason: format!("{} was not run alone: {}", function.name, reasons.join("; ")),
            });
        }
    }
    skipped
}
