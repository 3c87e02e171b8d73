//! Reports as Markdown, for a README, an issue or a mail.

use anstream::adapter::strip_str;
use comfy_table::{ContentArrangement, Table, presets};

use crate::report::{CompareReport, RunReport};
use crate::{summary, text};

/// A comparison as a table, with the summary under it.
pub fn compare(report: &CompareReport) -> String {
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN).set_content_arrangement(ContentArrangement::Disabled);
    let mut rows = summary::table(report).into_iter();
    table.set_header(rows.next().unwrap_or_default());
    for row in rows {
        table.add_row(row.iter().map(|cell| cell.replace('|', "\\|")));
    }
    format!("{}\n\n```text\n{}```\n", table, summary::in_words(report))
}

/// A run: its text is laid out in columns, so it is kept as it is.
pub fn run(report: &RunReport) -> String {
    format!("```text\n{}```\n", strip_str(&text::run(report)))
}
