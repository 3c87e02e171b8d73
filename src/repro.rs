//! `pmdscope repro`: saves a finding so that it can be run again.

mod again;
mod elsewhere;
mod file;
mod maintainers;
mod save;

use anyhow::{Context, Result};
use pmdscope_traces::repro::Recipients;
use pmdscope_traces::{kunit, repro, text};

use self::file::read;
use crate::cli::{ReproArgs, ReproReportArgs, ReproWhat};
use crate::exit::Exit;
use crate::output;

pub fn repro(args: &ReproArgs) -> Result<Exit> {
    match &args.what {
        ReproWhat::Save(args) => save::save(args),
        ReproWhat::Run(args) => again::run(args),
        ReproWhat::Show(args) => {
            let shown = repro::show(&read(&args.file)?);
            output::write(&text::fit(&shown, output::terminal(None)), None)?;
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
        let recipients = match &args.tree {
            Some(tree) => maintainers::recipients(tree, &repro.report)?,
            None => Recipients::default(),
        };
        repro::bug_report(&repro, &name, &recipients).with_context(|| file.display().to_string())?
    };
    output::write(&text, args.output.as_deref())?;
    Ok(Exit::Clean)
}
