//! Reads reproducers.

use std::path::Path;

use anyhow::{Context, Result};
use pmdscope_emu::{Bounds, Reduction};
use pmdscope_traces::GuestKind;
use pmdscope_traces::repro::{Code, Repro};

use crate::cli::Marks;
use crate::command::CommandLine;
use crate::input;
use crate::start::Start;

/// Reads a reproducer from a file, or from standard input if `path` is `-`.
pub fn read(path: &Path) -> Result<Repro> {
    /// A reproducer with a bundled guest has some 50 KB; this is room for the largest guest.
    const LARGEST_BYTES: u64 = 128 << 20;
    let name = path.display().to_string();
    let bytes = match path == Path::new("-") {
        true => input::read_of(std::io::stdin(), "standard input", LARGEST_BYTES)?,
        false => input::read(path, LARGEST_BYTES)?,
    };
    let mut repro = Repro::of_bytes(&bytes).with_context(|| name.clone())?;
    // People paste this command into a shell: make it anew instead of printing the file's own words.
    repro.report.command = command(&repro).context(name)?;
    Ok(repro)
}

/// Returns the command that runs every schedule of the saved writer and walker.
fn command(repro: &Repro) -> Result<String> {
    let report = &repro.report;
    let guest = report.guest.name.clone();
    let mut options = Vec::new();
    match &repro.code {
        Code::Kernel { .. } => {
            options.push(("--kernel", guest));
            options.extend(report.guest.types.clone().map(|types| ("--types", types.name)));
        }
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
