//! Reports as plain text. Lines may have ANSI styles, which `anstream` removes where they do not belong.

mod brief;
pub(crate) mod compare;
mod decode;
pub(crate) mod difference;
mod explain;
mod fit;
mod picture;
pub(crate) mod race;
pub(crate) mod style;
mod sweep;
pub mod table;
pub(crate) mod traces;
pub(crate) mod wrapped;

use std::fmt::Write;

use crate::entry::{Entry, Value};
use crate::findings::Finding;
use crate::format::{Detail, RunEncoder, RunFormat};
use crate::judge::SerialOrder;
use crate::outcome::{self, Outcome};
use crate::printable::printable;
use crate::report::{Divergence, KernelFacts, RunReport, SerialOutcomes, SplitGuard, Stored, Verdict};
use crate::text::brief::brief;
use crate::text::race::race;
use crate::text::style::paint;
use crate::text::wrapped::Lines;
use crate::view::View;
use crate::words::{self, counted, of_schedules};

pub use compare::compare;
pub use decode::decode;
pub use explain::{explain, summary};
pub use fit::fit;
pub use sweep::sweep;
pub use traces::run_with_traces;
pub use wrapped::WIDTH;

/// The text of a run.
pub const RUN_FORMAT: RunFormat = RunFormat {
    name: "text",
    about: "Text of at most 75 columns: the verdict and the race; -v and -vv show more",
    extension: "txt",
    encoder: RunEncoder::View(|reports, detail| {
        let runs: Vec<_> = reports.iter().map(|report| run(report, detail)).collect();
        runs.join("\n")
    }),
};

/// Formats a run in the requested detail.
///
/// No line is longer than [`WIDTH`], unless one option of the command is.
pub fn run(report: &RunReport, detail: Detail) -> String {
    let report = &*printable(report);
    let mut lines = Lines::default();
    lines.styled(style::TITLE, "  ", &words::headline(report));
    lines.gap();
    split_guard(&mut lines, report);
    doubts(&mut lines, report);
    if let Some(excluded) = words::excluded(report) {
        lines.paragraph("", "  ", &format!("EXCLUDED: {excluded}"));
    }
    if detail == Detail::Verdict {
        brief(&mut lines, report);
        return lines.into_text();
    }
    findings(&mut lines, report);
    lines.gap();
    values(&mut lines, report);
    if report.has_walker() {
        lines.gap();
        walked(&mut lines, report);
    }
    if detail == Detail::Setup {
        lines.gap();
        ran(&mut lines, report);
    }
    lines.gap();
    let schedules = &report.schedules;
    let counts = [
        counted(&schedules.total, "schedule"),
        counted(schedules.behaviours, "behaviour"),
        counted(schedules.machine_runs, "machine-code run"),
    ];
    let verdict = paint(style::of_verdict(report.verdict), report.verdict.word());
    lines.paragraph("", "", &format!("{}: {verdict}", counts.join(", ")));
    lines.into_text()
}

/// Writes whether a kernel's split has the fix.
fn split_guard(lines: &mut Lines, report: &RunReport) {
    match report.kernel.as_ref().and_then(|kernel| Some((kernel.split, split(kernel)?))) {
        Some((SplitGuard::Guarded, text)) => lines.styled(style::HOLDS, "  ", &text),
        Some((_, text)) => lines.styled(style::WRONG, "  ", &text),
        None => {}
    }
}

/// Writes the reasons why there may be more findings.
fn doubts(lines: &mut Lines, report: &RunReport) {
    // Of orders with few switches the verdict itself says so.
    if let Some(why) = report.incomplete.as_ref().filter(|_| report.verdict != Verdict::PassBounded) {
        lines.styled(style::UNKNOWN, "  ", &format!("INCOMPLETE: {why}; what was not run is unknown"));
    }
    for disagreement in &report.disagreements {
        let text = format!(
            "CONTROL FAILED: {disagreement}; the guest is not one of this encoding, so nothing is known"
        );
        lines.styled(style::UNKNOWN, "  ", &text);
    }
}

/// Writes every finding, with its race.
fn findings(lines: &mut Lines, report: &RunReport) {
    if report.findings.is_empty() {
        lines.line("Nothing was found.");
    }
    let mut drawn: Vec<&str> = Vec::new();
    for schedule in report.findings.iter().map(|finding| finding.schedule.as_str()) {
        if drawn.contains(&schedule) {
            continue;
        }
        if !drawn.is_empty() {
            lines.gap();
        }
        drawn.push(schedule);
        for finding in report.findings_under(schedule) {
            self::finding(lines, report, finding);
        }
        if let Some(trace) = report.trace_under(schedule) {
            lines.gap();
            race(lines, report, trace);
        }
    }
}

