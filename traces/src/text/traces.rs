//! Every event of every behaviour, as tables of text.

use std::fmt::Write;

use super::{changed, run};
use crate::format::{Detail, RunEncoder, RunFormat};
use crate::outcome;
use crate::printable::printable;
use crate::report::{AccessKind, Event, EventKind, RunReport, Trace};
use crate::text::table::{bare_table, trimmed};
use crate::words::{self, of_schedules, raw_note};

/// The text of a run with its traces.
pub const RUN_FORMAT: RunFormat = RunFormat {
    name: "trace",
    about: "The text, and every event of each behaviour in a wide table",
    extension: "txt",
    encoder: RunEncoder::Whole(|reports| {
        Ok(reports.iter().map(run_with_traces).collect::<Vec<_>>().join("\n"))
    }),
};

/// Formats a run, and the events of each behaviour in a table as wide as its cells need.
pub fn run_with_traces(report: &RunReport) -> String {
    let report = &*printable(report);
    let mut out = run(report, Detail::Setup);
    for (n, trace) in report.traces.iter().enumerate() {
        let _ = writeln!(
            out,
            "\nBehaviour {} of {}, in {}: schedule {}",
            n + 1,
            report.traces.len(),
            of_schedules(&trace.schedules, report),
            if trace.schedule.is_empty() { "(no access)" } else { &trace.schedule }
        );
        table(&mut out, trace);
    }
    out
}

fn table(out: &mut String, trace: &Trace) {
    let mut table = bare_table();
    for event in &trace.events {
        let (what, value) = event_columns(event);
        table.add_row([
            format!("  CPU{}", event.cpu),
            format!("{:#x}", event.pc.0),
            event.symbol.clone(),
            event.instruction.clone(),
            what.to_owned(),
            value,
        ]);
    }
    let _ = writeln!(out, "{}", trimmed(&table));
    let _ = writeln!(out, "  writer: {}", outcome::in_words(&trace.writer));
    let _ = writeln!(out, "  walker: {}", outcome::in_words(&trace.walker));
    for (cpu, with) in (2..).zip(&trace.with) {
        let _ = writeln!(out, "  CPU{cpu}:   {}", outcome::in_words(with));
    }
    for page in &trace.references {
        let _ = writeln!(out, "  {}", words::references(page));
    }
}

fn event_columns(event: &Event) -> (&'static str, String) {
    match &event.what {
        EventKind::Load { raw, entry } => ("load", format!("{entry}{}", raw_note(*raw, *entry))),
        EventKind::Store { raw, before, after, changes } => {
            ("store", format!("{before} -> {after}{}  {}", raw_note(*raw, *after), changed(changes)))
        }
        EventKind::Atomic { raw, store_pc: Some(_), before, after, changes } => {
            ("atomic", format!("{before} -> {after}{}  {}", raw_note(*raw, *after), changed(changes)))
        }
        EventKind::Atomic { raw, before, .. } => {
            ("atomic", format!("{before}{}, nothing stored", raw_note(*raw, *before)))
        }
        EventKind::Elsewhere { place, access, before, after } => {
            let access = if *access == AccessKind::Load {
                format!("{before}")
            } else {
                format!("{before} -> {after}, an {access}").replace("an store", "a store")
            };
            ("shared", format!("{place}: {access}"))
        }
        EventKind::Call { function, entry } => ("call", format!("{function}() is entered with {entry}")),
        EventKind::Flush => ("flush", "translations invalidated".to_owned()),
        EventKind::KernelWarning { place } => ("warning", format!("WARN at {place}")),
        EventKind::Warning { entry } => ("warning", format!("VM_WARN_ON_ONCE() on {entry}")),
    }
}
