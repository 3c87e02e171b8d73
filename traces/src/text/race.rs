//! One schedule drawn as kernel developers draw a race: a lane for each CPU, time running down, one access at a
//! time.

use crate::entry::{Entry, Value};
use crate::outcome::{self, Outcome};
use crate::report::{Event, EventKind, RunReport, Trace};
use crate::text::wrapped::{Lines, WIDTH, wrapped};
use crate::words;

/// Where the second lane of two begins.
const SECOND_LANE: usize = 37;
/// The least room for the text of a lane, so that `load` and an entry's value fit a line.
const LANE_LEAST: usize = 36;

/// Draws a trace of a report, and explains the walker's outcome.
pub(crate) fn race(lines: &mut Lines, report: &RunReport, trace: &Trace) {
    let lanes = Lanes::new(trace);
    lanes.headings(lines, &headings(report));
    let last_of = |cpu: u8| trace.events.iter().rposition(|event| event.cpu == cpu);
    for cpu in lanes.cpus().filter(|cpu| last_of(*cpu).is_none()) {
        // The routine concluded without any access.
        lanes.concluded(lines, report, trace, cpu);
    }
    for (at, event) in trace.events.iter().enumerate() {
        lanes.event(lines, report, event);
        if last_of(event.cpu) == Some(at) {
            lanes.concluded(lines, report, trace, event.cpu);
        }
    }
    for page in &trace.references {
        lines.paragraph("", "  ", &words::references(page));
    }
    if let Some(why) = why(report, &trace.walker) {
        lines.gap();
        lines.paragraph("", "", &why);
    }
}

/// Returns the name of what runs on each CPU: a kernel's function, or a routine.
pub(super) fn headings(report: &RunReport) -> Vec<String> {
    let kernel = report.kernel.as_ref();
    let writer = kernel.map_or(report.writer.clone(), |kernel| format!("{}()", kernel.writer_function));
    let walker = kernel.and_then(|kernel| kernel.walker_function.as_ref());
    let walker = walker.map_or(report.walker.clone(), |walker| format!("{walker}()"));
    [writer, walker].into_iter().chain(report.with.iter().cloned()).collect()
}

/// Returns the name of the routine on a CPU, as the user requested it.
fn routine(report: &RunReport, cpu: u8) -> &str {
    match cpu {
        0 => &report.writer,
        1 => &report.walker,
        other => report.with.get(usize::from(other) - 2).map_or("", String::as_str),
    }
}

/// Returns the outcome of the routine on a CPU, if one ran there.
pub(super) fn outcome_on<'a>(report: &RunReport, trace: &'a Trace, cpu: u8) -> Option<&'a Outcome> {
    let outcome = match cpu {
        0 => Some(&trace.writer),
        1 => Some(&trace.walker),
        other => trace.with.get(usize::from(other) - 2),
    };
    // A kernel's writer may be run alone.
    outcome.filter(|_| cpu != 1 || report.has_walker())
}

/// The columns where the text of each CPU begins. Only one CPU acts at a time, so text may reach into the next lane.
pub(super) struct Lanes {
    count: usize,
}

impl Lanes {
    pub(super) fn new(trace: &Trace) -> Lanes {
        Lanes { count: 2 + trace.with.len() }
    }

    pub(super) fn cpus(&self) -> impl Iterator<Item = u8> + use<> {
        (0..=u8::MAX).take(self.count)
    }

    fn step(&self) -> usize {
        SECOND_LANE.min((WIDTH - LANE_LEAST) / (self.count - 1).max(1)).max(1)
    }

    /// Returns the column where a lane begins.
    ///
    /// A lane without room, such as one of a CPU that only a damaged trace names, is drawn over the last one.
    pub(super) fn begin(&self, cpu: u8) -> usize {
        (usize::from(cpu) * self.step()).min(WIDTH - LANE_LEAST)
    }

    /// Returns the width of a CPU's text, in columns.
    fn width(&self, cpu: u8) -> usize {
        (self.step() - 1).max(LANE_LEAST).min(WIDTH - self.begin(cpu))
    }

    pub(super) fn headings(&self, lines: &mut Lines, names: &[String]) {
        let heading = |cpu: u8, name: &str| wrapped(&format!("CPU{cpu}: "), "      ", name, self.width(cpu));
        if let [writer, walker] = names {
            let (left, right) = (heading(0, writer), heading(1, walker));
            for row in 0..left.len().max(right.len()) {
                let cell = |lane: &[String]| lane.get(row).cloned().unwrap_or_default();
                lines.line(&format!("{:SECOND_LANE$}{}", cell(&left), cell(&right)));
            }
            lines.line(&format!("{}  {}", "=".repeat(SECOND_LANE - 2), "=".repeat(WIDTH - SECOND_LANE)));
            return;
        }
        for (cpu, name) in self.cpus().zip(names) {
            self.put(lines, cpu, 0, &heading(cpu, name));
        }
        lines.line(&"=".repeat(WIDTH));
    }

