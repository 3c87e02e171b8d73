//! `pmdscope run`.

use anyhow::Result;
use pmdscope_traces::formats::{self, RunFormat};
use pmdscope_traces::{RunReport, Verdict, text};

use crate::cli::RunArgs;
use crate::confined;
use crate::exit::Exit;
use crate::output;
use crate::plan::RunPlan;
use crate::study::Study;
use crate::subject::LastEnvironment;

pub fn run(args: &RunArgs) -> Result<Exit> {
    let plan = RunPlan::new(&args.job)?;
    let (printed, verdicts) =
        output::checked(args.report.self_check, || printed(&reports(&plan)?, args.format))?;
    let to = args.report.output.as_deref();
    // Of a format for programs no line is broken.
    let terminal = output::terminal(to).filter(|_| args.format.name == formats::RUN[0].name);
    output::write(&text::fit(&printed, terminal), to)?;
    Ok(Exit::of(verdicts))
}

/// A report for each walker.
fn reports(plan: &RunPlan) -> Result<Vec<RunReport>> {
    let mut last = LastEnvironment::default();
    let report =
        |walker: &Option<_>| confined::study(&Study::of(plan, *walker, plan.schedule.as_ref()), &mut last);
    plan.walkers.iter().map(report).collect()
}

/// The printed reports, and their verdicts.
fn printed(reports: &[RunReport], format: &RunFormat) -> Result<(String, Vec<Verdict>)> {
    let printed = (format.encoder)(reports).map_err(output::EncodeFailure)?;
    Ok((printed, reports.iter().map(|report| report.verdict).collect()))
}
