//! `pmdscope run`.

use anyhow::{Error, Result};
use pmdscope_guest::Walker;
use pmdscope_traces::formats::RunFormat;
use pmdscope_traces::{RunReport, Verdict};

use crate::cli::RunArgs;
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
fn printed(reports: &[RunReport], format: &RunFormat) -> Result<(String, Vec<Verdict>)> {
    let printed = (format.encoder)(reports).map_err(Error::from_boxed)?;
    Ok((printed, reports.iter().map(|report| report.verdict).collect()))
}
