//! `pmdscope run`.

use anyhow::Result;
use pmdscope_traces::timelines::{chrome, vcd};
use pmdscope_traces::{RunReport, Verdict, json, markdown, text};

use crate::cli::{RunArgs, RunFormat};
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
    output::write(&printed, args.report.output.as_deref())?;
    Ok(Exit::of(verdicts))
}

/// A report for each walker.
fn reports(plan: &RunPlan) -> Result<Vec<RunReport>> {
    let mut last = LastEnvironment::default();
    let report =
        |walker: &Option<_>| confined::study(&Study::of(plan, *walker, plan.schedule.as_ref()), &mut last);
    plan.walkers.iter().map(report).collect()
}

/// What is printed of reports, and their verdicts.
fn printed(reports: &[RunReport], format: RunFormat) -> Result<(String, Vec<Verdict>)> {
    let printed = match format {
        RunFormat::Text => reports.iter().map(text::run).collect::<Vec<_>>().join("\n"),
        RunFormat::Trace => reports.iter().map(text::run_with_traces).collect::<Vec<_>>().join("\n"),
        RunFormat::Markdown => reports.iter().map(markdown::run).collect::<Vec<_>>().join("\n"),
        RunFormat::Jsonl => reports.iter().map(json::lines).collect::<Result<Vec<_>, _>>()?.concat(),
        RunFormat::Vcd => vcd::runs(reports)?,
        RunFormat::Chrome => chrome::runs(reports)?,
        RunFormat::Json => match reports {
            [one] => json::pretty(one)?,
            several => json::pretty(&several)?,
        },
    };
    Ok((printed, reports.iter().map(|report| report.verdict).collect()))
}
