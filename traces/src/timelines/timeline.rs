//! A behaviour in time: when each event happens, on which CPU, and the value of the entry after it.
//!
//! At time 0 nothing has happened. The first event happens at time 1, and each takes one unit of time. When
//! the last one is over, the behaviour ends, and the outcome of each routine is known.

use crate::entry::{Entry, Value};
use crate::outcome::Outcome;
use crate::report::{Event, EventKind, RunReport, Trace};

/// A CPU of a behaviour, and what it runs.
pub(crate) struct Cpu<'a> {
    /// The number of the CPU.
    pub number: u8,
    /// The routine that the CPU runs; empty if the report names none.
    pub routine: &'a str,
    /// The outcome of the routine, if the report has it.
    pub outcome: Option<&'a Outcome>,
}

/// Returns the CPUs of a behaviour, including those that only events name.
pub(crate) fn cpus<'a>(report: &'a RunReport, trace: &'a Trace) -> Vec<Cpu<'a>> {
    let further = report.with.iter().map(String::as_str);
    let routines: Vec<&str> = [report.writer.as_str(), &report.walker].into_iter().chain(further).collect();
    let outcomes: Vec<&Outcome> = [&trace.writer, &trace.walker].into_iter().chain(&trace.with).collect();
    let acts = |number: u8| trace.events.iter().any(|event| event.cpu == number);
    (0..=u8::MAX)
        .filter(|number| match *number {
            1 => report.has_walker() || acts(1),
            number => usize::from(number) < routines.len() || acts(number),
        })
        .map(|number| Cpu {
            number,
            routine: routines.get(usize::from(number)).copied().unwrap_or_default(),
            outcome: outcomes.get(usize::from(number)).copied(),
        })
        .collect()
}

impl Cpu<'_> {
    /// Formats the name of the CPU: `CPU1 gup-fast-read`.
    pub(crate) fn name(&self) -> String {
        format!("CPU{} {}", self.number, self.routine).trim_end().to_owned()
    }
}

/// Returns the events of a behaviour, each with its time.
pub(crate) fn timed(trace: &Trace) -> impl Iterator<Item = (u64, &Event)> {
    (1..).zip(&trace.events)
}

/// Returns the time when a behaviour ends.
pub(crate) fn end(trace: &Trace) -> u64 {
    (1..).nth(trace.events.len()).unwrap_or(u64::MAX)
}

/// The value of the entry from a time on.
pub(crate) struct Standing<'a> {
    /// The time.
    pub time: u64,
    /// The value.
    pub value: Value,
    /// The report's entry with this value, if it has one.
    pub entry: Option<&'a Entry>,
}

/// Returns the values of the entry: in the beginning, and after each access to it.
pub(crate) fn standing<'a>(report: &'a RunReport, events: &[(u64, &Event)]) -> Vec<Standing<'a>> {
    let later = events.iter().filter_map(|(time, event)| Some((*time, event.what.left()?)));
    std::iter::once((0, report.before.value))
        .chain(later)
        .map(|(time, value)| Standing { time, value, entry: report.entry_of(value) })
        .collect()
}

impl EventKind {
    /// Returns the value of the entry after the event, if the event accesses the entry.
    pub(crate) fn left(&self) -> Option<Value> {
        match self {
            EventKind::Load { entry, .. } => Some(*entry),
            EventKind::Store { after, .. } | EventKind::Atomic { after, .. } => Some(*after),
            EventKind::Elsewhere { .. }
            | EventKind::Call { .. }
            | EventKind::Flush
            | EventKind::Warning { .. }
            | EventKind::KernelWarning { .. } => None,
        }
    }

    /// Returns the entry that the event loaded, if it loads. An atomic does.
    pub(crate) fn returned(&self) -> Option<Value> {
        match self {
            EventKind::Load { entry, .. } => Some(*entry),
            EventKind::Atomic { before, .. } => Some(*before),
            _ => None,
        }
    }

    /// Formats the event in a few words: `load`, `store at the page table+0x0`.
    pub(crate) fn in_words(&self) -> String {
        match self {
            EventKind::Load { .. } => "load".to_owned(),
            EventKind::Store { .. } => "store".to_owned(),
            EventKind::Atomic { store_pc: Some(_), .. } => "atomic".to_owned(),
            EventKind::Atomic { store_pc: None, .. } => "atomic, nothing stored".to_owned(),
            EventKind::Elsewhere { place, access, .. } => format!("{access} at {place}"),
            EventKind::Call { function, .. } => format!("call of {function}()"),
            EventKind::Flush => "flush".to_owned(),
            EventKind::Warning { .. } => "warning".to_owned(),
            EventKind::KernelWarning { place } => format!("warning at {place}"),
        }
    }
}

impl Event {
    /// Formats where the event happens and what it is: `gup_fast_read+0x0 load`.
    pub(crate) fn in_words(&self) -> String {
        format!("{} {}", self.symbol, self.what.in_words())
    }
}
