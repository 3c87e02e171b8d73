//! Runs as timelines: JSON in the Trace Event Format, which Perfetto and `chrome://tracing` open.
//!
//! Each behaviour is a process that begins at time 0, by the times of `timeline`. Each CPU is a thread of it,
//! and a unit of time is one microsecond. Values of entries, and numbers of schedules, are strings, since a
//! reader in JavaScript would round numbers.

use serde::{Serialize, Serializer};

use crate::entry::{Bit, Entry, Value};
use crate::findings::Finding;
use crate::format::{RunEncoder, RunFormat};
use crate::json;
use crate::outcome::{self, Outcome};
use crate::report::{Event, EventKind, GuestInfo, References, RunReport, Trace, Verdict};
use crate::timelines::timeline::{self, Cpu};
use crate::words::{self, counted};

/// A timeline of a run.
pub const RUN_FORMAT: RunFormat = RunFormat {
    name: "chrome",
    about: "A timeline of each behaviour (Trace Event Format), for Perfetto or chrome://tracing",
    extension: "json",
    encoder: RunEncoder::Whole(|reports| Ok(runs(reports)?)),
};

/// Formats runs as one timeline.
///
/// # Errors
/// As for [`json::pretty`].
pub fn runs(reports: &[RunReport]) -> serde_json::Result<String> {
    let mut trace_events = Vec::new();
    let mut pid = 0;
    for report in reports {
        let first = pid + 1;
        for process in processes(report) {
            pid += 1;
            process.write(&mut trace_events, pid);
        }
        let unplaced = report.findings.iter().filter(|finding| trace_of(report, finding).is_none());
        trace_events
            .extend(unplaced.map(|finding| found(finding, first, thread(first, 0), 0, Reach::Global)));
    }
    json::pretty(&Timeline {
        display_time_unit: "ns",
        other_data: OtherData { runs: reports.iter().map(Ran::of).collect() },
        trace_events,
    })
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Timeline<'a> {
    display_time_unit: &'static str,
    other_data: OtherData<'a>,
    trace_events: Vec<Record>,
}

#[derive(Serialize)]
struct OtherData<'a> {
    runs: Vec<Ran<'a>>,
}

/// The description of a run.
#[derive(Serialize)]
struct Ran<'a> {
    arch: &'a str,
    mmu: Option<&'a str>,
    linux: &'a str,
    encoding: &'a str,
    guest: &'a GuestInfo,
    entry: String,
    before: Value,
    writer: &'a str,
    walker: &'a str,
    with: &'a [String],
    predicates: &'a str,
    schedules: String,
    incomplete: Option<&'a str>,
    verdict: Verdict,
    command: &'a str,
}

impl<'a> Ran<'a> {
    fn of(report: &'a RunReport) -> Self {
        Ran {
            arch: &report.arch,
            mmu: report.mmu.as_deref(),
            linux: &report.linux,
            encoding: &report.encoding,
            guest: &report.guest,
            entry: report.marked_entry(),
            before: report.before.value,
            writer: &report.writer,
            walker: &report.walker,
            with: &report.with,
            predicates: report.predicates.name(),
            schedules: report.schedules.total.to_string(),
            incomplete: report.incomplete.as_deref(),
            verdict: report.verdict,
            command: &report.command,
        }
    }
}

/// One event of the Trace Event Format. Its members are the format's.
#[derive(Serialize)]
struct Record {
    name: String,
    cat: &'static str,
    #[serde(flatten)]
    phase: Phase,
    pid: u64,
    tid: u64,
    args: Args,
}

#[derive(Serialize)]
#[serde(tag = "ph")]
enum Phase {
    #[serde(rename = "M")]
    Metadata,
    #[serde(rename = "X")]
    Complete { ts: u64, dur: u64 },
    #[serde(rename = "i")]
    Instant { ts: u64, s: Reach },
    #[serde(rename = "C")]
    Counter { ts: u64 },
}

/// The scope of an instant event: the whole timeline, a process or a thread.
#[derive(Serialize)]
enum Reach {
    #[serde(rename = "g")]
    Global,
    #[serde(rename = "p")]
    Process,
    #[serde(rename = "t")]
    Thread,
}

/// The arguments of an event, in the order in which they are written.
struct Args(Vec<(String, Arg)>);

#[derive(Serialize)]
#[serde(untagged)]
enum Arg {
    Number(u64),
    Text(String),
    List(Vec<String>),
    Named(Args),
}

impl Serialize for Args {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, arg)| (name, arg)))
    }
}

impl Args {
    fn of<const N: usize>(args: [(&str, Arg); N]) -> Self {
        Args(args.into_iter().map(|(name, arg)| (name.to_owned(), arg)).collect())
    }

    fn add(&mut self, name: &str, arg: Arg) {
        self.0.push((name.to_owned(), arg));
    }
}

fn text(of: impl ToString) -> Arg {
    Arg::Text(of.to_string())
}

/// A behaviour, or a placeholder for a run without traces.
struct Process<'a> {
    report: &'a RunReport,
    trace: Option<&'a Trace>,
}

