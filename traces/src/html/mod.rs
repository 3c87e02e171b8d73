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

use crate::printable::printable;
use crate::report::CompareReport;

/// A comparison as a page: the matrix, the summary in words, and the details of each run.
///
/// Rows that carry no traces, as those read from JSON do not, have no timeline.
pub fn compare(report: &CompareReport) -> String {
    page::page(&printable(report)).into_string()
}
