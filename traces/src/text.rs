//! Reports as plain text.

use std::fmt::Write;

use comfy_table::{ContentArrangement, Table, presets};

use crate::count::Count;
use crate::entry::Entry;
use crate::report::{CompareReport, DecodeReport, Event, KernelFacts, RunReport, SplitGuard, Trace, What};
use crate::summary;
use crate::words::{counted, outcome};

/// Writing to a `String` cannot fail.
macro_rules! put {
    ($out:expr, $($argument:tt)*) => {{ let _ = writeln!($out, $($argument)*); }};
}

/// One run, with a trace for each behaviour.
pub fn run(report: &RunReport) -> String {
    let mut out = String::new();
    put!(
        out,
        "{}: {} against {} on {}",
        platform(report),
        report.writer,
        report.walker,
        report.marked_entry()
    );
    put!(out, "encoding  {}", report.encoding);
    let guest = &report.guest;
    let sha256 = guest.sha256.get(..16).unwrap_or(&guest.sha256);
    match &guest.release {
        Some(release) => put!(out, "kernel    {release}, from {} (sha256 {sha256}...)", guest.name),
        None => put!(out, "guest     {} {} (sha256 {sha256}...)", guest.kind, guest.name),
    }
    match &report.kernel {
        Some(_) => put!(out, "predicates are answered by the model of the encoding"),
        None => put!(out, "predicates are answered by the {}'s compiled functions", report.predicates),
    }
    put!(
        out,
        "CPU0 runs the writer, CPU1 the walker; W2 K1 is two accesses of the writer, then one of the walker"
    );
    put!(out, "");
    if let Some(kernel) = &report.kernel {
        self::kernel(&mut out, kernel);
    }
    put!(out, "before    {}", one_line(&report.before));
    for breach in &report.contract {
        put!(out, "          CONTRACT BROKEN: {breach}");
    }
    for stored in &report.stored {
        put!(out, "stored    {}", one_line(&stored.entry));
        put!(
            out,
            "          at {:#x} {}: {}  {}",
            stored.pc.0,
            stored.symbol,
            stored.instruction,
            changed(&stored.changes)
        );
    }
    match &report.after {
        Some(after) => put!(out, "after     {}", one_line(after)),
        None => put!(out, "after     differs by schedule: see the traces"),
    }
    put!(out, "");

    if report.kernel.as_ref().is_none_or(|kernel| kernel.walker_function.is_some()) {
        walked(&mut out, report);
    }
    put!(out, "");

    if let Some(split) = report.kernel.as_ref().and_then(split) {
        put!(out, "{split}");
    }
    if report.findings.is_empty() {
        put!(out, "Nothing was found.");
    }
    for finding in &report.findings {
        put!(out, "FINDING {}: {}", finding.name.name(), finding.explanation);
        put!(out, "        in {}, shortest {}", of(&finding.schedules, report), finding.schedule);
    }
    if let Some(why) = &report.incomplete {
        put!(out, "INCOMPLETE: {why}; what was not run is unknown");
    }
    for disagreement in &report.disagreements {
        put!(
            out,
            "CONTROL FAILED: {disagreement}; the guest is not one of this encoding, so nothing is known"
        );
    }
    let schedules = &report.schedules;
    put!(
        out,
        "{}, {}, {}: {}",
        counted(&schedules.total, "schedule"),
        counted(schedules.behaviours, "behaviour"),
        counted(schedules.machine_runs, "machine-code run"),
        report.verdict.word()
    );
    for (n, trace) in report.traces.iter().enumerate() {
        put!(out, "");
        put!(
            out,
            "Behaviour {} of {}, in {}: schedule {}",
            n + 1,
            report.traces.len(),
            of(&trace.schedules, report),
            if trace.schedule.is_empty() { "(no access)" } else { &trace.schedule }
        );
        self::trace(&mut out, trace);
    }
    out
}

