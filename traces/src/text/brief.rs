//! A run in ten to twenty lines: the verdict, what it means for a kernel, the race, and how to go on.

use crate::entry::{Entry, Value};
use crate::findings::Finding;
use crate::outcome;
use crate::report::{Event, EventKind, RunReport, Trace, Verdict};
use crate::text::race::{self, Lanes};
use crate::text::style;
use crate::text::wrapped::{Lines, WIDTH, wrapped};
use crate::words::{counted, of_schedules};

/// The most lines of a race. The steps that do not fit are counted.
const MOST_STEPS: usize = 10;

/// Writes the verdict of a run with the race of its worst finding, and how to go on.
pub(super) fn brief(lines: &mut Lines, report: &RunReport) {
    for breach in &report.contract {
        lines.styled(style::WRONG, "  ", &format!("CONTRACT BROKEN: {breach}"));
    }
    if let Some(precondition) = &report.precondition {
        lines.styled(style::UNKNOWN, "  ", &format!("NOT ITS ENTRY: {precondition}"));
    }
    match report.worst_finding() {
        Some(finding) => found(lines, report, finding),
        None => nothing_found(lines, report),
    }
    lines.gap();
    go_on(lines, report);
}

/// The worst finding with its race, and the names of the others.
fn found(lines: &mut Lines, report: &RunReport, finding: &Finding) {
    let definition = finding.name.definition();
    let text = format!(
        "FINDING {} ({}): {}; in {}",
        finding.name.name(),
        report.severity_of(finding).words(),
        finding.explanation,
        of_schedules(&finding.schedules, report)
    );
    lines.styled(style::WRONG, "  ", &text);
    lines.paragraph("  ", "  ", &format!("Consequence: {}.", definition.consequence));
    let mut others: Vec<&str> = report.findings.iter().map(|other| other.name.name()).collect();
    others.retain(|other| *other != finding.name.name());
    others.dedup();
    if !others.is_empty() {
        lines.paragraph("  ", "  ", &format!("Also found: {}.", others.join(", ")));
    }
    if let Some(trace) = report.trace_under(&finding.schedule) {
        lines.gap();
        story(lines, report, trace);
    }
}

/// The verdict of a run without findings, and the outcomes of its walker.
fn nothing_found(lines: &mut Lines, report: &RunReport) {
    let schedules = counted(&report.schedules.total, "schedule");
    match report.verdict {
        Verdict::Unknown => {
            let text = format!("UNKNOWN: nothing was found in {schedules}, which is not a pass");
            lines.styled(style::UNKNOWN, "  ", &text);
        }
        Verdict::PassBounded => {
            let why = report.incomplete.as_deref().unwrap_or_default();
            let text = format!("PASS-BOUNDED: nothing was found in {schedules}: {why}");
            lines.styled(style::UNKNOWN, "  ", &text);
        }
        _ => lines.styled(style::HOLDS, "  ", &format!("PASS: nothing was found in {schedules}")),
    }
    if !report.has_walker() {
        return;
    }
    for outcome in &report.outcomes {
        let on = outcome.decided_on.map_or(String::new(), |value| format!(" on {value}"));
        let schedules = of_schedules(&outcome.schedules, report);
        let text = format!("{}: {}{on}, in {schedules}", report.walker, outcome::in_words(outcome));
        lines.paragraph("  ", "    ", &text);
    }
}

/// What to do next.
fn go_on(lines: &mut Lines, report: &RunReport) {
    if let Some(job) = report.command.strip_prefix("pmdscope run ").filter(|_| !report.findings.is_empty()) {
        lines.command("save it:  ", &format!("pmdscope repro save --output race.repro {job}"));
    }
    lines.line("details:  add -v (entries, outcomes, instructions), -vv (what was run)");
}

/// One step of a race: a CPU, and what it did.
struct Step {
    cpu: u8,
    text: String,
    kind: StepKind,
}

/// What a step is worth where not all fit, the least first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum StepKind {
    /// It changed nothing that is judged.
    Aside,
    /// A load by the writer.
    WriterLoad,
    /// A store, a load by another routine, or an outcome.
    Essential,
}

/// A schedule, one line for each step: without places and instructions, and without what changes nothing if it is long.
fn story(lines: &mut Lines, report: &RunReport, trace: &Trace) {
    let lanes = Lanes::new(trace);
    let mut steps = joined(steps(report, trace));
    for least in [StepKind::WriterLoad, StepKind::Essential] {
        if steps.len() > MOST_STEPS {
            steps.retain(|step| step.kind >= least);
        }
    }
    lanes.headings(lines, &race::headings(report));
    let left_out = steps.len().saturating_sub(MOST_STEPS);
    if left_out > 0 {
        // The end of a race shows the fault.
        lines.line(&format!("({} before: -v shows them)", counted(left_out, "step")));
    }
    for step in steps.iter().skip(left_out) {
        let begin = " ".repeat(lanes.begin(step.cpu));
        for line in wrapped(&begin, &format!("{begin}  "), &step.text, WIDTH) {
            lines.line(&line);
        }
    }
}

