//! `pmdscope diff`: what changed from one batch to another.

use anyhow::Result;
use pmdscope_traces::batch::{DiffError, Kernels, diff_text, pair_kernels};
use pmdscope_traces::{batch, json, text};

use super::results::Results;
use crate::cli::{DiffArgs, DiffFormat};
use crate::exit::Exit;
use crate::output;

pub fn diff(args: &DiffArgs) -> Result<Exit> {
    let (old, new) = (Results::open(&args.old)?, Results::open(&args.new)?);
    // Batches of the same plan have the same kernels.
    let pairs = if old.batch.plan == new.batch.plan {
        Vec::new()
    } else {
        pair_kernels(&kernels(&old)?, &kernels(&new)?)
    };
    let report = batch::diff(old.records(), new.records(), pairs).map_err(|error| match error {
        DiffError::Record(error) => error,
        DiffError::Kept(error) => error.into(),
    })?;
    let printed = match args.format {
        DiffFormat::Text => diff_text(&report),
        DiffFormat::Json => json::pretty(&report)?,
    };
    let to = args.output.as_deref();
    let terminal = output::terminal(to).filter(|_| args.format == DiffFormat::Text);
    output::write(&text::fit(&printed, terminal), to)?;
    let mut exit = if report.changed { Exit::Findings } else { Exit::Clean };
    for (results, recorded) in [(&old, report.jobs.old), (&new, report.jobs.new)] {
        if recorded < results.batch.here {
            let name = results.folder.display();
            output::tell(&format!("{name}: {recorded} of {} jobs are recorded", results.batch.here));
            if exit == Exit::Clean {
                exit = Exit::Inconclusive;
            }
        }
    }
    Ok(exit)
}

fn kernels(results: &Results) -> Result<Kernels> {
    let mut kernels = Kernels::default();
    for record in results.records() {
        kernels.add(&record?);
    }
    Ok(kernels)
}
