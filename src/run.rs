//! `pmdscope run`.

use anyhow::Result;
use pmdscope_emu::{Machine, Recipe};
use pmdscope_traces::{RunReport, Verdict, json, markdown, text};

use crate::cli::{RunArgs, RunFormat};
use crate::exit::Exit;
use crate::kernel_plan::KernelPlan;
use crate::kernel_study::KernelStudy;
use crate::output;
use crate::plan::RunPlan;
use crate::study::Study;

pub fn run(args: &RunArgs) -> Result<Exit> {
    let (printed, verdicts) = match &args.kernel {
        Some(path) => {
            let plan = KernelPlan::new(args, path)?;
            output::checked(args.report.self_check, || printed(&of_kernel(&plan)?, args.format))?
        }
        None => {
            let plan = RunPlan::new(args)?;
            output::checked(args.report.self_check, || printed(&of_guest(&plan)?, args.format))?
        }
    };
    output::write(&printed, args.report.output.as_deref())?;
    Ok(Exit::of(verdicts))
}

fn of_kernel(plan: &KernelPlan) -> Result<Vec<RunReport>> {
    let report = |walker: &Option<&'static Recipe>| {
        let study = KernelStudy {
            source: &plan.source,
            wanted: plan.wanted,
            writer: plan.writer,
            walker: *walker,
            bounds: &plan.bounds,
            reduction: plan.reduction,
            schedule: plan.schedule.as_ref(),
        };
        study.report()
    };
    plan.walkers.iter().map(report).collect()
}

fn of_guest(plan: &RunPlan) -> Result<Vec<RunReport>> {
    let mut machine = Machine::new(plan.source.guest.clone())?;
    let mut reports = Vec::new();
    for walker in &plan.walkers {
        let study = Study {
            encoding: &plan.encoding,
            source: &plan.source,
            start: plan.start,
            writer: plan.writer,
            walker: *walker,
            with: &plan.with,
            bounds: &plan.bounds,
            reduction: plan.reduction,
            schedule: plan.schedule.as_ref(),
        };
        reports.push(study.report(&mut machine)?);
    }
    Ok(reports)
}

/// What is printed of reports, and their verdicts.
fn printed(reports: &[RunReport], format: RunFormat) -> Result<(String, Vec<Verdict>)> {
    let printed = match format {
        RunFormat::Text => reports.iter().map(text::run).collect::<Vec<_>>().join("\n"),
        RunFormat::Trace => reports.iter().map(text::run_with_traces).collect::<Vec<_>>().join("\n"),
        RunFormat::Markdown => reports.iter().map(markdown::run).collect::<Vec<_>>().join("\n"),
        RunFormat::Jsonl => reports.iter().map(json::lines).collect::<Result<Vec<_>, _>>()?.concat(),
        RunFormat::Json => match reports {
            [one] => json::pretty(one)?,
            several => json::pretty(&several)?,
        },
    };
    Ok((printed, reports.iter().map(|report| report.verdict).collect()))
}
