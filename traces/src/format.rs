//! The definition of a format, and the kinds of encoders.

use std::error::Error;
use std::io::Write;
use std::path::Path;

use crate::batch::{Batch, Record};
use crate::comparison::{CompareReport, Skipped};
use crate::contract::{ContractExpectations, ContractReport};
use crate::report::RunReport;
use crate::results::expect::Expectations;

/// A format in which reports of one kind can be written.
#[derive(Debug)]
pub struct Format<Encoder> {
    /// The name that `--format` takes.
    pub name: &'static str,
    /// The line about it in `--help`.
    pub about: &'static str,
    /// The usual file extension, without the dot.
    pub extension: &'static str,
    /// The encoder that writes it.
    pub encoder: Encoder,
}

/// A format of `pmdscope run`.
pub type RunFormat = Format<RunEncoder>;
/// A format of `pmdscope compare`.
pub type CompareFormat = Format<CompareEncoder>;
/// A format of `pmdscope report`.
pub type ReportFormat = Format<ReportEncoder>;

/// A format of `pmdscope contract`.
pub type ContractFormat = Format<ContractEncoder>;

/// An encoder of contracts.
#[derive(Debug, Clone, Copy)]
pub enum ContractEncoder {
    /// Shows the contract. Its verdict decides the exit status.
    View(fn(&ContractReport) -> Result<String, EncodeError>),
    /// Reports for each helper whether it is as expected. This decides the exit status.
    TestResults(fn(&ContractReport, &ContractExpectations) -> Result<String, EncodeError>),
}

impl ContractEncoder {
    /// Whether expectations decide the exit status.
    pub const fn is_test_results(&self) -> bool {
        matches!(self, ContractEncoder::TestResults(_))
    }

    /// Writes a contract.
    ///
    /// # Errors
    /// Any error of the encoder.
    pub fn encode(
        &self,
        report: &ContractReport,
        expectations: &ContractExpectations,
    ) -> Result<String, EncodeError> {
        match self {
            ContractEncoder::View(encode) => encode(report),
            ContractEncoder::TestResults(encode) => encode(report, expectations),
        }
    }
}

/// The error of an encoder that could not write a report.
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

/// An encoder of comparisons.
#[derive(Debug, Clone, Copy)]
pub enum CompareEncoder {
    /// Shows the comparison. The second argument is the number of columns of the terminal, if there is a
    /// terminal. The verdicts decide the exit status.
    View(fn(&CompareReport, Option<u16>) -> Result<String, EncodeError>),
    /// Reports for each row whether it is as expected. This decides the exit status.
    TestResults(fn(&CompareReport, &Expectations) -> Result<String, EncodeError>),
}

impl CompareEncoder {
    /// Whether expectations decide the exit status.
    pub const fn is_test_results(&self) -> bool {
        matches!(self, CompareEncoder::TestResults(_))
    }

    /// Writes a comparison.
    ///
    /// # Errors
    /// Any error of the encoder.
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

/// The batch that the records of a report belong to.
#[derive(Debug, Clone, Copy)]
pub struct RecordSource<'a> {
    /// The description of the batch.
    pub batch: &'a Batch,
    /// The rows that were asked for and cannot exist; empty if only some records are reported.
    pub skipped: &'a [Skipped],
}

/// An encoder of a batch's records.
#[derive(Debug, Clone, Copy)]
pub enum ReportEncoder {
    /// Counts the records as they pass, and writes a text that is short however many there are.
    Summary(fn(&mut Records<'_>) -> String),
    /// Writes each record as it passes.
    Stream(fn(RecordSource<'_>, &mut Records<'_>, &mut dyn Write) -> Result<(), EncodeError>),
    /// Writes each record into a file that the encoder opens, as a database requires.
    File(fn(RecordSource<'_>, &mut Records<'_>, &Path) -> Result<(), EncodeError>),
    /// Writes all records at once, as a comparison.
    Comparison {
        /// The largest number of rows.
        most_rows: usize,
        /// The encoder of the comparison.
        encoder: CompareEncoder,
    },
}

impl ReportEncoder {
    /// Returns the usual encoder of a comparison of at most 50,000 rows.
    pub const fn comparison(format: &CompareFormat) -> ReportEncoder {
        ReportEncoder::Comparison { most_rows: 50_000, encoder: format.encoder }
    }

    /// Whether expectations decide the exit status.
    pub const fn is_test_results(&self) -> bool {
        matches!(self, ReportEncoder::Comparison { encoder, .. } if encoder.is_test_results())
    }
}
