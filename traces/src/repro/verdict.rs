//! Verdicts on a rerun of a reproducer.

use anstyle::Style;

use super::Repro;
use crate::judge::FindingName;
use crate::printable::printable;
use crate::report::{GuestInfo, RunReport};
use crate::text::style;
use crate::text::wrapped::Lines;
use crate::words::{self, counted};

/// Formats the verdict that the rerun gave the same result.
pub fn reproduced(repro: &Repro) -> String {
    let events = counted(repro.expected.events.len(), "event");
    said(repro, style::HOLDS, &format!("REPRODUCED: {events}, every access and value as it was saved"))
}

/// Formats the verdict that the rerun gave another result, with the first difference.
pub fn not_reproduced(repro: &Repro, difference: &str) -> String {
    said(repro, style::WRONG, &format!("NOT REPRODUCED: {difference}"))
}

/// Formats the verdict that it is unknown whether the rerun gives the same result.
pub fn inconclusive(repro: &Repro, why: &str) -> String {
    said(repro, style::UNKNOWN, &format!("UNKNOWN: {why}"))
}

/// Whether a saved finding happens in another build of the kernel.
#[derive(Debug)]
pub enum Elsewhere {
    /// It does.
    Happens {
        /// The saved findings that happen there.
        still: Vec<FindingName>,
        /// The saved findings that do not.
        gone: Vec<FindingName>,
        /// A schedule there that shows one.
        schedule: String,
        /// What the saved schedule shows there.
        saved: SavedSchedule,
        /// The report of every schedule.
        report: Box<RunReport>,
    },
    /// No schedule shows it.
    NoLonger {
        /// The saved findings.
        wanted: Vec<FindingName>,
        /// The report of every schedule.
        report: Box<RunReport>,
    },
    /// It is not known: why.
    Unknown(String),
}

/// What the saved schedule shows in another build.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SavedSchedule {
    /// It shows a saved finding.
    Shows,
    /// It shows none.
    Silent,
    /// The build makes other accesses, so that it has no such schedule.
    DoesNotFit,
}

/// Formats whether a saved finding happens in another build.
pub fn elsewhere(repro: &Repro, kernel: &GuestInfo, found: &Elsewhere) -> String {
    let names = |names: &[FindingName]| names.iter().map(|name| name.name()).collect::<Vec<_>>().join(", ");
    let (style, verdict) = match found {
        Elsewhere::Happens { still, gone, schedule, saved, report } => {
            let saved_schedule = &repro.expected.schedule;
            let saved = match saved {
                SavedSchedule::Shows => format!("the saved schedule {saved_schedule} shows it too"),
                SavedSchedule::Silent => format!("the saved schedule {saved_schedule} does not show it"),
                SavedSchedule::DoesNotFit => {
                    format!("the saved schedule {saved_schedule} does not fit the accesses of this build")
                }
            };
            let gone = match gone.is_empty() {
                true => String::new(),
                false => format!("; no longer found: {}", names(gone)),
            };
            let total = counted(&report.schedules.total, "schedule");
            let still = names(still);
            let verdict =
                format!("HAPPENS TOO: {still}, as under {schedule}, of {total} in all; {saved}{gone}");
            (style::WRONG, verdict)
        }
        Elsewhere::NoLonger { wanted, report } => {
            let total = counted(&report.schedules.total, "schedule");
            let others: Vec<FindingName> = report.findings.iter().map(|finding| finding.name).collect();
            let others = match others.is_empty() {
                true => String::new(),
                false => format!("; found instead: {}", names(&others)),
            };
            let style = if others.is_empty() { style::HOLDS } else { style::WRONG };
            (style, format!("NO LONGER HAPPENS: {}, under none of {total}{others}", names(wanted)))
        }
        Elsewhere::Unknown(why) => (style::UNKNOWN, format!("UNKNOWN: {why}")),
    };
    let release = kernel.release.as_deref().unwrap_or_default();
    let build_id = kernel.build_id.as_deref().and_then(|id| id.get(..12));
    let build_id = build_id.map_or(String::new(), |id| format!(", build ID {id}"));
    let on = format!("run in another build: {release}, {}{build_id}", kernel.name);
    said_of(repro, Some(&on), style, &verdict)
}

fn said(repro: &Repro, style: Style, verdict: &str) -> String {
    said_of(repro, None, style, verdict)
}

fn said_of(repro: &Repro, on: Option<&str>, style: Style, verdict: &str) -> String {
    let repro = &*printable(repro);
    let mut lines = Lines::default();
    lines.styled(style::TITLE, "  ", &words::headline(&repro.report));
    lines.paragraph(
        "",
        "  ",
        &format!("schedule {}, saved by {}", repro.expected.schedule, repro.report.made_by),
    );
    if let Some(on) = on {
        lines.paragraph("", "  ", &words::one_line(on));
    }
    lines.styled(style, "  ", &words::one_line(verdict));
    lines.into_text()
}
