//! Looks for the finding of a reproducer in another build of its kernel.

use anyhow::{Result, bail, ensure};
use pmdscope_emu::{Reduction, Schedule};
use pmdscope_guest::Role;
use pmdscope_traces::repro::{self, Elsewhere, Repro, SavedSchedule};
use pmdscope_traces::{Entry, FindingName, RunReport, most_telling};

use super::again::{bounds, entry};
use crate::confined;
use crate::exit::Exit;
use crate::failure::{FailureKind, one_line};
use crate::plan::RunPlan;
use crate::study::Study;
use crate::subject::{KernelSubject, LastEnvironment, Subject};

/// Runs every schedule in another kernel, and says whether the finding happens there.
///
/// Another build has other accesses, so the saved schedule alone would decide nothing.
pub fn run(repro: &Repro, kernel: KernelSubject) -> Result<(Exit, String)> {
    let saved = &repro.report;
    let arch = kernel.kernel.arch().to_string();
    ensure!(
        arch == saved.arch,
        "{} is a kernel of {arch}, and what was saved is of {}: another build of the same architecture is needed",
        kernel.path.display(),
        saved.arch
    );
    let mut wanted: Vec<FindingName> =
        saved.findings_under(&repro.expected.schedule).iter().map(|finding| finding.name).collect();
    wanted.dedup();
    if wanted.is_empty() {
        bail!("it was saved without a finding, so another kernel cannot be searched for it");
    }
    let guest = kernel.info();
    let found = look(repro, kernel, &wanted)?;
    let exit = match &found {
        Elsewhere::Happens { .. } => Exit::Clean,
        Elsewhere::NoLonger { .. } => Exit::Findings,
        Elsewhere::Unknown(_) => Exit::Inconclusive,
    };
    Ok((exit, repro::elsewhere(repro, &guest, &found)))
}

fn look(repro: &Repro, kernel: KernelSubject, wanted: &[FindingName]) -> Result<Elsewhere> {
    let saved = &repro.report;
    // An entry by its name is built anew; one by its value must mean the same there.
    if saved.entry.kind().is_none() {
        let there = Entry::of_model(&kernel.encoding, saved.before.value.0);
        if there != saved.before {
            let why = format!("{} is another entry in {}", saved.before.value, kernel.encoding);
            return Ok(Elsewhere::Unknown(why));
        }
    }
    let subject = Subject::Kernel(kernel);
    let writer = subject.routine(Role::Writer, &saved.writer)?;
    let walker = subject.routine(Role::Walker, &saved.walker)?;
    if let Err(lacking) = subject.has([writer, walker]) {
        return Ok(Elsewhere::Unknown(lacking.why));
    }
    let mut plan = RunPlan {
        entry: entry(repro)?,
        writer,
        walkers: vec![Some(walker)],
        with: Vec::new(),
        subject,
        bounds: bounds(repro),
        reduction: Reduction::Joined,
        schedule: None,
    }
    .checked()?;
    let mut last = LastEnvironment::default();
    let report = match confined::study(&Study::of(&plan, Some(walker), None), &mut last) {
        Ok(report) => report,
        Err(error) if FailureKind::of(&error) == FailureKind::NoSuchEntry => {
            return Ok(Elsewhere::Unknown(one_line(&error)));
        }
        Err(error) => return Err(error),
    };
    if let Some(failed) = report.failed_controls().into_iter().next() {
        return Ok(Elsewhere::Unknown(failed));
    }
    let still = of_these(&report, wanted);
    if still.is_empty() {
        return Ok(match &report.incomplete {
            Some(why) => Elsewhere::Unknown(why.clone()),
            None => Elsewhere::NoLonger { wanted: wanted.to_vec(), report: Box::new(report) },
        });
    }
    let schedule: Schedule = repro.expected.schedule.parse()?;
    plan.schedule = Some(schedule);
    let under_saved = confined::study(&Study::of(&plan, Some(walker), plan.schedule.as_ref()), &mut last);
    let saved = match under_saved {
        Ok(report) if of_these(&report, wanted).is_empty() => SavedSchedule::Silent,
        Ok(_) => SavedSchedule::Shows,
        Err(error) if FailureKind::of(&error) == FailureKind::ScheduleMisfit => SavedSchedule::DoesNotFit,
        Err(error) => return Err(error),
    };
    let shown = most_telling(report.findings.iter().filter(|finding| still.contains(&finding.name)));
    let schedule = shown.map_or(String::new(), |finding| finding.schedule.clone());
    let gone = wanted.iter().copied().filter(|name| !still.contains(name)).collect();
    Ok(Elsewhere::Happens { still, gone, schedule, saved, report: Box::new(report) })
}

/// Returns those of these findings that a report has, each once.
fn of_these(report: &RunReport, wanted: &[FindingName]) -> Vec<FindingName> {
    let is_found = |name: &FindingName| report.findings.iter().any(|finding| finding.name == *name);
    wanted.iter().copied().filter(is_found).collect()
}