/// What the walker saw and came to.
fn walked(out: &mut String, report: &RunReport) {
    put!(out, "What {} saw:", report.walker);
    for view in &report.views {
        let installed = match view.installed {
            false => "",
            true if view.entry.is_table() => "  the page table that the split installed",
            true => "  the entry that the writer installed",
        };
        put!(out, "  {}  in {}{installed}", one_line(&view.entry), of(&view.schedules, report));
    }
    for (cpu, (name, outcomes)) in (2..).zip(report.with.iter().zip(&report.with_outcomes)) {
        put!(out, "What {name}, on CPU{cpu}, came to:");
        for one in outcomes {
            let decided_on = one.decided_on.map_or(String::new(), |value| format!(" on {value}"));
            put!(out, "  {}{decided_on}  in {}", outcome(one), of(&one.schedules, report));
        }
    }
    put!(out, "What {} came to:", report.walker);
    put!(out, "  on the untouched entry: {}", outcome(&report.alone));
    for one in &report.outcomes {
        let decided_on = one.decided_on.map_or(String::new(), |value| format!(" on {value}"));
        // A schedule is empty where a bound came before the first access.
        let by = if one.schedule.is_empty() { String::new() } else { format!(", as by {}", one.schedule) };
        put!(out, "  {}{decided_on}  in {}{by}", outcome(one), of(&one.schedules, report));
    }
    for divergence in &report.divergences {
        let decided_on = divergence.decided_on.map_or(String::new(), |value| format!(" on {value}"));
        put!(
            out,
            "Its path{decided_on} differs from that on the untouched entry, in {}:",
            of(&divergence.schedules, report)
        );
        match (&divergence.symbol, &divergence.instruction, divergence.pc) {
            (Some(symbol), Some(instruction), Some(pc)) => {
                let instead =
                    divergence.instead_of.map_or("a return".to_owned(), |pc| format!("{:#x}", pc.0));
                put!(out, "  first at {:#x} {symbol}: {instruction}  (instead of {instead})", pc.0);
            }
            _ => put!(out, "  it returned where it went on there"),
        }
    }
    for warning in &report.warnings {
        put!(out, "VM_WARN_ON_ONCE() fired on {} in {}", warning.entry, of(&warning.schedules, report));
    }
}

/// What a run of a kernel rests on.
fn kernel(out: &mut String, kernel: &KernelFacts) {
    match &kernel.walker_function {
        Some(walker) => put!(out, "functions {}() against {walker}()", kernel.writer_function),
        None => put!(out, "functions {}()", kernel.writer_function),
    }
    for control in &kernel.controls {
        let passed = if control.passed { "passed" } else { "FAILED" };
        put!(out, "control   {passed}: {}: {}", control.what, control.came_to);
    }
    for assumption in &kernel.assumptions {
        put!(out, "set up    {assumption}");
    }
    for stub in &kernel.stubs {
        let returns = stub.returns.map_or(String::new(), |value| format!(", returns {:#x}", value.0));
        put!(out, "stub      {}(){returns}: {}", stub.function, stub.why);
    }
    if kernel.stubs.is_empty() && !kernel.controls.is_empty() {
        put!(out, "stub      none: every function is run as it is");
    }
    for word in &kernel.shared {
        put!(out, "shared    {word}: both use it, so schedules order its accesses too");
    }
    put!(out, "");
}

/// Whether a kernel's split has the fix, in a sentence.
fn split(kernel: &KernelFacts) -> Option<String> {
    let of = |present: bool| kernel.invalidated.iter().find(move |entry| entry.present == present);
    match kernel.split {
        SplitGuard::Vulnerable => of(false).map(|entry| {
            format!(
                "VULNERABLE: the split entered {}() with {}, which is not present",
                entry.function, entry.entry
            )
        }),
        SplitGuard::Guarded => {
            Some("guarded: the split did not invalidate the entry, which is not present".to_owned())
        }
        SplitGuard::Unknown => None,
    }
}

fn trace(out: &mut String, trace: &Trace) {
    let mut table = bare_table();
    for event in &trace.events {
        let (what, value) = event_columns(event);
        table.add_row([
            format!("  CPU{}", event.cpu),
            format!("{:#x}", event.pc.0),
            event.symbol.clone(),
            event.instruction.replace('\t', " "),
            what.to_owned(),
            value,
        ]);
    }
    put!(out, "{}", trimmed(&table));
    put!(out, "  writer: {}", outcome(&trace.writer));
    put!(out, "  walker: {}", outcome(&trace.walker));
    for (cpu, with) in (2..).zip(&trace.with) {
        put!(out, "  CPU{cpu}:   {}", outcome(with));
    }
    for page in &trace.references {
        put!(
            out,
            "  page {:#x} has {} references in the end; it had {}",
            page.pfn.0,
            page.references,
            page.before
        );
    }
}

