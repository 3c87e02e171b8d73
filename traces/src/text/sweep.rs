//! A sweep as text.

use crate::printable::printable;
use crate::sweep::{Class, Part, SweepReport};
use crate::sweep_summary::{self, DRAWN, change, drawn, fixed};
use crate::text::style::{self, paint};
use crate::text::wrapped::Lines;
use crate::words;

/// Formats a sweep: its findings, every class with its patterns, and what was run.
///
/// No line is longer than [`WIDTH`](crate::WIDTH), unless one option of the command is.
pub fn sweep(report: &SweepReport) -> String {
    let report = &*printable(report);
    let mut lines = Lines::default();
    let mmu = report.mmu.as_ref().map_or(String::new(), |mmu| format!(" {mmu}"));
    let SweepReport { arch, linux, writer, entries, .. } = report;
    let title = format!("{arch}{mmu} Linux {linux}: {writer} on every entry of the set {entries}");
    lines.styled(style::TITLE, "  ", &title);
    lines.gap();
    found(&mut lines, report);
    lines.gap();
    lines.line(&format!("The set, {}:", words::entries(&report.domain_entries)));
    for pattern in &report.domain {
        lines.line(&format!("  {}", drawn(pattern)));
    }
    for (number, class) in report.classes.iter().enumerate() {
        lines.gap();
        self::class(&mut lines, number + 1, class);
    }
    lines.gap();
    if let Some(ran) = &report.ran {
        for (n, said) in sweep_summary::ran(ran).iter().enumerate() {
            lines.labelled(if n == 0 { "run   " } else { "      " }, said);
        }
    }
    let engine = report.guest.engine.as_ref().map_or(String::new(), |engine| format!(", run by {engine}"));
    lines.labelled(
        "guest ",
        &format!("{} {} sha256 {}{engine}", report.guest.kind, report.guest.name, report.guest.sha256),
    );
    lines.command("again ", &report.command);
    lines.gap();
    let verdict = paint(style::of_verdict(report.verdict), report.verdict.word());
    lines.paragraph("", "", &format!("{}: {verdict}", classes(report.classes.len())));
    lines.into_text()
}

fn classes(number: usize) -> String {
    if number == 1 { "1 class".to_owned() } else { format!("{number} classes") }
}

fn found(lines: &mut Lines, report: &SweepReport) {
    if let Some(why) = &report.incomplete {
        lines.styled(style::UNKNOWN, "  ", &format!("INCOMPLETE: {why}"));
    }
    for disagreement in &report.disagreements {
        let text = format!(
            "CONTROL FAILED: {disagreement}; the guest is not one of this encoding, so nothing is known"
        );
        lines.styled(style::UNKNOWN, "  ", &text);
    }
    let mut any = false;
    for (number, class) in report.classes.iter().enumerate() {
        for finding in &class.findings {
            any = true;
            let text = format!(
                "FINDING {}: class {}, {}",
                finding.name(),
                number + 1,
                words::entries(&class.entries)
            );
            lines.styled(style::WRONG, "  ", &text);
        }
    }
    if !any && report.ran.is_some() {
        lines.line("Nothing was found.");
    }
}

fn class(lines: &mut Lines, number: usize, class: &Class) {
    lines.paragraph(&format!("Class {number}: "), "  ", &words::entries(&class.entries));
    lines.labelled("  before  ", &class.before.holding());
    lines.labelled("  after   ", &format!("{}; {}", class.after.holding(), change(class.change)));
    for part in &class.parts {
        self::part(lines, part, class.parts.len() > 1);
    }
}

fn part(lines: &mut Lines, part: &Part, counted: bool) {
    lines.line(&format!("  {}", drawn(&part.pattern)));
    // The pattern of a single entry already shows every bit.
    if !part.fields.is_empty() && part.pattern.free.0 != 0 {
        lines.labelled("    ", &fixed(part));
    }
    for except in part.except.iter().take(DRAWN) {
        lines.line(&format!("- {}", drawn(except)));
    }
    if let Some(more) = part.except.len().checked_sub(DRAWN).filter(|more| *more > 0) {
        lines.line(&format!("- and without {more} patterns more"));
    }
    let entries =
        if counted { format!("{}, such as", words::entries(&part.entries)) } else { "such as".to_owned() };
    lines.labelled("    ", &format!("{entries} {}", part.example));
}
