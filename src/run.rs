//! `pmdscope run`.

use anyhow::Result;
use pmdscope_emu::Machine;
use pmdscope_traces::{json, markdown, text};

use crate::cli::{RunArgs, RunFormat};
use crate::exit::Exit;
use crate::output;
use crate::plan::RunPlan;
use crate::study::Study;

pub fn run(args: &RunArgs) -> Result<Exit> {
    let plan = RunPlan::new(args)?;
    let mut machine = Machine::new(plan.source.guest.clone())?;
    let mut reports = Vec::new();
    for walker in &plan.walkers {
        let study = Study {
            encoding: &plan.encoding,
            source: &plan.source,
            start: plan.start,
            writer: plan.writer,
            walker: *walker,
            bounds: &plan.bounds,
        };
        reports.push(study.report(&mut machine)?);
    }
    let printed = match args.format {
        RunFormat::Text => reports.iter().map(text::run).collect::<Vec<_>>().join("\n"),
        RunFormat::Markdown => reports.iter().map(markdown::run).collect::<Vec<_>>().join("\n"),
        RunFormat::Jsonl => reports.iter().map(json::lines).collect::<Result<Vec<_>, _>>()?.concat(),
        RunFormat::Json => match &reports[..] {
            [one] => json::pretty(one)?,
            several => json::pretty(&several)?,
        },
    };
    output::write(&printed, args.output.as_deref())?;
    Ok(Exit::of(reports.iter().map(|report| report.verdict)))
}
