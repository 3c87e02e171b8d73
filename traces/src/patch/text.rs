//! The report of a change as text.

use anstyle::Style;

use super::{LeftOut, PatchConclusion, PatchPair, PatchReport, Totals, mail};
use crate::difference::Side;
use crate::difference::words as of_difference;
use crate::printable::printable;
use crate::text::difference::groups;
use crate::text::style;
use crate::text::wrapped::{Lines, WIDTH};
use crate::words::counted;
use pmdscope_arches::platform_name;

/// Formats the report: the verdict in a sentence, what differs with the worst consequence first, what is unknown or
/// left out, and a paragraph for a changelog.
pub fn text(report: &PatchReport) -> String {
    let report = &*printable(report);
    let mut lines = Lines::default();
    let (style, sentence) = verdict(report);
    lines.styled(style, "  ", &sentence);
    if report.pairs.len() > 1 {
        lines.gap();
        table(&mut lines, &report.pairs);
    }
    for pair in &report.pairs {
        lines.gap();
        self::pair(&mut lines, pair);
    }
    lines.gap();
    lines.line("For the changelog or the mailing list:");
    lines.gap();
    for line in mail::paragraph(report) {
        lines.line(&line);
    }
    lines.into_text()
}

/// The verdict in one sentence.
pub(super) fn verdict(report: &PatchReport) -> (Style, String) {
    sentence(report.conclusion, &report.totals())
}

/// A conclusion in one sentence.
fn sentence(conclusion: PatchConclusion, totals: &Totals) -> (Style, String) {
    let Totals { new, gone, unknown, .. } = totals;
    let runs = counted(totals.runs, "run");
    let better = match gone.findings.is_empty() {
        true => String::new(),
        false => {
            let names = of_difference::findings(&gone.findings);
            format!(" No longer found: {names}, in {}.", counted(gone.runs, "run"))
        }
    };
    let not_known = match unknown {
        0 => String::new(),
        1 => " 1 run is not fully known.".to_owned(),
        _ => format!(" {unknown} runs are not fully known."),
    };
    match conclusion {
        PatchConclusion::NewFindings => {
            let names = of_difference::findings(&new.findings);
            let text = format!("WORSE: newly found after the change: {names}, in {} of {runs}.", new.runs);
            (style::WRONG, format!("{text}{better}{not_known}"))
        }
        PatchConclusion::Unknown => {
            let is = if *unknown == 1 { "is" } else { "are" };
            let text = format!(
                "UNKNOWN: nothing is newly found, but {unknown} of {runs} {is} not fully known, which is not a pass."
            );
            (style::UNKNOWN, format!("{text}{better}"))
        }
        PatchConclusion::NothingNew if !gone.findings.is_empty() => {
            (style::HOLDS, format!("BETTER: nothing is newly found in {runs}.{better}"))
        }
        PatchConclusion::NothingNew if totals.different == 0 => {
            (style::HOLDS, format!("NO DIFFERENCE: the result is the same before and after in {runs}."))
        }
        PatchConclusion::NothingNew => {
            (style::HOLDS, format!("NOTHING NEW: no finding differs in {runs}, and something else does."))
        }
    }
}

/// Formats the verdict of each architecture, one below the other.
fn table(lines: &mut Lines, pairs: &[PatchPair]) {
    let names: Vec<String> = pairs.iter().map(platform).collect();
    let widest = names.iter().map(String::len).max().unwrap_or(0);
    for (name, pair) in names.iter().zip(pairs) {
        let (style, text) = sentence(pair.conclusion(), &pair.totals());
        lines.styled(style, &" ".repeat(widest + 2), &format!("{name:widest$}  {text}"));
    }
}

fn platform(pair: &PatchPair) -> String {
    platform_name(&pair.difference.arch, pair.difference.mmu.as_ref())
}

/// Formats what differs on one architecture.
fn pair(lines: &mut Lines, pair: &PatchPair) {
    let difference = &pair.difference;
    let of = |guest: &crate::report::GuestInfo| mail::kernel(guest);
    let platform = platform(pair);
    let (before, after) = (of(&difference.before), of(&difference.after));
    lines.styled(style::TITLE, "  ", &format!("{platform}: {before} before, {after} after"));
    let routines = format!(
        "{} against {} on {}: {} of each",
        counted(pair.writers.len(), "writer"),
        counted(pair.walkers.len(), "walker"),
        if pair.entries.len() == 1 {
            "1 entry".to_owned()
        } else {
            format!("{} entries", pair.entries.len())
        },
        counted(pair.runs, "run")
    );
    let same = counted(difference.same, "run");
    let is = if difference.same == 1 { "is" } else { "are" };
    lines.paragraph("  ", "  ", &format!("{routines}, of which {same} {is} the same."));
    for line in groups(difference, WIDTH) {
        lines.line(&line);
    }
    if !difference.unknown.is_empty() {
        let reasons = of_difference::reasons(difference).join("; ");
        let text = format!("  not fully known: {}: {reasons}", counted(difference.unknown.len(), "run"));
        lines.styled(style::UNKNOWN, "    ", &text);
    }
    if !pair.kept.is_empty() {
        let names = super::Found::of(pair.kept.iter().map(|kept| &kept.findings[..]));
        let text = format!(
            "found before and after: {}, in {}",
            of_difference::findings(&names.findings),
            counted(names.runs, "run")
        );
        lines.paragraph("  ", "    ", &text);
    }
    for left_out in &pair.left_out {
        lines.paragraph("  ", "    ", &format!("left out: {}", left_out_in_words(left_out)));
    }
}

/// Names the kernels that lack something, before the word `not`.
fn has(lacking: &[Side]) -> String {
    match lacking {
        [side] => format!("the kernel {} the change has", side.word()),
        _ => "both kernels have".to_owned(),
    }
}

/// Says what was not asked for.
pub(super) fn left_out_in_words(left_out: &LeftOut) -> String {
    match left_out {
        LeftOut::Routines { lacking, names } => {
            format!("{}, which {} not", names.join(", "), has(lacking))
        }
        LeftOut::Entries { lacking, names } => {
            format!("entries that {} not: {}", has(lacking), names.join(", "))
        }
        LeftOut::NoCaller { runs } => {
            format!("{} of writers on entries that no caller passes to them", counted(runs, "run"))
        }
    }
}
