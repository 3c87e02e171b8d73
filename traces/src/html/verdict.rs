//! A verdict, told by its word, the shape of its sign, and its colour.

use maud::{Markup, html};

use crate::report::{RunReport, SplitGuard, Verdict};

/// What a verdict means, for the legend.
pub(super) const fn meaning(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Findings => "something happened that must not",
        Verdict::Pass => "every schedule was run, and nothing was found",
        Verdict::Unknown => "nothing was found, but not everything was run or a control failed: not a pass",
    }
}

/// The sign of a verdict. It is always shown beside the verdict's word.
pub(super) fn sign(verdict: Verdict) -> Markup {
    let sign = match verdict {
        Verdict::Findings => "×",
        Verdict::Pass => "✓",
        Verdict::Unknown => "?",
    };
    html! { span class={ "sign " (verdict.word()) } aria-hidden="true" { (sign) } }
}

/// The word of a run's verdict, with what takes from its worth.
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

/// The names of a run's findings, each once.
pub(super) fn found(row: &RunReport) -> Vec<&'static str> {
    let mut names: Vec<_> = row.findings.iter().map(|finding| finding.name.name()).collect();
    names.dedup();
    names
}

/// Whether a split has the fix, in the colour of the verdict that it is like.
pub(super) fn split(split: SplitGuard) -> Markup {
    let like = match split {
        SplitGuard::Vulnerable => Verdict::Findings,
        SplitGuard::Guarded => Verdict::Pass,
        SplitGuard::Unknown => Verdict::Unknown,
    };
    html! { strong class=(like.word()) { (split.word()) } }
}
