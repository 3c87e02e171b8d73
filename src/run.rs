//! `pmdscope run`.

use anyhow::{Result, ensure};
use pmdscope_traces::formats::{Detail, RunFormat};
use pmdscope_traces::{RunReport, Verdict, text};

use crate::cli::RunArgs;
use crate::confined;
use crate::exit::Exit;
use crate::output;
use crate::plan::RunPlan;
use crate::study::Study;
use crate::subject::LastEnvironment;

pub fn run(args: &RunArgs) -> Result<Exit> {
    let detail = detail(args)?;
    let plan = RunPlan::new(&args.job)?;
    let (printed, verdicts) =
        output::checked(args.report.self_check, || printed(&reports(&plan)?, args.format, detail))?;
    let to = args.report.output.as_deref();
    // Of a format for programs no line is broken.
    let terminal = output::terminal(to).filter(|_| args.format.encoder.has_details());
    output::write(&text::fit(&printed, terminal), to)?;
    Ok(Exit::of(verdicts))
}

/// Returns the requested detail.
///
/// # Errors
/// If the format has every detail already.
fn detail(args: &RunArgs) -> Result<Detail> {
    ensure!(
        args.verbose == 0 || args.format.encoder.has_details(),
        "--format {} has every detail: leave -v out",
        args.format.name
    );
    Ok(match args.verbose {
        0 => Detail::Verdict,
        1 => Detail::Tables,
        _ => Detail::Setup,
    })
}

/// Runs each walker, and returns a report for each.
fn reports(plan: &RunPlan) -> Result<Vec<RunReport>> {
    let mut last = LastEnvironment::default();
    let report =
        |walker: &Option<_>| confined::study(&Study::of(plan, *walker, plan.schedule.as_ref()), &mut last);
    plan.walkers.iter().map(report).collect()
}

/// Formats the reports; returns the text and their verdicts.
fn printed(reports: &[RunReport], format: &RunFormat, detail: Detail) -> Result<(String, Vec<Verdict>)> {
    let printed = format.encoder.encode(reports, detail).map_err(output::EncodeFailure)?;
    Ok((printed, reports.iter().map(|report| report.verdict).collect()))
}
