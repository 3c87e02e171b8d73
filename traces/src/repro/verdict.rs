//! Verdicts on a rerun of a reproducer.

use anstyle::Style;

use super::Repro;
use crate::printable::printable;
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

fn said(repro: &Repro, style: Style, verdict: &str) -> String {
    let repro = &*printable(repro);
    let mut lines = Lines::default();
    lines.styled(style::TITLE, "  ", &words::headline(&repro.report));
    lines.paragraph(
        "",
        "  ",
        &format!("schedule {}, saved by {}", repro.expected.schedule, repro.report.made_by),
    );
    lines.styled(style, "  ", &words::one_line(verdict));
    lines.into_text()
}
