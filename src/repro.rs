//! `pmdscope repro`: what was found, saved so that it can be run again.

mod again;
mod save;

use std::path::Path;

use anyhow::{Context, Result};
use pmdscope_emu::{Bounds, Reduction};
use pmdscope_traces::GuestKind;
use pmdscope_traces::kunit;
use pmdscope_traces::repro::{self, Code, Repro};

use crate::cli::{Marks, ReproArgs, ReproReportArgs, ReproWhat};
use crate::command::CommandLine;
use crate::exit::Exit;
use crate::start::Start;
use crate::{input, output};

pub fn repro(args: &ReproArgs) -> Result<Exit> {
    match &args.what {
        ReproWhat::Save(args) => save::save(args),
        ReproWhat::Run(args) => again::run(args),
        ReproWhat::Show(args) => {
            output::write(&repro::show(&read(&args.file)?), None)?;
            Ok(Exit::Clean)
        }
        ReproWhat::Report(args) => report(args),
    }
}

fn report(args: &ReproReportArgs) -> Result<Exit> {
    let file = &args.repro.file;
    let repro = read(file)?;
    let name = file.file_name().unwrap_or(file.as_os_str()).to_string_lossy();
    let text = if args.kunit {
        kunit::test(&repro.report, &repro.expected).with_context(|| file.display().to_string())?
    } else {
        repro::bug_report(&repro, &name).with_context(|| file.display().to_string())?
    };
    output::write(&text, args.output.as_deref())?;
    Ok(Exit::Clean)
}

/// Reads a reproducer.
fn read(path: &Path) -> Result<Repro> {
    /// One with a bundled guest has some 50 KB; this is room for the largest guest.
    const LARGEST_BYTES: u64 = 128 << 20;
    let name = path.display().to_string();
    let bytes = match path == Path::new("-") {
        true => input::read_of(std::io::stdin(), "standard input", LARGEST_BYTES)?,
        false => input::read(path, LARGEST_BYTES)?,
    };
    let mut repro = Repro::of_bytes(&bytes).with_context(|| name.clone())?;
    // What is to be pasted is never a file's own words.
    repro.report.command = command(&repro).context(name)?;
    Ok(repro)
}

/// The command that runs every schedule of what was saved.
fn command(repro: &Repro) -> Result<String> {
    let report = &repro.report;
    let guest = report.guest.name.clone();
    let mut options = Vec::new();
    match &repro.code {
        Code::Kernel { .. } => options.push(("--kernel", guest)),
        Code::Guest { .. } => {
            options.push(("--arch", report.arch.clone()));
            options.extend(report.mmu.clone().map(|mmu| ("--mmu", mmu)));
            options.push(("--linux", report.linux.clone()));
            if report.guest.kind == GuestKind::File {
                options.push(("--guest", guest));
            }
        }
    }
    let start = Start {
        value: report.before.value.0,
        kind: report.entry.kind(),
        marks: Marks::of_names(&report.marks)?,
        pfn: repro.pfn.map_or(0, |pfn| pfn.0),
        asked: repro.pfn.is_some(),
    };
    let mut bounds = Bounds::default();
    bounds.call.accesses = repro.bounds.accesses;
    bounds.call.instructions = repro.bounds.instructions;
    Ok(CommandLine::run(options)
        .on(&start)
        .running(&report.writer, &report.walker, report.with.iter().map(String::as_str))
        .under(None, Reduction::Joined, &bounds))
}
