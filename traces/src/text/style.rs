//! How text is coloured, where it is. Everything is said in words as well.

use anstyle::{AnsiColor, Style};

use crate::report::Verdict;

/// What a text is about.
pub(crate) const TITLE: Style = Style::new().bold();
/// What is wrong.
pub(crate) const WRONG: Style = AnsiColor::Red.on_default().bold();
/// What is not known.
pub(crate) const UNKNOWN: Style = AnsiColor::Yellow.on_default().bold();
/// What holds.
pub(crate) const HOLDS: Style = AnsiColor::Green.on_default();

/// The style of a verdict.
pub(crate) const fn of_verdict(verdict: Verdict) -> Style {
    match verdict {
        Verdict::Pass => HOLDS,
        Verdict::Findings => WRONG,
        Verdict::Unknown => UNKNOWN,
    }
}

/// Text in a style, which ends with it.
pub(crate) fn paint(style: Style, text: &str) -> String {
    format!("{style}{text}{style:#}")
}
