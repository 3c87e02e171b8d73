//! Runs as waveforms: a Value Change Dump, which GTKWave and Surfer open.
//!
//! Each run is a scope. In it, each behaviour is a scope that begins at time 0, by the times of `timeline`. A
//! signal is `x` where nothing is known. A field is `z`, driven by nothing, where this form of entry has no such
//! field. So a bit is never shown under a name that it does not have.

use std::io;
use std::string::FromUtf8Error;

use thiserror::Error;
use vcd::{IdCode, ReferenceIndex, SimulationCommand, TimescaleUnit, Value as Level, VarType, Writer};

use crate::entry::Value;
use crate::format::{RunEncoder, RunFormat};
use crate::outcome;
use crate::report::{Event, RunReport, Trace};
use crate::timelines::signals::{self, Field};
use crate::timelines::timeline::{self, Cpu};
use crate::words;

/// A waveform of a run.
pub const RUN_FORMAT: RunFormat = RunFormat {
    name: "vcd",
    about: "A waveform of each behaviour (Value Change Dump), for GTKWave or Surfer",
    extension: "vcd",
    encoder: RunEncoder::Whole(|reports| Ok(runs(reports)?)),
};

/// Errors of writing a waveform.
#[derive(Debug, Error)]
pub enum VcdError {
    /// The bits of an entry's field cannot be read from its text.
    #[error("field {0} of an entry says no bits that it could have: expected `bit` or `bits` as 49..21")]
    Field(String),
    /// The waveform could not be written.
    #[error("the waveform could not be written: {0}")]
    Write(#[from] io::Error),
    /// The waveform is not UTF-8.
    #[error("the waveform is no text: {0}")]
    Text(#[from] FromUtf8Error),
}

/// Formats runs as one waveform.
///
/// # Errors
/// [`VcdError::Field`] if a field of an entry does not say which bits it has. Writing to memory does not fail.
pub fn runs(reports: &[RunReport]) -> Result<String, VcdError> {
    let mut dump = Dump { writer: Writer::new(Vec::new()), changes: Vec::new(), end: 0 };
    dump.writer.version("pmdscope")?;
    dump.writer.timescale(1, TimescaleUnit::US)?;
    for (number, report) in (1..).zip(reports) {
        dump.run(number, report)?;
    }
    dump.finish()
}

/// A waveform while it is written: its header, and the changes that will follow.
struct Dump {
    writer: Writer<Vec<u8>>,
    changes: Vec<(u64, IdCode, Sample)>,
    end: u64,
}

/// The value of a signal from a time on.
#[derive(PartialEq)]
enum Sample {
    Levels(Vec<Level>),
    Text(String),
}

impl Dump {
    fn run(&mut self, number: usize, report: &RunReport) -> Result<(), VcdError> {
        let fields = fields(report)?;
        self.writer.add_module(&identifier(&format!("run_{number}_{}", report.walker)))?;
        self.writer.comment(&comment(&report.command))?;
        if report.traces.is_empty() {
            // Readers refuse a waveform without any signal.
            self.writer.add_module("nothing_was_run")?;
            self.entry(report, &[], &fields)?;
            self.writer.upscope()?;
        }
        for (number, trace) in (1..).zip(&report.traces) {
            self.behaviour(number, report, trace, &fields)?;
        }
        Ok(self.writer.upscope()?)
    }

    fn behaviour(
        &mut self,
        number: usize,
        report: &RunReport,
        trace: &Trace,
        fields: &[Field],
    ) -> Result<(), VcdError> {
        let name = format!("behaviour_{number} {}", trace.schedule);
        self.writer.add_module(&identifier(name.trim_end()))?;
        let (of, total) = (&trace.schedules, words::counted(&report.schedules.total, "schedule"));
        self.writer.comment(&comment(&format!("schedule {}, in {of} of {total}", trace.schedule)))?;
        let events: Vec<_> = timeline::timed(trace).collect();
        self.entry(report, &events, fields)?;
        for cpu in timeline::cpus(report, trace) {
            let own: Vec<_> = events.iter().filter(|(_, event)| event.cpu == cpu.number).copied().collect();
            self.cpu(&cpu, &own, timeline::end(trace))?;
        }
        // The last timestamp is after the end, so that viewers show the signals at the end.
        self.end = self.end.max(timeline::end(trace) + 1);
        Ok(self.writer.upscope()?)
    }

    /// Declares the signals of the entry: its value, its predicates and its fields.
    fn entry(
        &mut self,
        report: &RunReport,
        events: &[(u64, &Event)],
        fields: &[Field],
    ) -> Result<(), VcdError> {
        let standing = timeline::standing(report, events);
        let range = Some(ReferenceIndex::Range(63, 0));
        let values = standing.iter().map(|at| (at.time, signals::whole(Some(at.value))));
        self.wire("entry", range, 64, values)?;
        self.writer.add_module("predicates")?;
        for (name, _) in report.before.predicates.named() {
            let holds = standing.iter().map(|at| (at.time, signals::predicate(name, at.entry)));
            self.wire(name, None, 1, holds)?;
        }
        self.writer.upscope()?;
        self.writer.add_module("fields")?;
        for field in fields {
            let levels = standing.iter().map(|at| (at.time, field.levels(at.entry)));
            self.wire(&name_among(field, fields), Some(index(field)), field.width().into(), levels)?;
        }
        Ok(self.writer.upscope()?)
    }

    /// Declares the signals of a CPU: position, number of events, last view, outcome.
    fn cpu(&mut self, cpu: &Cpu<'_>, events: &[(u64, &Event)], end: u64) -> Result<(), VcdError> {
        self.writer.add_module(&identifier(&cpu.name()))?;
        let places = events.iter().map(|(time, event)| (*time, position(event)));
        self.text("position", std::iter::once((0, "not begun".to_owned())).chain(places))?;
        let steps = (1..).zip(events).map(|(step, (time, _))| (*time, signals::binary(step, 32)));
        let steps = std::iter::once((0, signals::binary(0, 32))).chain(steps);
        self.signal(
            VarType::Integer,
            "step",
            None,
            32,
            steps.map(|(time, step)| (time, Sample::Levels(step))),
        )?;
        let views = events.iter().filter_map(|(time, event)| Some((*time, event.what.returned()?)));
        let views = std::iter::once((0, None)).chain(views.map(|(time, view)| (time, Some(view))));
        let range = Some(ReferenceIndex::Range(63, 0));
        self.wire(
            "view",
            range,
            64,
            views.map(|(time, view): (u64, Option<Value>)| (time, signals::whole(view))),
        )?;
        let outcome = cpu.outcome.map(|outcome| (end, outcome::in_words(outcome)));
        self.text("outcome", std::iter::once((0, "not ended".to_owned())).chain(outcome))?;
        Ok(self.writer.upscope()?)
    }

    fn wire(
        &mut self,
        name: &str,
        index: Option<ReferenceIndex>,
        width: u32,
        levels: impl Iterator<Item = (u64, Vec<Level>)>,
    ) -> Result<(), VcdError> {
        self.signal(VarType::Wire, name, index, width, levels.map(|(time, of)| (time, Sample::Levels(of))))
    }

    fn text(&mut self, name: &str, texts: impl Iterator<Item = (u64, String)>) -> Result<(), VcdError> {
        let samples = texts.map(|(time, text)| (time, Sample::Text(word(&text))));
        self.signal(VarType::String, name, None, 1, samples)
    }

    /// Declares a signal, and keeps its changes for later.
    fn signal(
        &mut self,
        kind: VarType,
        name: &str,
        index: Option<ReferenceIndex>,
        width: u32,
        samples: impl Iterator<Item = (u64, Sample)>,
    ) -> Result<(), VcdError> {
        let id = self.writer.add_var(kind, width, name, index)?;
        let mut samples: Vec<_> = samples.collect();
        samples.dedup_by(|next, last| next.1 == last.1);
        self.changes.extend(samples.into_iter().map(|(time, sample)| (time, id, sample)));
        Ok(())
    }

    /// Ends the header, writes the changes in the order of time, and returns the waveform.
    fn finish(mut self) -> Result<String, VcdError> {
        self.writer.enddefinitions()?;
        self.changes.sort_by_key(|(time, id, _)| (*time, *id));
        for at in self.changes.chunk_by(|one, next| one.0 == next.0) {
            let time = at[0].0;
            self.writer.timestamp(time)?;
            if time == 0 {
                self.writer.begin(SimulationCommand::Dumpvars)?;
            }
            for (_, id, sample) in at {
                write(&mut self.writer, *id, sample)?;
            }
            if time == 0 {
                self.writer.end()?;
            }
        }
        if self.end > 0 {
            self.writer.timestamp(self.end)?;
        }
        Ok(String::from_utf8(std::mem::take(self.writer.writer()))?)
    }
}

fn write(writer: &mut Writer<Vec<u8>>, id: IdCode, sample: &Sample) -> io::Result<()> {
    match sample {
        Sample::Levels(levels) => match levels.as_slice() {
            [level] => writer.change_scalar(id, *level),
            levels => writer.change_vector(id, levels.iter().copied()),
        },
        Sample::Text(text) => writer.change_string(id, text),
    }
}

/// Returns the fields of all entries of a report, so that its behaviours have the same signals.
fn fields(report: &RunReport) -> Result<Vec<Field>, VcdError> {
    let events = report.traces.iter().flat_map(timeline::timed).collect::<Vec<_>>();
    let standing = timeline::standing(report, &events);
    signals::fields(standing.iter().filter_map(|at| at.entry)).map_err(VcdError::Field)
}

/// Formats the position of a CPU: `gup_fast_read+0x0:load`.
fn position(event: &Event) -> String {
    format!("{}:{}", event.symbol, event.what.in_words())
}

/// Returns the name of a field's signal.
///
/// If fields share a name, the numbers of their bits are appended, since not every reader tells signals of one
/// name apart.
fn name_among(field: &Field, fields: &[Field]) -> String {
    let name = identifier(&field.name);
    let shared = fields.iter().any(|other| other != field && identifier(&other.name) == name);
    if shared { format!("{name}_{}_{}", field.high, field.low) } else { name }
}

fn index(field: &Field) -> ReferenceIndex {
    if field.width() == 1 {
        ReferenceIndex::BitSelect(field.low.into())
    } else {
        ReferenceIndex::Range(field.high.into(), field.low.into())
    }
}

/// Converts a text into a name: `_` replaces all but ASCII letters, digits, `_` and `-`.
///
/// Blanks end a name, readers interpret points and brackets, and `$` begins a keyword.
fn identifier(text: &str) -> String {
    let kept = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    text.chars().map(|c| if kept(c) { c } else { '_' }).collect()
}

/// Converts a text into the value of a signal, which must have no blanks.
///
/// No escape is understood by every reader, so `_` replaces blanks, backslashes and what is not ASCII.
fn word(text: &str) -> String {
    let kept = |c: char| c.is_ascii_graphic() && c != '\\';
    text.chars().map(|c| if kept(c) { c } else { '_' }).collect()
}

/// Converts a text into a comment, which `$end` would end.
fn comment(text: &str) -> String {
    text.replace('$', "_")
}
