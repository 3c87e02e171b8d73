//! The details of one run.

use maud::{Markup, html};

use crate::html::{bits, fields, timeline, verdict};
use crate::outcome;
use crate::report::{KernelFacts, RunReport};
use crate::summary;
use crate::view::View;
use crate::words::{self, counted};

/// Names a run in one line.
pub(super) fn name(row: &RunReport) -> String {
    let with: String = row.with.iter().map(|name| format!(" with {name}")).collect();
    format!("{}, {} against {}{with}", row.marked_entry(), row.writer, row.walker)
}

/// Draws the reasons why a run is not fully known.
pub(super) fn lacks(row: &RunReport) -> Markup {
    html! {
        @if let Some(excluded) = words::excluded(row) {
            p.lacks { strong { "Excluded: " } (excluded) }
        }
        @if let Some(why) = &row.incomplete {
            p.lacks { strong { "Incomplete: " } (why) "; what was not run is unknown." }
        }
        @for control in row.kernel.iter().flat_map(|kernel| &kernel.controls).filter(|control| !control.passed) {
            p.lacks { strong { "Control failed: " } (control.what) ": " (control.outcome) "; nothing else counts." }
        }
        @for disagreement in &row.disagreements {
            p.lacks { strong { "Control failed: " } (disagreement) "; the guest is not one of this encoding, so nothing is known." }
        }
    }
}

/// Draws everything about a run, folded. The `id` is within, so that a browser that follows a link unfolds the
/// run.
pub(super) fn details(number: usize, row: &RunReport, platform: &str) -> Markup {
    let worst = summary::worst_view(row);
    html! {
        details {
            summary {
                (verdict::sign(row.verdict))
                span { span.on { (platform) ": " } (name(row)) " " strong class=(row.verdict.word()) { (verdict::words(row)) } }
            }
            div.run id={ "run-" (number) } {
                (lacks(row))
                (findings(row))
                (entry(row, worst))
                @for trace in timeline::chosen(row, worst.map(|view| view.schedule.as_str())) {
                    (timeline::timeline(row, trace))
                }
                (views(row))
                (facts(row))
                @if let Some(kernel) = &row.kernel { (self::kernel(kernel)) }
                h4 { "Run it again" }
                pre.command { code { (row.command) } }
            }
        }
    }
}

fn findings(row: &RunReport) -> Markup {
    html! {
        @for finding in &row.findings {
            p.finding {
                strong { (finding.name.name()) } ": " (finding.explanation) ". "
                span.hint { "In " (words::of_schedules(&finding.schedules, row)) ", the shortest is " code { (finding.schedule) } "." }
            }
        }
        @for breach in &row.contract { p.finding { strong { "contract broken" } ": " (breach) } }
        @for warning in &row.warnings {
            p.finding {
                strong { "VM_WARN_ON_ONCE()" } " fired on " code.value { (warning.entry) }
                " in " (words::of_schedules(&warning.schedules, row)) "."
            }
        }
    }
}

/// Draws the entry before the writer, and the worst view of it.
fn entry(row: &RunReport, worst: Option<&View>) -> Markup {
    let seen = worst.map(|view| &view.entry);
    html! {
        h4 { "The entry" }
        dl.values {
            div { dt { "before" } dd { code.value { (row.before.value) } " " (row.before.predicates.holding()) } }
            @match worst {
                Some(view) => div {
                    dt { "seen, at worst" }
                    dd { code.value { (view.entry.value) } " " (view.entry.predicates.holding()) }
                },
                None => div { dt { "seen" } dd { "no view of it" } },
            }
            div { dt { "in short" } dd { (summary::at_worst(row)) } }
        }
        (bits::picture(&row.before, seen))
        div.tables {
            (fields::table(&row.before, seen.unwrap_or(&row.before)))
            (fields::predicates(&row.before, seen, row.predicates.name()))
        }
    }
}

/// Draws the entries that the walker saw, and its outcomes.
fn views(row: &RunReport) -> Markup {
    html! {
        h4 { "Views and outcomes of " (row.walker) }
        ul.views {
            @for view in &row.views {
                li {
                    "saw " code.value { (view.entry.value) } ", " (summary::what_became(row, view))
                    span.hint { ", in " (words::of_schedules(&view.schedules, row)) }
                }
            }
            @for outcome in &row.outcomes {
                li {
                    (outcome::in_words(outcome))
                    @if let Some(value) = outcome.decided_on { " on " code.value { (value) } }
                    span.hint { ", in " (words::of_schedules(&outcome.schedules, row)) }
                }
            }
            @if row.views.is_empty() && row.outcomes.is_empty() { li { "nothing: it was not run" } }
        }
    }
}

fn facts(row: &RunReport) -> Markup {
    let schedules = &row.schedules;
    let guest = &row.guest;
    html! {
        dl.facts {
            div { dt { "schedules" } dd {
                (counted(&schedules.total, "schedule"))
                @if row.incomplete.is_some() { " that were run" }
                ", " (counted(schedules.behaviours, "behaviour")) ", "
                (counted(schedules.machine_runs, "machine-code run"))
            } }
            div { dt { "baseline run" } dd { "the walker alone on the original entry: " (outcome::in_words(&row.alone)) } }
            div { dt { "encoding" } dd { (row.encoding) } }
            div { dt { "machine code" } dd {
                (guest.kind) " " (guest.name)
                @if let Some(package) = &guest.package { ", " (package) }
                " " code.sha { "sha256 " (guest.sha256) }
                @if let Some(engine) = &guest.engine { ", run by " (engine) }
            } }
        }
    }
}

/// Draws what a run of a kernel depends on: functions, the split, controls, stubs, shared memory and
/// assumptions.
fn kernel(kernel: &KernelFacts) -> Markup {
    html! {
        h4 { "What the run rests on" }
        dl.facts {
            div { dt { "functions" } dd {
                code { (kernel.writer_function) "()" }
                @if let Some(walker) = &kernel.walker_function { " against " code { (walker) "()" } }
            } }
            div { dt { "split" } dd { (verdict::split(kernel.split))
                @for one in &kernel.invalidated {
                    "; " code { (one.function) "()" } " was entered with " code.value { (one.entry) } ", which is "
                    @if !one.present { "not " } "present"
                }
            } }
            @for control in &kernel.controls {
                div { dt { "control " (if control.passed { "passed" } else { "FAILED" }) } dd { (control.what) ": " (control.outcome) } }
            }
            @for warning in &kernel.warnings {
                div { dt { "warning" } dd { "WARN at " (warning.place) ", in " (counted(&warning.schedules, "schedule")) } }
            }
            @for stub in &kernel.stubs {
                div { dt { "answered for" } dd { code { (stub.function) "()" } ": " (stub.why) } }
            }
            @for word in &kernel.shared { div { dt { "shared" } dd { (word) } } }
            @for assumption in &kernel.assumptions { div { dt { "set up" } dd { (assumption) } } }
        }
    }
}
