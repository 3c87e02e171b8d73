//! A comparison as one page of HTML. It needs nothing but itself: no script, no network, no font.

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
    // A row has some 10 KB of a page.
    encoder: ReportEncoder::Comparison { most_rows: 2_000, encoder: COMPARE_FORMAT.encoder },
};

/// A comparison as a page: the matrix, the summary in words, and the details of each run.
///
/// Rows that carry no traces, as those read from JSON do not, have no timeline.
pub fn compare(report: &CompareReport) -> String {
    page::page(&printable(report)).into_string()
}
