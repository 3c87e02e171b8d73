//! `pmdscope repro`: what was found, saved so that it can be run again.

mod again;
mod save;

use std::fs::File;
use std::io::Read;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use pmdscope_traces::kunit;
use pmdscope_traces::repro::{self, Repro};

use crate::cli::{ReproArgs, ReproReportArgs, ReproWhat};
use crate::exit::Exit;
use crate::output;

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
    let name = path.display();
    let from: Box<dyn Read> = if path == Path::new("-") {
        Box::new(std::io::stdin())
    } else {
        Box::new(File::open(path).with_context(|| format!("cannot open {name}"))?)
    };
    // Not by the file's size: a pipe has none.
    let mut bytes = Vec::new();
    from.take(LARGEST_BYTES + 1).read_to_end(&mut bytes).with_context(|| format!("cannot read {name}"))?;
    ensure!(
        bytes.len() as u64 <= LARGEST_BYTES,
        "{name} has more than {LARGEST_BYTES} bytes, the most that a reproducer may have"
    );
    Repro::of_bytes(&bytes).with_context(|| name.to_string())
}
