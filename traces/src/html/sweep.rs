//! The sweeps of a page.

use maud::{Markup, html};

use crate::comparison::CompareReport;
use crate::html::verdict;
use crate::sweep::{Class, Part, Pattern, SweepReport};
use crate::sweep_summary::{self, DRAWN};
use crate::words;

pub(super) fn sweeps(report: &CompareReport) -> Markup {
    html! {
        p.hint {
            "Each sweep runs one writer alone on every entry of a set, and compares what it left with what it found. "
            "A pattern is drawn from bit 63 down, with a dot for each bit that may be either."
        }
        @for (number, sweep) in (1..).zip(&report.sweeps) { (details(number, sweep)) }
    }
}

/// Names a sweep in one line.
pub(super) fn name(sweep: &SweepReport) -> String {
    format!("{} {}: {}", sweep.platform(), sweep.linux, sweep_summary::name(sweep))
}

/// Draws the reasons why a sweep is not fully known.
pub(super) fn lacks(sweep: &SweepReport) -> Markup {
    html! {
        @if let Some(why) = &sweep.incomplete {
            p.lacks { strong { "Incomplete: " } (why) "; what was not run is unknown." }
        }
        @for disagreement in &sweep.disagreements {
            p.lacks { strong { "Control failed: " } (disagreement) "; the guest is not one of this encoding, so nothing is known." }
        }
    }
}

/// Draws everything about a sweep, folded as a run is.
fn details(number: usize, sweep: &SweepReport) -> Markup {
    html! {
        details {
            summary {
                (verdict::sign(sweep.verdict))
                span { span.on { (name(sweep)) } " " strong class=(sweep.verdict.word()) { (sweep_summary::verdict(sweep)) } }
            }
            div.run id={ "sweep-" (number) } {
                (lacks(sweep))
                @for found in sweep.found() {
                    p.finding {
                        strong { (found.name.name()) } ": on " (words::entries(&found.entries))
                        @if let Some(example) = found.example { ", such as " code.value { (example) } }
                    }
                }
                @for (number, class) in (1..).zip(&sweep.classes) { (self::class(number, class)) }
                (facts(sweep))
                h4 { "Run it again" }
                pre.command { code { (sweep.command) } }
            }
        }
    }
}

fn class(number: usize, class: &Class) -> Markup {
    let found: Vec<_> = class.findings.iter().map(|finding| finding.name()).collect();
    html! {
        h4 { "Class " (number) ": " (words::entries(&class.entries)) }
        dl.values {
            div { dt { "before" } dd { (class.before.holding()) } }
            div { dt { "after" } dd { (class.after.holding()) "; " (sweep_summary::change(class.change)) } }
            @if !found.is_empty() { div { dt { "found" } dd { strong.findings { (found.join(" ")) } } } }
        }
        ul.patterns { @for part in &class.parts { li { (self::part(part)) } } }
    }
}

/// Draws a pattern, the fields that it fixes, and the patterns that are excepted from it.
fn part(part: &Part) -> Markup {
    html! {
        (pattern(&part.pattern))
        @if !part.fields.is_empty() && part.pattern.free.0 != 0 { p { (sweep_summary::fixed(part)) } }
        @for except in part.except.iter().take(DRAWN) { p.hint { "without " (pattern(except)) } }
        @if let Some(more) = part.except.len().checked_sub(DRAWN).filter(|more| *more > 0) {
            p.hint { "and without " (words::counted(more, "pattern")) " more" }
        }
        p.hint { (words::entries(&part.entries)) ", such as " code.value { (part.example) } }
    }
}

/// Draws a pattern on one line. If there is no room, the line breaks between bytes.
fn pattern(pattern: &Pattern) -> Markup {
    html! {
        code.pattern {
            @for byte in sweep_summary::drawn(pattern).split(' ') { span { (byte) } " " }
        }
    }
}

fn facts(sweep: &SweepReport) -> Markup {
    html! {
        dl.facts {
            div { dt { "the set" } dd {
                (sweep.entries) ", " (words::entries(&sweep.domain_entries))
                @for domain in &sweep.domain { " " (pattern(domain)) }
            } }
            @if let Some(ran) = &sweep.ran {
                div { dt { "run" } dd { @for said in sweep_summary::ran(ran) { p { (said) } } } }
            }
            div { dt { "encoding" } dd { (sweep.encoding) } }
            div { dt { "machine code" } dd {
                (sweep.guest.kind) " " (sweep.guest.name) " " code.sha { "sha256 " (sweep.guest.sha256) }
                @if let Some(engine) = &sweep.guest.engine { ", run by " (engine) }
            } }
        }
    }
}