/// Writes a finding in words.
pub(crate) fn finding(lines: &mut Lines, report: &RunReport, finding: &Finding) {
    let text = format!("FINDING {}: {}", finding.name.name(), finding.explanation);
    lines.styled(style::WRONG, "  ", &text);
    let schedules = of_schedules(&finding.schedules, report);
    lines.paragraph("  ", "  ", &format!("in {schedules}, shortest {}", finding.schedule));
}

/// Writes the entry before and after the writer, and the entries that the writer stored.
fn values(lines: &mut Lines, report: &RunReport) {
    lines.labelled("before    ", &one_line(&report.before));
    for breach in &report.contract {
        lines.labelled("          ", &format!("CONTRACT BROKEN: {breach}"));
    }
    for stored in &report.stored {
        lines.labelled("stored    ", &one_line(&stored.entry));
        lines.labelled("          ", &stored_by(stored));
    }
    match &report.after {
        Some(after) => lines.labelled("after     ", &one_line(after)),
        None => lines.line("after     differs by schedule"),
    }
}

fn stored_by(stored: &Stored) -> String {
    let Stored { pc, symbol, instruction, changes, .. } = stored;
    format!("at {:#x} {symbol}: {}  {}", pc.0, instruction, changed(changes))
}

/// Writes the entries that the walker saw, and the outcomes of the walker and of further routines.
fn walked(lines: &mut Lines, report: &RunReport) {
    // An agent has none: nothing follows from what the MMU saw but its marks.
    if !report.views.is_empty() {
        lines.paragraph("", "  ", &format!("Views of {}:", report.walker));
    }
    for view in &report.views {
        lines.paragraph("  ", "    ", &seen(view, report));
    }
    for (cpu, (name, outcomes)) in (2..).zip(report.with.iter().zip(&report.with_outcomes)) {
        lines.paragraph("", "  ", &format!("Outcomes of {name}, on CPU{cpu}:"));
        for outcome in outcomes {
            lines.paragraph("  ", "    ", &format_outcome(outcome, report));
        }
    }
    lines.paragraph("", "  ", &format!("Outcomes of {}:", report.walker));
    lines.paragraph(
        "  ",
        "    ",
        &format!("baseline run, without the writer: {}", outcome::in_words(&report.alone)),
    );
    for one in &report.orders {
        lines.paragraph("  ", "    ", &in_order(one, report));
    }
    for outcome in &report.outcomes {
        // The schedule is empty if a bound was hit before the first access.
        let by = match outcome.schedule.as_str() {
            "" => String::new(),
            schedule => format!(", as by {schedule}"),
        };
        lines.paragraph("  ", "    ", &format!("{}{by}", format_outcome(outcome, report)));
    }
    for divergence in &report.divergences {
        lines.paragraph("", "  ", &differs(divergence, report));
    }
    for warning in &report.warnings {
        let (entry, schedules) = (warning.entry, of_schedules(&warning.schedules, report));
        lines.paragraph("", "  ", &format!("VM_WARN_ON_ONCE() fired on {entry} in {schedules}"));
    }
}

/// Says the walker's outcome in an order of one after the other, and the writer's if it is not always the same.
fn in_order(one: &SerialOutcomes, report: &RunReport) -> String {
    let order = match one.order {
        SerialOrder::WriterFirst => "after",
        SerialOrder::WalkerFirst => "before",
        SerialOrder::Either => "before or after",
    };
    let of_writer = |one: &SerialOutcomes| outcome::in_words(&one.writer);
    let same = report.orders.iter().all(|other| of_writer(other) == of_writer(one));
    let and = if same { String::new() } else { format!("; {} {}", report.writer, of_writer(one)) };
    format!("{order} {}: {}{and}", report.writer, outcome::in_words(&one.walker))
}

fn seen(view: &View, report: &RunReport) -> String {
    let installed = match view.installed {
        false => "",
        true if view.entry.is_table() => "  the page table that the split installed",
        true => "  the entry that the writer installed",
    };
    format!("{}  in {}{installed}", one_line(&view.entry), of_schedules(&view.schedules, report))
}

fn format_outcome(outcome: &Outcome, report: &RunReport) -> String {
    let schedules = of_schedules(&outcome.schedules, report);
    format!("{}{}  in {schedules}", outcome::in_words(outcome), on(outcome.decided_on))
}

