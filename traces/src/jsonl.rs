//! Reports as JSON Lines.

use std::io::Write;

use serde::Serialize;

use crate::batch::segment;
use crate::count::Count;
use crate::format::{EncodeError, RecordSource, Records, ReportEncoder, ReportFormat, RunEncoder, RunFormat};
use crate::outcome::Outcome;
use crate::report::{Event, References, RunReport};

/// JSON Lines of a run.
pub const RUN_FORMAT: RunFormat = RunFormat {
    name: "jsonl",
    about: "JSON Lines: the run, then each behaviour and its events",
    extension: "jsonl",
    encoder: RunEncoder::Whole(|reports| {
        Ok(reports.iter().map(lines).collect::<Result<Vec<_>, _>>()?.concat())
    }),
};

/// JSON Lines of a batch.
pub const REPORT_FORMAT: ReportFormat = ReportFormat {
    name: "jsonl",
    about: "A record a line, by `pmdscope schema record`",
    extension: "jsonl",
    encoder: ReportEncoder::Stream(report),
};

#[derive(Serialize)]
#[serde(tag = "line", rename_all = "lowercase")]
enum Line<'a> {
    Run(&'a RunReport),
    Behaviour {
        behaviour: usize,
        schedule: &'a str,
        schedules: &'a Count,
        writer: &'a Outcome,
        walker: &'a Outcome,
        with: &'a [Outcome],
        references: &'a [References],
    },
    Event {
        behaviour: usize,
        #[serde(flatten)]
        event: &'a Event,
    },
}

/// Returns a run as JSON Lines.
///
/// A `run` line has everything but the traces. A `behaviour` line and its `event` lines follow for each
/// behaviour.
///
/// # Errors
/// If the report cannot be serialised, which would be a fault of its type.
pub fn lines(report: &RunReport) -> serde_json::Result<String> {
    let head = RunReport { traces: Vec::new(), ..report.clone() };
    let mut text = serde_json::to_string(&Line::Run(&head))?;
    text.push('\n');
    for (behaviour, trace) in report.traces.iter().enumerate() {
        let line = Line::Behaviour {
            behaviour,
            schedule: &trace.schedule,
            schedules: &trace.schedules,
            writer: &trace.writer,
            walker: &trace.walker,
            with: &trace.with,
            references: &trace.references,
        };
        text += &serde_json::to_string(&line)?;
        text.push('\n');
        for event in &trace.events {
            text += &serde_json::to_string(&Line::Event { behaviour, event })?;
            text.push('\n');
        }
    }
    Ok(text)
}

/// Writes the records of a batch, one per line.
fn report(_: RecordSource<'_>, records: &mut Records<'_>, out: &mut dyn Write) -> Result<(), EncodeError> {
    for record in records {
        out.write_all(segment::line(&record)?.as_bytes())?;
    }
    Ok(())
}
