//! `pmdscope run`.

use anyhow::Result;
use pmdscope_emu::Machine;
use pmdscope_traces::{Verdict, json, markdown, text};

use crate::cli::{RunArgs, RunFormat};
use crate::exit::Exit;
use crate::output;
use crate::plan::RunPlan;
use crate::study::Study;

pub fn run(args: &RunArgs) -> Result<Exit> {
    let plan = RunPlan::new(args)?;
    let (printed, verdicts) = output::checked(args.report.self_check, || studied(&plan, args.format))?;
    output::write(&printed, args.report.output.as_deref())?;
    Ok(Exit::of(verdicts))
}

/// What is printed of a plan, and the verdicts.
fn studied(plan: &RunPlan, format: RunFormat) -> Result<(String, Vec<Verdict>)> {
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
    let printed = match format {
        RunFormat::Text => reports.iter().map(text::run).collect::<Vec<_>>().join("\n"),
        RunFormat::Markdown => reports.iter().map(markdown::run).collect::<Vec<_>>().join("\n"),
        RunFormat::Jsonl => reports.iter().map(json::lines).collect::<Result<Vec<_>, _>>()?.concat(),
        RunFormat::Json => match &reports[..] {
            [one] => json::pretty(one)?,
            several => json::pretty(&several)?,
        },
    };
    Ok((printed, reports.iter().map(|report| report.verdict).collect()))
}
