//! Reports as Markdown, for a README, an issue or a mail.

use anstream::adapter::strip_str;
use comfy_table::{ContentArrangement, Table, presets};

use crate::comparison::CompareReport;
use crate::format::{
    CompareEncoder, CompareFormat, Detail, ReportEncoder, ReportFormat, RunEncoder, RunFormat,
};
use crate::printable::printable;
use crate::report::RunReport;
use crate::{summary, sweep_summary, text};

/// Markdown of a run.
pub const RUN_FORMAT: RunFormat = RunFormat {
    name: "markdown",
    about: "The text in Markdown",
    extension: "md",
    encoder: RunEncoder::View(|reports, detail| {
        let runs: Vec<_> = reports.iter().map(|report| run(report, detail)).collect();
        runs.join("\n")
    }),
};

/// Markdown of a comparison.
pub const COMPARE_FORMAT: CompareFormat = CompareFormat {
    name: "markdown",
    about: "The same in Markdown",
    extension: "md",
    encoder: CompareEncoder::View(|report, _| Ok(compare(report))),
};

/// Markdown of a batch.
pub const REPORT_FORMAT: ReportFormat = ReportFormat {
    name: "markdown",
    about: "The same in Markdown",
    extension: "md",
    encoder: ReportEncoder::comparison(&COMPARE_FORMAT),
};

/// Returns a comparison as a table, a second table if there are sweeps, and the summary.
pub fn compare(report: &CompareReport) -> String {
    let report = &*printable(report);
    let runs = (!report.rows.is_empty() || report.sweeps.is_empty()).then(|| table(summary::table(report)));
    let sweeps = (!report.sweeps.is_empty()).then(|| table(sweep_summary::table(report)));
    let summary = format!("```text\n{}```\n", summary::in_words(report));
    let mut differs: Vec<String> =
        report.differences.iter().flat_map(|one| text::difference::difference(one, text::WIDTH)).collect();
    differs.extend(text::compare::subjects(report));
    let differs = (!differs.is_empty()).then(|| format!("```text\n{}\n```", strip_str(&differs.join("\n"))));
    differs.into_iter().chain(runs).chain(sweeps).chain([summary]).collect::<Vec<_>>().join("\n\n")
}

/// Formats a table whose first row is its header.
fn table(rows: Vec<Vec<String>>) -> String {
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN).set_content_arrangement(ContentArrangement::Disabled);
    let mut rows = rows.into_iter();
    table.set_header(rows.next().unwrap_or_default());
    for row in rows {
        table.add_row(row.iter().map(|cell| cell.replace('|', "\\|")));
    }
    table.to_string()
}

/// A run: its text is laid out in columns, so it is kept as it is.
pub fn run(report: &RunReport, detail: Detail) -> String {
    format!("```text\n{}```\n", strip_str(&text::run(report, detail)))
}