/// Every event of a trace and every outcome, in order.
fn steps(report: &RunReport, trace: &Trace) -> Vec<Step> {
    let mut steps = Vec::new();
    let last_of = |cpu: u8| trace.events.iter().rposition(|event| event.cpu == cpu);
    for cpu in Lanes::new(trace).cpus().filter(|cpu| last_of(*cpu).is_none()) {
        steps.extend(outcome_step(report, trace, cpu));
    }
    for (at, event) in trace.events.iter().enumerate() {
        let (kind, text) = event_text(report, event);
        steps.push(Step { cpu: event.cpu, text, kind });
        if last_of(event.cpu) == Some(at) {
            steps.extend(outcome_step(report, trace, event.cpu));
        }
    }
    steps
}

/// Steps of one CPU that say the same and follow each other become one.
fn joined(steps: Vec<Step>) -> Vec<Step> {
    let mut out: Vec<(Step, u64)> = Vec::new();
    for step in steps {
        match out.last_mut() {
            Some((last, times)) if last.cpu == step.cpu && last.text == step.text => *times += 1,
            _ => out.push((step, 1)),
        }
    }
    let counted = |(step, times): (Step, u64)| match times {
        1 => step,
        times => Step { text: format!("{} ({times} times)", step.text), ..step },
    };
    out.into_iter().map(counted).collect()
}

/// The outcome of the routine on a CPU, if one ran there.
fn outcome_step(report: &RunReport, trace: &Trace, cpu: u8) -> Option<Step> {
    let outcome = race::outcome_on(report, trace, cpu)?;
    // Only a writer that concluded something is worth a line.
    let kind = if cpu == 0 { StepKind::WriterLoad } else { StepKind::Essential };
    Some(Step { cpu, text: format!("=> {}", outcome::in_words(outcome)), kind })
}

fn event_text(report: &RunReport, event: &Event) -> (StepKind, String) {
    let load = if event.cpu == 0 { StepKind::WriterLoad } else { StepKind::Essential };
    match &event.what {
        EventKind::Load { entry, .. } => (load, format!("load {entry}{}", form(report, *entry))),
        EventKind::Store { before, after, changes, .. } => stored(report, "store", *before, *after, changes),
        EventKind::Atomic { store_pc: Some(_), before, after, changes, .. } => {
            stored(report, "atomic", *before, *after, changes)
        }
        EventKind::Atomic { before, .. } => (load, format!("atomic {before}, nothing stored")),
        EventKind::Elsewhere { place, access, before, after } if before == after => {
            (StepKind::Aside, format!("{access} {before} ({place})"))
        }
        EventKind::Elsewhere { place, access, after, .. } => {
            (StepKind::Aside, format!("{access} {after} ({place})"))
        }
        EventKind::Call { function, entry } => (StepKind::WriterLoad, format!("{function}({entry})")),
        EventKind::Flush => (StepKind::Aside, "flush".to_owned()),
        EventKind::KernelWarning { place } => (StepKind::Essential, format!("WARN at {place}")),
        EventKind::Warning { entry } => (StepKind::Essential, format!("VM_WARN_ON_ONCE() on {entry}")),
    }
}

/// A store: the value, and what it is or which bits changed, whichever is shorter.
fn stored(
    report: &RunReport,
    what: &str,
    before: Value,
    after: Value,
    changes: &[String],
) -> (StepKind, String) {
    if before == after {
        return (StepKind::WriterLoad, format!("{what} {after} (unchanged)"));
    }
    let form = form(report, after);
    // That an entry is empty or a table now is in its form.
    let note = if changes.is_empty() || changes.iter().any(|change| !change.starts_with(['+', '-'])) {
        String::new()
    } else {
        format!(" ({})", changes.join(" "))
    };
    (StepKind::Essential, format!("{what} {after}{form}{note}"))
}

/// What an entry is to a walker, in a word or two behind a colon.
fn form(report: &RunReport, value: Value) -> String {
    report.entry_of(value).map_or(String::new(), |entry| format!(": {}", form_of(entry)))
}

fn form_of(entry: &Entry) -> &'static str {
    let predicates = &entry.predicates;
    if predicates.none {
        "empty"
    } else if entry.is_table() {
        "page table"
    } else if predicates.present && predicates.bad && !predicates.leaf {
        "present, bad"
    } else if predicates.present {
        "present"
    } else if predicates.migration {
        "migration entry"
    } else if predicates.swap {
        "swap entry"
    } else {
        "not present"
    }
}
