//! What a format is, and the kinds of encoders that write one.

use std::error::Error;
use std::io::Write;
use std::path::Path;

use crate::batch::{Batch, Record};
use crate::comparison::{CompareReport, Skipped};
use crate::report::RunReport;
use crate::results::expect::Expectations;

/// A format in which reports of one kind can be written.
#[derive(Debug)]
pub struct Format<Encoder> {
    /// Its name, as `--format` takes it.
    pub name: &'static str,
    /// One line for `--help`.
    pub about: &'static str,
    /// The extension that files in it usually have, without the dot.
    pub extension: &'static str,
    /// What writes it.
    pub encoder: Encoder,
}

/// A format of `pmdscope run`.
pub type RunFormat = Format<RunEncoder>;
/// A format of `pmdscope compare`.
pub type CompareFormat = Format<CompareEncoder>;
/// A format of `pmdscope report`.
pub type ReportFormat = Format<ReportEncoder>;

/// Why a report was not written: the encoder's own error.
pub type EncodeError = Box<dyn Error + Send + Sync>;

/// Writes the runs of one writer on one entry, one for each walker.
#[derive(Debug, Clone, Copy)]
pub enum RunEncoder {
    /// Shows them to a person, in the detail that is asked for.
    View(fn(&[RunReport], Detail) -> String),
    /// Writes all of them.
    Whole(fn(&[RunReport]) -> Result<String, EncodeError>),
}

impl RunEncoder {
    /// Whether the detail that is asked for changes what it writes.
    pub const fn has_details(&self) -> bool {
        matches!(self, RunEncoder::View(_))
    }

    /// Writes the runs.
    ///
    /// # Errors
    /// The encoder's own.
    pub fn encode(&self, reports: &[RunReport], detail: Detail) -> Result<String, EncodeError> {
        match self {
            RunEncoder::View(encode) => Ok(encode(reports, detail)),
            RunEncoder::Whole(encode) => encode(reports),
        }
    }
}

/// How much the text of a run shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Detail {
    /// The verdict, the race of the worst finding, and how to go on: ten to twenty lines.
    Verdict,
    /// Each finding with its race and the instructions of it, the entries and the outcomes.
    Tables,
    /// The machine code that was run as well, and what was set up for it.
    Setup,
}

/// Writes a comparison.
#[derive(Debug, Clone, Copy)]
pub enum CompareEncoder {
    /// Shows it; for a terminal, whose number of columns is given. The exit status is by the verdicts.
    View(fn(&CompareReport, Option<u16>) -> Result<String, EncodeError>),
    /// Says of each row whether it is as expected. The exit status is by that.
    TestResults(fn(&CompareReport, &Expectations) -> Result<String, EncodeError>),
}

impl CompareEncoder {
    /// Whether the exit status is by expectations.
    pub const fn is_test_results(&self) -> bool {
        matches!(self, CompareEncoder::TestResults(_))
    }

    /// Writes a comparison.
    ///
    /// # Errors
    /// The encoder's own.
    pub fn encode(
        &self,
        report: &CompareReport,
        terminal: Option<u16>,
        expectations: &Expectations,
    ) -> Result<String, EncodeError> {
        match self {
            CompareEncoder::View(encode) => encode(report, terminal),
            CompareEncoder::TestResults(encode) => encode(report, expectations),
        }
    }
}

/// The records of a batch, in the order of their jobs.
pub type Records<'a> = dyn Iterator<Item = Record> + 'a;

/// Where the records of a report are from.
#[derive(Debug, Clone, Copy)]
pub struct RecordSource<'a> {
    /// The batch.
    pub batch: &'a Batch,
    /// What was asked for and cannot exist; empty if only some records are reported.
    pub skipped: &'a [Skipped],
}

/// Writes records of a batch.
#[derive(Debug, Clone, Copy)]
pub enum ReportEncoder {
    /// Counts records while they go by, and writes a text that is short however many there are.
    Summary(fn(&mut Records<'_>) -> String),
    /// Writes each record as it goes by.
    Stream(fn(RecordSource<'_>, &mut Records<'_>, &mut dyn Write) -> Result<(), EncodeError>),
    /// Writes each record into a file that the encoder opens, as a database has to.
    File(fn(RecordSource<'_>, &mut Records<'_>, &Path) -> Result<(), EncodeError>),
    /// Writes all records at once, as a comparison.
    Comparison {
        /// The largest number of rows.
        most_rows: usize,
        /// What writes the comparison.
        encoder: CompareEncoder,
    },
}

impl ReportEncoder {
    /// The usual encoder of a comparison, which may have 50,000 rows.
    pub const fn comparison(format: &CompareFormat) -> ReportEncoder {
        ReportEncoder::Comparison { most_rows: 50_000, encoder: format.encoder }
    }

    /// Whether the exit status is by expectations.
    pub const fn is_test_results(&self) -> bool {
        matches!(self, ReportEncoder::Comparison { encoder, .. } if encoder.is_test_results())
    }
}
