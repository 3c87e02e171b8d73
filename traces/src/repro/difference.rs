//! The first difference between a rerun and the saved trace.

use crate::count::Count;
use crate::outcome::{self, Outcome};
use crate::report::{Event, EventKind, Trace};
use crate::words;

/// Returns the first difference between a rerun's trace and the expected one, in words; `None` if they agree.
///
/// Symbols and the text of instructions are not compared: another version may write them differently.
pub fn first_difference(expected: &Trace, got: &Trace) -> Option<String> {
    let events = expected.events.iter().zip(&got.events).enumerate();
    for (n, (one, other)) in events {
        if !is_same_event(one, other) {
            return Some(format!("event {}: {} was saved, {} came", n + 1, event(one), event(other)));
        }
    }
    let (saved, came) = (expected.events.len(), got.events.len());
    if let Some(missing) = expected.events.get(came) {
        return Some(format!("event {}: {} was saved, and nothing more came", came + 1, event(missing)));
    }
    if let Some(more) = got.events.get(saved) {
        return Some(format!("event {}: nothing more was saved, {} came", saved + 1, event(more)));
    }
    let outcomes = |trace: &Trace| {
        let with =
            trace.with.iter().enumerate().map(|(n, outcome)| (format!("CPU{}", n + 2), outcome.clone()));
        let first = [
            ("the writer".to_owned(), trace.writer.clone()),
            ("the walker".to_owned(), trace.walker.clone()),
        ];
        first.into_iter().chain(with).collect::<Vec<_>>()
    };
    for ((who, one), (_, other)) in outcomes(expected).iter().zip(&outcomes(got)) {
        if !is_same_outcome(one, other) {
            return Some(format!(
                "{who}: \"{}\" was saved, \"{}\" came",
                outcome::in_words(one),
                outcome::in_words(other)
            ));
        }
    }
    if expected.with.len() != got.with.len() {
        return Some(format!("{} further CPUs were saved, {} came", expected.with.len(), got.with.len()));
    }
    (expected.references != got.references).then(|| {
        let said = |trace: &Trace| {
            let pages: Vec<_> = trace.references.iter().map(words::references).collect();
            if pages.is_empty() { "all references are as they were".to_owned() } else { pages.join(", ") }
        };
        format!("references: \"{}\" was saved, \"{}\" came", said(expected), said(got))
    })
}

fn is_same_event(one: &Event, other: &Event) -> bool {
    let place = |event: &Event| (event.cpu, event.pc);
    place(one) == place(other) && essence(&one.what) == essence(&other.what)
}

/// Returns an event without the description of its changes.
fn essence(what: &EventKind) -> EventKind {
    let mut what = what.clone();
    if let EventKind::Store { changes, .. } | EventKind::Atomic { changes, .. } = &mut what {
        changes.clear();
    }
    what
}

fn is_same_outcome(one: &Outcome, other: &Outcome) -> bool {
    // The number of schedules that had this outcome in the saved run does not matter here, nor does wording.
    let essence = |outcome: &Outcome| Outcome {
        ended: None,
        schedules: Count::default(),
        schedule: String::new(),
        ..outcome.clone()
    };
    essence(one) == essence(other)
}

/// Describes an event in few words.
fn event(event: &Event) -> String {
    let what = match &event.what {
        EventKind::Load { entry, .. } => format!("loaded {entry}"),
        EventKind::Store { before, after, .. } => format!("stored {after} over {before}"),
        EventKind::Atomic { store_pc: Some(_), before, after, .. } => format!("changed {before} to {after}"),
        EventKind::Atomic { before, .. } => format!("found {before} and left it"),
        EventKind::Elsewhere { place, access, before, after } => {
            format!("{access} of {place}, {before} to {after}")
        }
        EventKind::Call { function, entry } => format!("entered {function}() with {entry}"),
        EventKind::Flush => "flushed".to_owned(),
        EventKind::KernelWarning { place } => format!("warned at {place}"),
        EventKind::Warning { entry } => format!("warned of {entry}"),
    };
    format!("\"CPU{} at {:#x} ({}) {what}\"", event.cpu, event.pc.0, event.symbol)
}
