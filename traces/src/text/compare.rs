//! A comparison as text: a table if there is room for one, or else row under row.

use crate::report::{CompareReport, RunReport};
use crate::summary;
use crate::text::style::{self, paint};
use crate::text::table::{bare_table, trimmed};
use crate::text::wrapped::wrapped;

/// A comparison: its rows, what has no row, and the summary in words; in a terminal in as many columns as it has.
pub fn compare(report: &CompareReport, terminal: Option<u16>) -> String {
    let columns = terminal.map_or(usize::MAX, usize::from);
    let table = table(report);
    let rows = match table.iter().all(|line| line.chars().count() <= columns) {
        true => painted(report, table),
        false => cards(report, columns),
    };
    let summary = summary::in_words(report);
    let summary = summary.lines().flat_map(|line| {
        let indent = &line[..line.len() - line.trim_start().len()];
        match terminal {
            Some(_) => wrapped(indent, &format!("{indent}  "), line.trim_start(), columns),
            None => vec![line.to_owned()],
        }
    });
    rows.into_iter().chain([String::new()]).chain(summary).map(|line| line + "\n").collect()
}

/// A header, and a line for each row.
fn table(report: &CompareReport) -> Vec<String> {
    let mut table = bare_table();
    table.add_rows(summary::table(report));
    trimmed(&table).lines().map(str::to_owned).collect()
}

/// The same with each verdict, which is what a line ends with, in its colour.
fn painted(report: &CompareReport, table: Vec<String>) -> Vec<String> {
    let mut lines = table.into_iter();
    let header = lines.next().map(|header| paint(style::TITLE, &header));
    let rows = lines.zip(&report.rows).map(|(line, row)| {
        let verdict = summary::verdict(row);
        match line.strip_suffix(&verdict) {
            Some(rest) => format!("{rest}{}", paint(style::of_verdict(row.verdict), &verdict)),
            None => line,
        }
    });
    header.into_iter().chain(rows).collect()
}

/// Each row under what it has in common with those before it.
fn cards(report: &CompareReport, columns: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut above = None;
    for row in &report.rows {
        let heading = heading(row);
        if above.as_ref() != Some(&heading) {
            let heading = wrapped("", "  ", &heading, columns);
            lines.extend(heading.iter().map(|line| paint(style::TITLE, line)));
        }
        above = Some(heading);
        let routines = format!("{} against {}:", row.writer, row.walker);
        lines.extend(wrapped("  ", "    ", &routines, columns));
        let verdict = wrapped("    ", "      ", &summary::verdict(row), columns);
        lines.extend(verdict.iter().map(|line| paint(style::of_verdict(row.verdict), line)));
        if let Some(kernel) = &row.kernel {
            let split = format!("split {}, stored {}", kernel.split.word(), summary::stored(row));
            lines.extend(wrapped("    ", "      ", &split, columns));
        }
        lines.extend(wrapped("    ", "      ", &summary::at_worst(row), columns));
    }
    lines
}

/// What was run, and on which entry.
fn heading(row: &RunReport) -> String {
    let of = match &row.guest.release {
        Some(release) => format!("{release} {}", summary::platform(row)),
        None => format!("{} {}", summary::platform(row), row.linux),
    };
    format!("{of} {} {}", row.marked_entry(), row.before.value)
}
