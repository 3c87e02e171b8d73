//! The styles of text. Everything that a colour says is said in words as well.

use anstyle::{AnsiColor, Style};

use crate::report::Verdict;

/// Style of a title.
pub(crate) const TITLE: Style = Style::new().bold();
/// Style of a finding or another fault.
pub(crate) const WRONG: Style = AnsiColor::Red.on_default().bold();
/// Style of what is unknown.
pub(crate) const UNKNOWN: Style = AnsiColor::Yellow.on_default().bold();
/// Style of a check that passed.
pub(crate) const HOLDS: Style = AnsiColor::Green.on_default();

/// Returns the style of a verdict.
pub(crate) const fn of_verdict(verdict: Verdict) -> Style {
    match verdict {
        Verdict::Pass => HOLDS,
        Verdict::Findings => WRONG,
        Verdict::PassBounded | Verdict::Unknown => UNKNOWN,
    }
}

/// Puts a text into a style, which is reset after it.
pub(crate) fn paint(style: Style, text: &str) -> String {
    format!("{style}{text}{style:#}")
}
