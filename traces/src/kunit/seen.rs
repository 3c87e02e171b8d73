//! The step that a test repeats: the function, the entry before it, and the entry that the walker saw.

use pmdscope_arches::EntryKind;

use super::NoKunit;
use crate::entry::{Entry, Swap};
use crate::findings::Finding;
use crate::judge::KunitAssertion;
use crate::report::{Event, EventKind, RunReport, Trace};

/// The walker's CPU, see [`Event::cpu`].
const WALKER: u8 = 1;

/// The step that a test asserts, and the findings that show it.
pub struct Seen<'a> {
    /// The findings with this view. The first is the one that the writer's step causes.
    pub findings: Vec<&'a Finding>,
    /// The entry that the walker saw.
    pub view: &'a Entry,
    /// The swap type and offset of the entry before the step.
    pub before: Swap,
    /// How the entry changed.
    pub became: Became,
    /// The kernel function that does the step.
    pub function: &'static str,
}

/// How a migration entry changed.
#[derive(Clone, Copy)]
pub enum Became {
    /// The view is `pmd_present()`.
    Present,
    /// The view is still a swap entry, with another type or offset.
    Otherwise(Swap),
}

/// Finds the step that a behaviour shows.
///
/// # Errors
/// [`NoKunit`] if the behaviour makes no test.
pub fn seen<'a>(report: &'a RunReport, trace: &Trace) -> Result<Seen<'a>, NoKunit> {
    if !report.failed_controls().is_empty() {
        return Err(NoKunit::ControlFailed);
    }
    let finding = shown(report, trace)?;
    if !report.entry.kind().is_some_and(EntryKind::is_migration) {
        return Err(NoKunit::NotMigration(report.entry));
    }
    if !report.marks.is_empty() {
        return Err(NoKunit::Marked(report.marks.join(" ")));
    }
    let view = report.entry_of(finding.view).ok_or(NoKunit::Lacks("the entry that a finding names"))?;
    let became = match finding.name.definition().kunit {
        Some(KunitAssertion::Present) => Became::Present,
        _ => Became::Otherwise(view.swap.ok_or(NoKunit::Lacks("type and offset of what was seen"))?),
    };
    let others = report.findings.iter().filter(|other| other.view == finding.view && *other != finding);
    Ok(Seen {
        findings: std::iter::once(finding).chain(others).collect(),
        view,
        before: report.before.swap.ok_or(NoKunit::Lacks("type and offset of the entry before"))?,
        became,
        function: step(report, trace, finding).ok_or(NoKunit::NotInvalidated)?,
    })
}

/// Returns the first finding of a writer's step whose view the walker of this behaviour loaded.
fn shown<'a>(report: &'a RunReport, trace: &Trace) -> Result<&'a Finding, NoKunit> {
    let first = report.findings.first().ok_or(NoKunit::NothingFound)?;
    let steps = || report.findings.iter().filter(|finding| finding.name.definition().kunit.is_some());
    let shown_by = steps().next().ok_or(NoKunit::NotOneStep(first.name))?;
    let saw = |finding: &Finding| {
        trace.events.iter().any(|event| {
            event.cpu == WALKER
                && matches!(event.what, EventKind::Load { entry, .. } if entry == finding.view)
        })
    };
    steps().find(|finding| saw(finding)).ok_or_else(|| NoKunit::NotShown {
        schedule: trace.schedule.clone(),
        shown_by: shown_by.schedule.clone(),
    })
}

/// Returns the function that turned the entry into the view in one access, if it is one that invalidates.
fn step(report: &RunReport, trace: &Trace, finding: &Finding) -> Option<&'static str> {
    let made = |event: &Event| {
        matches!(event.what, EventKind::Store { before, after, .. } | EventKind::Atomic { before, after, .. }
            if before == report.before.value && after == finding.view)
    };
    let at = trace.events.iter().position(made)?;
    let (cpu, earlier) = (trace.events[at].cpu, &trace.events[..at]);
    let called = earlier.iter().rev().find_map(|event| match &event.what {
        EventKind::Call { function, .. } if event.cpu == cpu => Some(function.as_str()),
        _ => None,
    });
    match (called, &report.kernel) {
        (Some(function), _) => invalidating(function),
        // A run of a kernel records every call: without one, something else stored it.
        (None, Some(_)) => None,
        (None, None) => match cpu {
            0 => invalidating(&report.writer),
            WALKER => None,
            _ => invalidating(report.with.get(usize::from(cpu) - 2)?),
        },
    }
}

/// Returns the kernel function with which a writer invalidates.
fn invalidating(writer: &str) -> Option<&'static str> {
    match writer {
        "pmdp_invalidate" | "pmdp_invalidate_checked" | "split-unguarded" => Some("pmdp_invalidate"),
        "pmdp_invalidate_ad" => Some("pmdp_invalidate_ad"),
        _ => None,
    }
}