fn differs(divergence: &Divergence, report: &RunReport) -> String {
    let first = match (&divergence.symbol, &divergence.instruction, divergence.pc) {
        (Some(symbol), Some(instruction), Some(pc)) => {
            let instead = divergence.instead_of.map_or("a return".to_owned(), |pc| format!("{:#x}", pc.0));
            format!("first at {:#x} {symbol}: {}  (instead of {instead})", pc.0, instruction)
        }
        _ => "it returned where the baseline run went on".to_owned(),
    };
    format!(
        "Its path{} differs from that of the baseline run, in {}: {first}",
        on(divergence.decided_on),
        of_schedules(&divergence.schedules, report)
    )
}

fn on(entry: Option<Value>) -> String {
    entry.map_or(String::new(), |value| format!(" on {value}"))
}

/// Writes which machine code was run, and what was set up for it.
fn ran(lines: &mut Lines, report: &RunReport) {
    lines.labelled("encoding  ", &report.encoding);
    let guest = &report.guest;
    let sha256 = guest.sha256.get(..16).unwrap_or(&guest.sha256);
    match &guest.release {
        Some(release) => {
            let name = &guest.name;
            lines.labelled("kernel    ", &format!("{release}, from {name} (sha256 {sha256}...)"));
        }
        None => {
            lines.labelled("guest     ", &format!("{} {} (sha256 {sha256}...)", guest.kind, guest.name));
        }
    }
    if let Some(engine) = &guest.engine {
        lines.labelled("engine    ", engine);
    }
    if let Some(precondition) = &report.precondition {
        lines.labelled("given     ", precondition);
    }
    if let Some(kernel) = &report.kernel {
        set_up(lines, kernel);
    }
    lines.labelled(
        "reading   ",
        match &report.kernel {
            Some(_) => "predicates are answered by the model of the encoding",
            None => "predicates are answered by the guest's compiled functions",
        },
    );
    lines.labelled("          ", "CPU0 runs the writer, CPU1 the walker; W2 K1 is two accesses of the writer, then one of the walker; values are in CPU order");
    lines.command("again     ", &report.command);
}

/// Writes what a run of a kernel depends on: functions, controls, assumptions, stubs and shared memory.
pub(crate) fn set_up(lines: &mut Lines, kernel: &KernelFacts) {
    match &kernel.walker_function {
        Some(walker) => {
            lines.labelled("functions ", &format!("{}() against {walker}()", kernel.writer_function));
        }
        None => lines.labelled("functions ", &format!("{}()", kernel.writer_function)),
    }
    for control in &kernel.controls {
        let passed = if control.passed { "passed" } else { "FAILED" };
        lines.labelled("control   ", &format!("{passed}: {}: {}", control.what, control.outcome));
    }
    for assumption in &kernel.assumptions {
        lines.labelled("set up    ", assumption);
    }
    for warning in &kernel.warnings {
        lines.labelled(
            "warning   ",
            &format!("WARN at {}, in {}", warning.place, counted(&warning.schedules, "schedule")),
        );
    }
    for stub in &kernel.stubs {
        let returns = stub.returns.map_or(String::new(), |value| format!(", returns {:#x}", value.0));
        lines.labelled("stub      ", &format!("{}(){returns}: {}", stub.function, stub.why));
    }
    if kernel.stubs.is_empty() && !kernel.controls.is_empty() {
        lines.labelled("stub      ", "none: every function is run as it is");
    }
    for word in &kernel.shared {
        lines.labelled("shared    ", &format!("{word}: both use it, so schedules order its accesses too"));
    }
}

/// Says in a sentence whether a kernel's split has the fix. `None` if that is unknown.
pub(crate) fn split(kernel: &KernelFacts) -> Option<String> {
    match kernel.split {
        SplitGuard::Vulnerable => Some(match kernel.invalidated.iter().find(|entry| !entry.present) {
            Some(entry) => format!(
                "VULNERABLE: the split entered {}() with {}, which is not present",
                entry.function, entry.entry
            ),
            None => {
                let stored = kernel.stored_before_table.first().copied().unwrap_or(Value(0));
                format!("VULNERABLE: the split stored {stored} to the entry, which was not present")
            }
        }),
        SplitGuard::Guarded => Some(
            "guarded: the split stored nothing but the page table to the entry, which is not present"
                .to_owned(),
        ),
        SplitGuard::Unknown => None,
    }
}

fn changed(changes: &[String]) -> String {
    if changes.is_empty() { "unchanged".to_owned() } else { changes.join(" ") }
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