    fn event(&self, lines: &mut Lines, report: &RunReport, event: &Event) {
        let cpu = event.cpu;
        self.place(lines, event);
        match &event.what {
            EventKind::Load { entry, .. } => self.loaded(lines, report, cpu, "load", *entry),
            EventKind::Store { before, after, changes, .. } => {
                self.changed(lines, cpu, "store", *before, *after, changes);
            }
            EventKind::Atomic { store_pc: Some(_), before, after, changes, .. } => {
                self.changed(lines, cpu, "atomic", *before, *after, changes);
            }
            EventKind::Atomic { before, .. } => {
                self.loaded(lines, report, cpu, "atomic, nothing stored,", *before);
            }
            EventKind::Elsewhere { place, access, before, after } if before == after => {
                self.say(lines, cpu, &format!("{access} {before} ({place})"));
            }
            EventKind::Elsewhere { place, access, before, after } => {
                self.say(lines, cpu, &format!("{access} ({place})"));
                self.value_changed(lines, cpu, *before, *after);
            }
            EventKind::Call { function, entry } => {
                self.say(lines, cpu, &format!("{function}() is entered with {entry}"));
            }
            EventKind::Flush => self.say(lines, cpu, "flush"),
            EventKind::KernelWarning { place } => self.say(lines, cpu, &format!("WARN at {place}")),
            EventKind::Warning { entry } => self.say(lines, cpu, &format!("VM_WARN_ON_ONCE() on {entry}")),
        }
    }

    /// Writes the symbol and the instruction of an event, each on its own line if they do not fit one.
    fn place(&self, lines: &mut Lines, event: &Event) {
        let (cpu, width) = (event.cpu, self.width(event.cpu));
        let instruction = &event.instruction;
        let place = format!("{}: {instruction}", event.symbol);
        if place.chars().count() <= width {
            self.put(lines, cpu, 0, &[place]);
            return;
        }
        self.put(lines, cpu, 0, &wrapped("", "  ", &format!("{}:", event.symbol), width));
        self.put(lines, cpu, 0, &wrapped("    ", "      ", instruction, width));
    }

    /// Writes the entry that a load returned; on any CPU but the writer's, also the predicates that are true for
    /// it.
    fn loaded(&self, lines: &mut Lines, report: &RunReport, cpu: u8, what: &str, entry: Value) {
        self.say(lines, cpu, &format!("{what} {entry}"));
        if cpu != 0
            && let Some(entry) = report.entry_of(entry)
        {
            self.say(lines, cpu, &format!("= {}", entry.predicates.holding()));
        }
    }

    fn changed(
        &self,
        lines: &mut Lines,
        cpu: u8,
        what: &str,
        before: Value,
        after: Value,
        changes: &[String],
    ) {
        self.say(lines, cpu, what);
        if before == after {
            self.say(lines, cpu, &format!("value unchanged: {before}"));
            return;
        }
        let begin = self.value_changed(lines, cpu, before, after);
        let indent = " ".repeat(begin + 2);
        lines.paragraph(&indent, &indent, &changes.join(" "));
    }

    /// Writes how a word changed, and returns the column where the line begins.
    ///
    /// A line that does not fit the lane begins further left.
    fn value_changed(&self, lines: &mut Lines, cpu: u8, before: Value, after: Value) -> usize {
        let text = format!("value changed: {before} -> {after}");
        let begin = (self.begin(cpu) + 2).min(WIDTH - text.len());
        lines.line(&format!("{}{text}", " ".repeat(begin)));
        begin
    }

    fn concluded(&self, lines: &mut Lines, report: &RunReport, trace: &Trace, cpu: u8) {
        let Some(outcome) = outcome_on(report, trace, cpu) else { return };
        let text = format!("{}: {}", routine(report, cpu), outcome::in_words(outcome));
        self.put(lines, cpu, 0, &wrapped("=> ", "   ", &text, self.width(cpu)));
    }

    fn say(&self, lines: &mut Lines, cpu: u8, text: &str) {
        self.put(lines, cpu, 2, &wrapped("", "  ", text, self.width(cpu) - 2));
    }

    fn put(&self, lines: &mut Lines, cpu: u8, indent: usize, text: &[String]) {
        for line in text {
            lines.line(&format!("{}{line}", " ".repeat(self.begin(cpu) + indent)));
        }
    }
}

/// Explains the walker's outcome. `None` if no walker was run.
fn why(report: &RunReport, walker: &Outcome) -> Option<String> {
    if !report.has_walker() {
        return None;
    }
    let mut text = format!("{} concluded: {}", report.walker, outcome::in_words(walker));
    let decided_on = walker.decided_on.or(walker.last_view);
    let Some(value) = decided_on else { return Some(format!("{text}.")) };
    text += &format!(", on {value}");
    if let Some(entry) = report.entry_of(value) {
        text += &format!(", which is {}", is(entry));
    }
    text += ". ";
    if value == report.before.value {
        text += "That is the original entry.";
        return Some(text);
    }
    let installed = report.views.iter().any(|view| view.entry.value == value && view.installed);
    if installed {
        text += "The writer installed that.";
        return Some(text);
    }
    if let Some(view) = report.views.iter().find(|view| view.entry.value == value) {
        text += &format!("Against the original entry: {}. ", view.changes.join(" "));
    }
    text += &format!("The baseline run on the original entry: {}.", outcome::in_words(&report.alone));
    // Several paths may lead to a decision on one entry. The report does not say which this schedule took.
    let mut left = report.divergences.iter().filter(|divergence| divergence.decided_on == decided_on);
    if let (Some(divergence), None) = (left.next(), left.next()) {
        text += &match (&divergence.symbol, &divergence.instruction, divergence.pc) {
            (Some(symbol), Some(instruction), Some(pc)) => {
                format!(" The code leaves the path of that run at {symbol} ({:#x}): {instruction}.", pc.0)
            }
            _ => " The code returned where that run went on.".to_owned(),
        };
    }
    Some(text)
}

/// Formats the predicates of an entry, and its swap type and offset.
fn is(entry: &Entry) -> String {
    let mut text = entry.predicates.holding();
    if let Some(swap) = entry.swap {
        text += &format!(", type {} offset {:#x}", swap.kind, swap.offset.0);
    }
    text
}