fn processes(report: &RunReport) -> Vec<Process<'_>> {
    if report.traces.is_empty() {
        return vec![Process { report, trace: None }];
    }
    report.traces.iter().map(|trace| Process { report, trace: Some(trace) }).collect()
}

impl Process<'_> {
    fn write(&self, records: &mut Vec<Record>, pid: u64) {
        let main = thread(pid, 0);
        records.push(metadata("process_name", pid, main, Args::of([("name", text(self.name()))])));
        records.push(metadata("process_labels", pid, main, Args::of([("labels", text(self.labels()))])));
        records.push(metadata("process_sort_index", pid, main, Args::of([("sort_index", Arg::Number(pid))])));
        match self.trace {
            Some(trace) => behaviour(records, self.report, trace, pid),
            None => records.extend(present(self.report, &[], pid)),
        }
    }

    /// Formats the name of the process: `gup-fast-read: W3 K1 W1 (1 of 5 schedules)`.
    fn name(&self) -> String {
        let walker = &self.report.walker;
        let Some(trace) = self.trace else { return format!("{walker}: nothing was run") };
        let schedule = if trace.schedule.is_empty() { "no access" } else { &trace.schedule };
        let total = counted(&self.report.schedules.total, "schedule");
        format!("{walker}: {schedule} ({} of {total})", trace.schedules)
    }

    /// Formats the labels that distinguish the process from those of other reports.
    fn labels(&self) -> String {
        format!("{}, {} on {}", self.report.encoding, self.report.writer, self.report.marked_entry())
    }
}

fn behaviour(records: &mut Vec<Record>, report: &RunReport, trace: &Trace, pid: u64) {
    let events: Vec<_> = timeline::timed(trace).collect();
    for cpu in timeline::cpus(report, trace) {
        let tid = thread(pid, cpu.number);
        let index = Arg::Number(cpu.number.into());
        records.push(metadata("thread_name", pid, tid, Args::of([("name", text(cpu.name()))])));
        records.push(metadata("thread_sort_index", pid, tid, Args::of([("sort_index", index)])));
    }
    records.extend(present(report, &events, pid));
    records.extend(events.iter().map(|(time, event)| happened(report, *time, event, pid)));
    for cpu in timeline::cpus(report, trace) {
        records.extend(ended(&cpu, timeline::end(trace), pid));
    }
    records.extend(trace.references.iter().map(|page| referenced(page, timeline::end(trace), pid)));
    for finding in &report.findings {
        if trace_of(report, finding).is_some_and(|of| std::ptr::eq(of, trace)) {
            let (ts, cpu) = shown(trace, finding);
            records.push(found(finding, pid, thread(pid, cpu), ts, Reach::Process));
        }
    }
}

/// Returns the number of a CPU's thread.
///
/// No two threads of all processes have the same number, as on a machine: some readers do not tell threads apart
/// by the process.
fn thread(pid: u64, cpu: u8) -> u64 {
    pid * 1000 + u64::from(cpu)
}

fn metadata(name: &str, pid: u64, tid: u64, args: Args) -> Record {
    Record { name: name.to_owned(), cat: "__metadata", phase: Phase::Metadata, pid, tid, args }
}

/// Makes a counter of whether the entry is present, with a record wherever that changes.
///
/// A counter cannot be unknown, so it has no record where the report does not describe the entry.
fn present(report: &RunReport, events: &[(u64, &Event)], pid: u64) -> Vec<Record> {
    let known = timeline::standing(report, events).into_iter();
    let mut known: Vec<_> = known.filter_map(|at| Some((at.time, at.entry?.predicates.present))).collect();
    known.dedup_by_key(|(_, present)| *present);
    let record = |(ts, present)| Record {
        name: "present".to_owned(),
        cat: "entry",
        phase: Phase::Counter { ts },
        pid,
        tid: thread(pid, 0),
        args: Args::of([("present", Arg::Number(u64::from(present)))]),
    };
    known.into_iter().map(record).collect()
}

/// Makes the record of an event. An access takes one unit of time, any other event is an instant.
fn happened(report: &RunReport, ts: u64, event: &Event, pid: u64) -> Record {
    let (cat, phase) = match &event.what {
        EventKind::Load { .. } | EventKind::Store { .. } | EventKind::Atomic { .. } => {
            ("access", Phase::Complete { ts, dur: 1 })
        }
        EventKind::Elsewhere { .. } => ("elsewhere", Phase::Complete { ts, dur: 1 }),
        EventKind::Call { .. } => ("call", Phase::Instant { ts, s: Reach::Thread }),
        EventKind::Flush => ("flush", Phase::Instant { ts, s: Reach::Thread }),
        EventKind::Warning { .. } | EventKind::KernelWarning { .. } => {
            ("warning", Phase::Instant { ts, s: Reach::Thread })
        }
    };
    let (tid, args) = (thread(pid, event.cpu), detail(report, event));
    Record { name: event.in_words(), cat, phase, pid, tid, args }
}

