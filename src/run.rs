//! `pmdscope run`.

use anyhow::Result;
use pmdscope_guest::Walker;
use pmdscope_traces::timelines::{chrome, vcd};
use pmdscope_traces::{RunReport, Verdict, json, markdown, text};

use crate::cli::{RunArgs, RunFormat};
use crate::confined;
use crate::exit::Exit;
use crate::kernel_plan::KernelPlan;
use crate::kernel_study::KernelStudy;
use crate::output;
use crate::plan::RunPlan;
use crate::study::Study;

pub fn run(args: &RunArgs) -> Result<Exit> {
    let (printed, verdicts) = match &args.job.kernel {
        Some(path) => {
            let plan = KernelPlan::new(&args.job, path)?;
            output::checked(args.report.self_check, || printed(&of_kernel(&plan)?, args.format))?
        }
        None => {
            let plan = RunPlan::new(&args.job)?;
            output::checked(args.report.self_check, || printed(&of_guest(&plan)?, args.format))?
        }
    };
    output::write(&printed, args.report.output.as_deref())?;
    Ok(Exit::of(verdicts))
}

fn of_kernel(plan: &KernelPlan) -> Result<Vec<RunReport>> {
    plan.walkers
        .iter()
        .map(|walker| confined::kernel_study(&KernelStudy::of(plan, *walker, plan.schedule.as_ref())))
        .collect()
}

fn of_guest(plan: &RunPlan) -> Result<Vec<RunReport>> {
    let mut machine = None;
    let report =
        |walker: &Walker| confined::study(&Study::of(plan, *walker, plan.schedule.as_ref()), &mut machine);
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
