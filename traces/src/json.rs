//! Reports as JSON and JSON Lines, and the schemas they follow.

use schemars::Schema;
use schemars::generate::SchemaSettings;
use serde::Serialize;

use crate::batch::{BATCH_SCHEMA, Batch, DIFF_SCHEMA, DiffReport, RECORD_SCHEMA, Record};
use crate::count::Count;
use crate::decoded::DecodeReport;
use crate::matrix::{self, MATRIX_SCHEMA};
use crate::outcome::Outcome;
use crate::report::{COMPARE_SCHEMA, CompareReport, DECODE_SCHEMA, Event, RUN_SCHEMA, References, RunReport};
use crate::repro::{REPRO_SCHEMA, Repro};
use crate::sweep::{SWEEP_SCHEMA, SweepReport};

/// A report as one indented JSON object.
///
/// # Errors
/// If the report cannot be serialised, which would be a fault of its type.
pub fn pretty(report: &impl Serialize) -> serde_json::Result<String> {
    let mut text = serde_json::to_string_pretty(report)?;
    text.push('\n');
    Ok(text)
}

/// A comparison as one object, without the traces of its rows.
///
/// # Errors
/// As for [`pretty`].
pub fn compare(report: &CompareReport) -> serde_json::Result<String> {
    let rows = report.rows.iter().map(RunReport::without_traces).collect();
    pretty(&CompareReport { rows, ..report.clone() })
}

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

/// A run as JSON Lines: a `run` line with everything but the traces, then for each behaviour a
/// `behaviour` line and its `event` lines.
///
/// # Errors
/// As for [`pretty`].
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

/// The schemas that can be printed, by the name that a report carries in its `schema` member.
pub const SCHEMAS: [&str; 9] = [
    RUN_SCHEMA,
    COMPARE_SCHEMA,
    DECODE_SCHEMA,
    REPRO_SCHEMA,
    MATRIX_SCHEMA,
    BATCH_SCHEMA,
    RECORD_SCHEMA,
    DIFF_SCHEMA,
    SWEEP_SCHEMA,
];

/// The JSON Schema of a report, by its name with or without the version.
pub fn schema(name: &str) -> Option<Schema> {
    let full = SCHEMAS.into_iter().find(|full| {
        let short = full.strip_prefix("pmdscope.").and_then(|rest| rest.split('/').next());
        *full == name || short == Some(name)
    })?;
    // Of what is written: a member that may be null is always there, one that may be left out is not.
    let generator = SchemaSettings::default().for_serialize().into_generator();
    Some(match full {
        RUN_SCHEMA => generator.into_root_schema_for::<RunReport>(),
        COMPARE_SCHEMA => generator.into_root_schema_for::<CompareReport>(),
        REPRO_SCHEMA => generator.into_root_schema_for::<Repro>(),
        BATCH_SCHEMA => generator.into_root_schema_for::<Batch>(),
        RECORD_SCHEMA => generator.into_root_schema_for::<Record>(),
        // It is read, not written.
        MATRIX_SCHEMA => SchemaSettings::default().into_generator().into_root_schema_for::<matrix::File>(),
        DIFF_SCHEMA => generator.into_root_schema_for::<DiffReport>(),
        SWEEP_SCHEMA => generator.into_root_schema_for::<SweepReport>(),
        _ => generator.into_root_schema_for::<DecodeReport>(),
    })
}
