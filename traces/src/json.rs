//! Reports as JSON.

use std::cell::RefCell;
use std::io::Write;

use serde::Serialize;
use serde::ser::{SerializeStruct, Serializer};

use crate::batch::Report;
use crate::comparison::{COMPARE_SCHEMA, CompareReport};
use crate::format::{
    CompareEncoder, CompareFormat, EncodeError, RecordSource, Records, ReportEncoder, ReportFormat,
    RunEncoder, RunFormat,
};
use crate::report::RunReport;
use crate::sweep::SweepReport;

/// JSON of a run.
pub const RUN_FORMAT: RunFormat = RunFormat {
    name: "json",
    about: "One object, by `pmdscope schema run`; an array of them for several walkers",
    extension: "json",
    encoder: RunEncoder::Whole(|reports| match reports {
        [one] => Ok(pretty(one)?),
        several => Ok(pretty(&several)?),
    }),
};

/// JSON of a comparison.
pub const COMPARE_FORMAT: CompareFormat = CompareFormat {
    name: "json",
    about: "One object, by `pmdscope schema compare`",
    extension: "json",
    encoder: CompareEncoder::View(|report, _| Ok(compare(report)?)),
};

/// JSON of a batch.
pub const REPORT_FORMAT: ReportFormat = ReportFormat {
    name: "json",
    about: "All runs and sweeps as one object, by `pmdscope schema compare`",
    extension: "json",
    encoder: ReportEncoder::Stream(report),
};

/// Returns a report as one indented JSON object.
///
/// # Errors
/// If the report cannot be serialised, which would be a fault of its type.
pub fn pretty(report: &impl Serialize) -> serde_json::Result<String> {
    let mut text = serde_json::to_string_pretty(report)?;
    text.push('\n');
    Ok(text)
}

/// Returns a comparison as one object, without the traces of its rows.
///
/// # Errors
/// As for [`pretty`].
pub fn compare(report: &CompareReport) -> serde_json::Result<String> {
    let rows = report.rows.iter().map(RunReport::without_traces).collect();
    pretty(&CompareReport { rows, ..report.clone() })
}

/// Writes a batch as one object of the shape of [`CompareReport`], however many runs there are.
///
/// Sweeps follow the runs, so they are kept in memory until all runs are written.
fn report(
    source: RecordSource<'_>,
    records: &mut Records<'_>,
    out: &mut dyn Write,
) -> Result<(), EncodeError> {
    let sweeps = RefCell::new(Vec::new());
    let runs = records.filter_map(|record| match record.report {
        Report::Run(run) => Some(run.without_traces()),
        Report::Sweep(sweep) => {
            sweeps.borrow_mut().push(*sweep);
            None
        }
    });
    let comparison = StreamedComparison { source, rows: StreamedRows(RefCell::new(runs)), sweeps: &sweeps };
    serde_json::to_writer_pretty(&mut *out, &comparison).map_err(ComparisonError)?;
    Ok(out.write_all(b"\n")?)
}

/// Error of writing a comparison.
#[derive(Debug, thiserror::Error)]
#[error("the comparison cannot be written")]
struct ComparisonError(#[source] serde_json::Error);

struct StreamedComparison<'a, Runs> {
    source: RecordSource<'a>,
    rows: StreamedRows<Runs>,
    /// The sweeps among the records, collected while the rows are written.
    sweeps: &'a RefCell<Vec<SweepReport>>,
}

struct StreamedRows<Runs>(RefCell<Runs>);

impl<Runs: Iterator<Item = RunReport>> Serialize for StreamedRows<Runs> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(&mut *self.0.borrow_mut())
    }
}

impl<Runs: Iterator<Item = RunReport>> Serialize for StreamedComparison<'_, Runs> {
    /// Writes the members that [`CompareReport`] has, in the same order.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_struct("CompareReport", 6)?;
        object.serialize_field("schema", COMPARE_SCHEMA)?;
        object.serialize_field("made_by", &self.source.batch.made_by)?;
        object.serialize_field("rows", &self.rows)?;
        object.serialize_field("skipped", self.source.skipped)?;
        let sweeps = self.sweeps.borrow();
        if sweeps.is_empty() {
            object.skip_field("sweeps")?;
        } else {
            object.serialize_field("sweeps", &*sweeps)?;
        }
        let unavailable = &self.source.batch.unavailable;
        if unavailable.is_empty() {
            object.skip_field("unavailable")?;
        } else {
            object.serialize_field("unavailable", unavailable)?;
        }
        object.end()
    }
}
