//! A comparison as text: a table if there is room for one, or else row under row.

use crate::comparison::CompareReport;
use crate::format::{CompareEncoder, CompareFormat, ReportEncoder, ReportFormat};
use crate::printable::printable;
use crate::report::{RunReport, Verdict};
use crate::sweep::SweepReport;
use crate::text::style::{self, paint};
use crate::text::table::{bare_table, trimmed};
use crate::text::wrapped::wrapped;
use crate::{summary, sweep_summary};

/// The table of a comparison.
pub const COMPARE_FORMAT: CompareFormat = CompareFormat {
    name: "table",
    about: "A table, and the summary in words",
    extension: "txt",
    encoder: CompareEncoder::View(|report, terminal| Ok(compare(report, terminal))),
};

/// The table of a batch.
pub const REPORT_FORMAT: ReportFormat = ReportFormat {
    name: "table",
    about: "A row for each run and each sweep, and the findings in words",
    extension: "txt",
    encoder: ReportEncoder::comparison(&COMPARE_FORMAT),
};

/// The columns of a table in a file, which fits a page and half a wide screen.
const FILE_COLUMNS: usize = 110;

/// A comparison: its runs with the worst consequence first, its sweeps, what has no row, and the summary in words; in a
/// terminal in as many columns as it has.
pub fn compare(report: &CompareReport, terminal: Option<u16>) -> String {
    let report = &*printable(report);
    let columns = terminal.map_or(FILE_COLUMNS, usize::from);
    let mut lines = Vec::new();
    if !report.rows.is_empty() || report.sweeps.is_empty() {
        lines.extend(runs(report, columns));
        lines.push(String::new());
    }
    if !report.sweeps.is_empty() {
        let verdicts = report.sweeps.iter().map(|sweep| (sweep_summary::verdict(sweep), sweep.verdict));
        let sweeps = fitting(sweep_summary::table(report), columns).map(|table| painted(&table, verdicts));
        lines.extend(sweeps.unwrap_or_else(|| sweep_cards(report, columns)));
        lines.push(String::new());
    }
    let summary = summary::in_words(report);
    lines.extend(summary.lines().flat_map(|line| {
        let indent = &line[..line.len() - line.trim_start().len()];
        match terminal {
            Some(_) => wrapped(indent, &format!("{indent}  "), line.trim_start(), columns),
            None => vec![line.to_owned()],
        }
    }));
    lines.into_iter().map(|line| line + "\n").collect()
}

/// The runs in the widest layout that there is room for: a line for each, a second line under what was found, or cards.
fn runs(report: &CompareReport, columns: usize) -> Vec<String> {
    let rows = summary::worst_first(report);
    let verdicts = || rows.iter().map(|row| (summary::consequence(row).to_owned(), row.verdict));
    let mut table = summary::table(report);
    if let Some(lines) = fitting(table.clone(), columns) {
        return painted(&lines, verdicts());
    }
    let details: Vec<_> = table.iter_mut().filter_map(Vec::pop).skip(1).collect();
    let Some(lines) = fitting(table, columns) else { return cards(report, columns) };
    let mut lines = painted(&lines, verdicts()).into_iter();
    let mut out: Vec<String> = lines.next().into_iter().collect();
    for ((line, row), detail) in lines.zip(rows).zip(details) {
        out.push(line);
        // What a walker saw where nothing was found is no news.
        if row.verdict != Verdict::Pass {
            out.extend(wrapped("    ", "      ", &detail, columns));
        }
    }
    out
}

/// The lines of a table; none if it needs more columns.
fn fitting(rows: Vec<Vec<String>>, columns: usize) -> Option<Vec<String>> {
    let mut table = bare_table();
    table.add_rows(rows);
    let lines: Vec<String> = trimmed(&table).lines().map(str::to_owned).collect();
    lines.iter().all(|line| line.chars().count() <= columns).then_some(lines)
}

/// A table with its header, and the verdict at one end of each line, in their styles.
fn painted(lines: &[String], verdicts: impl Iterator<Item = (String, Verdict)>) -> Vec<String> {
    let mut lines = lines.iter();
    let header = lines.next().map(|header| paint(style::TITLE, header));
    let rows = lines.zip(verdicts).map(|(line, (word, verdict))| {
        let painted = paint(style::of_verdict(verdict), &word);
        if let Some(rest) = line.strip_prefix(&word) {
            return format!("{painted}{rest}");
        }
        line.strip_suffix(&word).map_or(line.clone(), |rest| format!("{rest}{painted}"))
    });
    header.into_iter().chain(rows).collect()
}

/// Each row under what it has in common with those before it, the worst consequence first.
fn cards(report: &CompareReport, columns: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut above = None;
    for row in summary::worst_first(report) {
        let heading = heading(row);
        if above.as_ref() != Some(&heading) {
            let heading = wrapped("", "  ", &heading, columns);
            lines.extend(heading.iter().map(|line| paint(style::TITLE, line)));
        }
        above = Some(heading);
        let routines = format!("{} against {}:", row.writer, row.walker);
        lines.extend(wrapped("  ", "    ", &routines, columns));
        let verdict = match row.verdict {
            Verdict::Findings => format!("{}: {}", summary::consequence(row), summary::verdict(row)),
            _ => summary::verdict(row),
        };
        let verdict = wrapped("    ", "      ", &verdict, columns);
        lines.extend(verdict.iter().map(|line| paint(style::of_verdict(row.verdict), line)));
        if let Some(kernel) = &row.kernel {
            let split = format!("split {}, stored {}", kernel.split.word(), summary::stored(row));
            lines.extend(wrapped("    ", "      ", &split, columns));
        }
        lines.extend(wrapped("    ", "      ", &summary::at_worst(row), columns));
    }
    lines
}

/// Each sweep, one under the other.
fn sweep_cards(report: &CompareReport, columns: usize) -> Vec<String> {
    let mut lines = Vec::new();
    for sweep in &report.sweeps {
        let SweepReport { linux, entries, writer, domain_entries, .. } = sweep;
        let heading = format!("{} {linux} every entry of {entries}", sweep.platform());
        lines.extend(wrapped("", "  ", &heading, columns).iter().map(|line| paint(style::TITLE, line)));
        lines.extend(wrapped("  ", "    ", &format!("{writer}:"), columns));
        let verdict = wrapped("    ", "      ", &sweep_summary::verdict(sweep), columns);
        lines.extend(verdict.iter().map(|line| paint(style::of_verdict(sweep.verdict), line)));
        let (all, found) = (sweep_summary::short(domain_entries), sweep_summary::with_findings(sweep));
        lines.extend(wrapped("    ", "      ", &format!("{all} entries, {found} with findings"), columns));
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