/// Returns where an event happened, and the entry or word before and after it.
fn detail(report: &RunReport, event: &Event) -> Args {
    let mut args = Args::of([
        ("pc", text(format_args!("{:#x}", event.pc.0))),
        ("symbol", text(&event.symbol)),
        ("instruction", text(event.instruction.replace('\t', " "))),
    ]);
    match &event.what {
        EventKind::Load { raw, entry } => {
            args.add("raw", text(raw));
            described(&mut args, report, *entry);
        }
        EventKind::Store { raw, before, after, changes }
        | EventKind::Atomic { raw, before, after, changes, .. } => {
            args.add("raw", text(raw));
            args.add("before", text(before));
            described(&mut args, report, *after);
            args.add("changes", Arg::List(changes.clone()));
        }
        EventKind::Elsewhere { place, before, after, .. } => {
            args.add("place", text(place));
            args.add("before", text(before));
            args.add("after", text(after));
        }
        EventKind::Call { entry, .. } | EventKind::Warning { entry } => described(&mut args, report, *entry),
        EventKind::KernelWarning { place } => args.add("place", text(place)),
        EventKind::Flush => {}
    }
    args
}

/// Adds the value of an entry, and its description in the report.
fn described(args: &mut Args, report: &RunReport, value: Value) {
    args.add("entry", text(value));
    let Some(entry) = report.entry_of(value) else { return };
    args.add("predicates", text(entry.predicates.holding()));
    if let Some(swap) = entry.swap {
        args.add("swap", text(format_args!("type {} offset {:#x}", swap.kind, swap.offset.0)));
    }
    if let Some(pfn) = entry.pfn {
        args.add("pfn", text(format_args!("{:#x}", pfn.0)));
    }
    args.add("fields", Arg::Named(fields(entry)));
}

fn fields(entry: &Entry) -> Args {
    let named = |bit: &Bit| format!("{} ({})", bit.name, bit.position());
    let held = |bit: &Bit| text(format_args!("{:#x}", bit.value.0));
    Args(entry.bits.iter().map(|bit| (named(bit), held(bit))).collect())
}

/// Makes the record of a routine's outcome, at the end of a behaviour.
fn ended(cpu: &Cpu<'_>, ts: u64, pid: u64) -> Option<Record> {
    let outcome = cpu.outcome?;
    Some(Record {
        name: outcome::in_words(outcome),
        cat: "outcome",
        phase: Phase::Instant { ts, s: Reach::Thread },
        pid,
        tid: thread(pid, cpu.number),
        args: args_of_outcome(outcome),
    })
}

fn args_of_outcome(outcome: &Outcome) -> Args {
    let mut args = Args::of([("result", text(outcome.result.name()))]);
    let mut add = |name, of: Option<String>| {
        if let Some(of) = of {
            args.add(name, Arg::Text(of));
        }
    };
    add("stopped_by", outcome.stopped_by.map(|check| check.name().to_owned()));
    add("decided_on", outcome.decided_on.map(|value| value.to_string()));
    add("last_view", outcome.last_view.map(|value| value.to_string()));
    add("pfn", outcome.pfn.map(|pfn| format!("{:#x}", pfn.0)));
    add("size", outcome.size.map(outcome::bytes));
    add("ended", outcome.ended.clone());
    args
}

/// Makes the record of a struct page whose references changed, at the end of a behaviour.
fn referenced(page: &References, ts: u64, pid: u64) -> Record {
    Record {
        name: words::references(page),
        cat: "page",
        phase: Phase::Instant { ts, s: Reach::Process },
        pid,
        tid: thread(pid, 0),
        args: Args::of([
            ("pfn", text(format_args!("{:#x}", page.pfn.0))),
            ("before", text(page.before)),
            ("references", text(page.references)),
        ]),
    }
}

/// Returns the trace of the schedule that a finding names.
fn trace_of<'a>(report: &'a RunReport, finding: &Finding) -> Option<&'a Trace> {
    report.traces.iter().find(|trace| trace.schedule == finding.schedule)
}

/// Returns the time and the CPU at which a behaviour shows a finding.
///
/// That is where the walker first sees the finding's entry, else where any CPU first leaves it, else the end.
fn shown(trace: &Trace, finding: &Finding) -> (u64, u8) {
    let seen = |event: &Event| event.cpu == 1 && event.what.returned() == Some(finding.view);
    let left = |event: &Event| event.what.left() == Some(finding.view);
    let first = |by: &dyn Fn(&Event) -> bool| timeline::timed(trace).find(|(_, event)| by(event));
    first(&seen).or_else(|| first(&left)).map_or((timeline::end(trace), 1), |(time, event)| (time, event.cpu))
}

fn found(finding: &Finding, pid: u64, tid: u64, ts: u64, s: Reach) -> Record {
    Record {
        name: format!("FINDING {}", finding.name.name()),
        cat: "finding",
        phase: Phase::Instant { ts, s },
        pid,
        tid,
        args: Args::of([
            ("explanation", text(&finding.explanation)),
            ("meaning", text(finding.name.meaning())),
            ("view", text(finding.view)),
            ("schedule", text(&finding.schedule)),
            ("schedules", text(&finding.schedules)),
        ]),
    }
}
