//! A schedule as a timeline, with a lane for each CPU.

use maud::{Markup, html};

use crate::entry::Value;
use crate::outcome::{self, Outcome};
use crate::report::{AccessKind, Event, EventKind, RunReport, Trace};
use crate::words;

/// Returns the traces to show: those of the schedules that findings name.
///
/// If there are none, the trace of the worst view; if that is missing too, the first trace.
pub(super) fn chosen<'a>(row: &'a RunReport, worst: Option<&str>) -> Vec<&'a Trace> {
    let named: Vec<_> = row.findings.iter().map(|finding| finding.schedule.as_str()).collect();
    let of = |schedules: &[&str]| -> Vec<_> {
        row.traces.iter().filter(|trace| schedules.contains(&trace.schedule.as_str())).collect()
    };
    let mut traces = of(&named);
    if traces.is_empty() {
        traces = of(worst.as_slice());
    }
    if traces.is_empty() {
        traces = row.traces.iter().take(1).collect();
    }
    traces
}

pub(super) fn timeline(row: &RunReport, trace: &Trace) -> Markup {
    let lanes = 2 + row.with.len();
    let schedule = if trace.schedule.is_empty() { "(no access)" } else { &trace.schedule };
    html! {
        h4 {
            "Schedule " code { (schedule) }
            span.hint { ", the behaviour of " (words::of_schedules(&trace.schedules, row)) }
        }
        ol.lanes style={ "--n:" (lanes) } {
            li.heads {
                @for (cpu, (role, name)) in roles(row).enumerate() {
                    div style={ "--k:" (cpu) } { span.cpu { "CPU" (cpu) } " " span.role { (role) } " " (name) }
                }
            }
            @for event in &trace.events { (step(row, event)) }
            li.ends { @for (cpu, outcome) in outcomes(trace).enumerate() { (end(cpu, outcome)) } }
        }
        @for page in &trace.references {
            p.hint { "Page " code { (format!("{:#x}", page.pfn.0)) } " has " (page.references) " references in the end; it had " (page.before) "." }
        }
    }
}

/// Returns the role and the name of the routine on each CPU.
fn roles(row: &RunReport) -> impl Iterator<Item = (&'static str, &str)> {
    [("writer", row.writer.as_str()), ("walker", row.walker.as_str())]
        .into_iter()
        .chain(row.with.iter().map(|name| ("with them", name.as_str())))
}

fn outcomes(trace: &Trace) -> impl Iterator<Item = &Outcome> {
    [&trace.writer, &trace.walker].into_iter().chain(&trace.with)
}

/// Draws one event in the lane of its CPU.
fn step(row: &RunReport, event: &Event) -> Markup {
    let what = what(&event.what);
    let holds = what.entry.and_then(|value| row.entry_of(value)).map(|entry| entry.predicates.holding());
    html! {
        li style={ "--k:" (event.cpu) } {
            div class={ "step " (what.kind) } {
                p {
                    span.cpu { "CPU" (event.cpu) } " " strong { (what.kind) } " "
                    code.value { (what.text) }
                    @if !what.changes.is_empty() { " " code.changes { (what.changes.join(" ")) } }
                    @if let Some(holds) = holds { " " span.holds { (holds) } }
                }
                p.at { code { (event.symbol) } " " code.instruction { (event.instruction) } }
            }
        }
    }
}

/// Draws the outcome of a routine at the end of its lane, and the value on which it decided.
fn end(cpu: usize, outcome: &Outcome) -> Markup {
    html! {
        div style={ "--k:" (cpu) } {
            span.cpu { "CPU" (cpu) } " " strong { "concluded" } " " (outcome::in_words(outcome))
            @if let Some(value) = outcome.decided_on { ", on " code.value { (value) } }
        }
    }
}

/// The parts of an event that a timeline shows.
struct Shown<'a> {
    kind: &'static str,
    text: String,
    /// The value of the entry at that point, if its predicates are worth showing.
    entry: Option<Value>,
    changes: &'a [String],
}

fn what(what: &EventKind) -> Shown<'_> {
    let shown = |kind, text, entry| Shown { kind, text, entry, changes: &[] };
    match what {
        EventKind::Load { raw, entry } => {
            shown("load", format!("{entry}{}", words::raw_note(*raw, *entry)), Some(*entry))
        }
        EventKind::Atomic { raw, store_pc: None, before, .. } => shown(
            "atomic",
            format!("{before}{}, nothing stored", words::raw_note(*raw, *before)),
            Some(*before),
        ),
        EventKind::Store { raw, before, after, changes }
        | EventKind::Atomic { raw, before, after, changes, .. } => Shown {
            kind: if matches!(what, EventKind::Store { .. }) { "store" } else { "atomic" },
            text: format!("{before} → {after}{}", words::raw_note(*raw, *after)),
            entry: Some(*after),
            changes,
        },
        EventKind::Elsewhere { place, access, before, after } => {
            let value = if *access == AccessKind::Load {
                before.to_string()
            } else {
                format!("{before} → {after}")
            };
            shown("shared", format!("{access} of {place}: {value}"), None)
        }
        EventKind::Call { function, entry } => {
            shown("call", format!("{function}() is entered with {entry}"), Some(*entry))
        }
        EventKind::Flush => shown("flush", "translations invalidated".to_owned(), None),
        EventKind::KernelWarning { place } => shown("warning", format!("WARN at {place}"), None),
        EventKind::Warning { entry } => shown("warning", format!("VM_WARN_ON_ONCE() on {entry}"), None),
    }
}
