//! A verdict: its word, the shape of its sign, and its colour.

use maud::{Markup, html};

use crate::report::{RunReport, SplitGuard, Verdict};

/// Returns the meaning of a verdict, for the legend.
pub(super) const fn meaning(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Findings => "something happened that must not",
        Verdict::Pass => "every schedule was run, and nothing was found",
        Verdict::PassBounded => {
            "every schedule with few switches between CPUs was run, and nothing was found"
        }
        Verdict::Unknown => "nothing was found, but not everything was run or a control failed: not a pass",
    }
}

/// Draws the sign of a verdict. It is always beside the verdict's word.
pub(super) fn sign(verdict: Verdict) -> Markup {
    let sign = match verdict {
        Verdict::Findings => "×",
        Verdict::Pass => "✓",
        Verdict::PassBounded => "≤",
        Verdict::Unknown => "?",
    };
    html! { span class={ "sign " (verdict.word()) } aria-hidden="true" { (sign) } }
}

/// Returns the word of a run's verdict, with `incomplete` and `control failed` where they apply.
pub(super) fn words(row: &RunReport) -> String {
    let mut words = vec![row.verdict.word()];
    if row.incomplete.is_some() {
        words.push("incomplete");
    }
    if !row.failed_controls().is_empty() {
        words.push("control failed");
    }
    words.join(", ")
}

/// Returns the names of a run's findings, each once.
pub(super) fn found(row: &RunReport) -> Vec<&'static str> {
    let mut names: Vec<_> = row.findings.iter().map(|finding| finding.name.name()).collect();
    names.dedup();
    names
}

/// Draws whether a split has the fix, in the colour of the verdict that this resembles.
pub(super) fn split(split: SplitGuard) -> Markup {
    let like = match split {
        SplitGuard::Vulnerable => Verdict::Findings,
        SplitGuard::Guarded => Verdict::Pass,
        SplitGuard::Unknown => Verdict::Unknown,
    };
    html! { strong class=(like.word()) { (split.word()) } }
}
