//! A comparison as one page of HTML, without scripts and fonts. The page loads nothing from the network.

mod bits;
mod fields;
mod matrix;
mod page;
mod reasons;
mod run;
mod sweep;
mod table;
mod timeline;
mod verdict;

pub(crate) use page::document;

use crate::comparison::CompareReport;
use crate::format::{CompareEncoder, CompareFormat, ReportEncoder, ReportFormat};
use crate::printable::printable;

/// The page of a comparison.
pub const COMPARE_FORMAT: CompareFormat = CompareFormat {
    name: "html",
    about: "One page that needs no network and no script: each entry as a picture of its bits, each schedule as a \
            timeline",
    extension: "html",
    encoder: CompareEncoder::View(|report, _| Ok(compare(report))),
};

/// The page of a batch.
pub const REPORT_FORMAT: ReportFormat = ReportFormat {
    name: "html",
    about: "One page with each run, as of compare, and each sweep",
    extension: "html",
    // A row takes some 10 KB of the page.
    encoder: ReportEncoder::Comparison { most_rows: 2_000, encoder: COMPARE_FORMAT.encoder },
};

/// Formats a comparison as a page: the matrix, the summary in words, and the details of each run.
///
/// Rows without traces, such as those read from JSON, have no timeline.
pub fn compare(report: &CompareReport) -> String {
    page::page(&printable(report)).into_string()
}