fn event_columns(event: &Event) -> (&'static str, String) {
    match &event.what {
        What::Load { raw, entry } => ("load", format!("{entry}{}", raw_note(raw.0, entry.0))),
        What::Store { raw, before, after, changes } => {
            ("store", format!("{before} -> {after}{}  {}", raw_note(raw.0, after.0), changed(changes)))
        }
        What::Atomic { raw, store_pc: Some(_), before, after, changes } => {
            ("atomic", format!("{before} -> {after}{}  {}", raw_note(raw.0, after.0), changed(changes)))
        }
        What::Atomic { raw, before, .. } => {
            ("atomic", format!("{before}{}, nothing stored", raw_note(raw.0, before.0)))
        }
        What::Elsewhere { place, access, before, after } => {
            let access = if access == "load" {
                format!("{before}")
            } else {
                format!("{before} -> {after}, an {access}").replace("an store", "a store")
            };
            ("shared", format!("{place}: {access}"))
        }
        What::Call { function, entry } => ("call", format!("{function}() is entered with {entry}")),
        What::Flush => ("flush", "translations invalidated".to_owned()),
        What::Warning { entry } => ("warning", format!("VM_WARN_ON_ONCE() on {entry}")),
    }
}

/// The number as the CPU saw it, where that is not the entry's value.
fn raw_note(raw: u64, entry: u64) -> String {
    if raw == entry { String::new() } else { format!(" (raw {raw:#018x})") }
}

fn changed(changes: &[String]) -> String {
    if changes.is_empty() { "unchanged".to_owned() } else { changes.join(" ") }
}

fn of(schedules: &Count, report: &RunReport) -> String {
    let run = if report.incomplete.is_some() { " that were run" } else { "" };
    format!("{schedules} of {}{run}", counted(&report.schedules.total, "schedule"))
}

fn platform(report: &RunReport) -> String {
    match &report.mmu {
        Some(mmu) => format!("{} {mmu} Linux {}", report.arch, report.linux),
        None => format!("{} Linux {}", report.arch, report.linux),
    }
}

fn one_line(entry: &Entry) -> String {
    let mut text = format!("{}  {}", entry.value, entry.predicates.holding());
    if let Some(swap) = entry.swap {
        let _ = write!(text, ", type {} offset {:#x}", swap.kind, swap.offset.0);
    }
    if let Some(pfn) = entry.pfn {
        let _ = write!(text, ", page {:#x}", pfn.0);
    }
    text
}

/// A comparison: the table, what has no row, and the summary in words.
pub fn compare(report: &CompareReport) -> String {
    let mut table = bare_table();
    for row in summary::table(report) {
        table.add_row(row);
    }
    let mut out = String::new();
    put!(out, "{}", trimmed(&table));
    put!(out, "");
    out.push_str(&summary::in_words(report));
    out
}

/// Decoded values.
pub fn decode(report: &DecodeReport) -> String {
    let mut out = String::new();
    for (n, entry) in report.entries.iter().enumerate() {
        if n > 0 {
            put!(out, "");
        }
        put!(out, "{}  {}", entry.value, report.encoding);
        let predicates: Vec<_> = entry
            .predicates
            .named()
            .iter()
            .map(|(name, holds)| format!("{name} {}", if *holds { "yes" } else { "no" }))
            .collect();
        put!(out, "  {}: {}", report.predicates, predicates.join(", "));
        if let Some(swap) = entry.swap {
            put!(out, "  swap type {}, offset {:#x}", swap.kind, swap.offset.0);
        }
        if let Some(pfn) = entry.pfn {
            put!(out, "  page frame {:#x}", pfn.0);
        }
        let mut table = bare_table();
        for bit in &entry.bits {
            table.add_row([
                format!("  {}", bit.position()),
                bit.name.clone(),
                format!("{:#x}", bit.value.0),
                if bit.hardware { "hw" } else { "sw" }.to_owned(),
                bit.meaning.clone(),
            ]);
        }
        put!(out, "{}", trimmed(&table));
    }
    out
}

/// A table without lines, as wide as it needs to be.
pub fn bare_table() -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table
}

/// A table's text without the spaces that fill its last column, and without its outer margin.
pub fn trimmed(table: &Table) -> String {
    let lines: Vec<_> =
        table.lines().map(|line| line.strip_prefix(' ').unwrap_or(&line).trim_end().to_owned()).collect();
    lines.join("\n")
}
