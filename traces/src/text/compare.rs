//! A comparison as text: a table if there is room for one, otherwise one row below the other.

use crate::comparison::{CompareReport, UnavailableKernel};
use crate::format::{CompareEncoder, CompareFormat, ReportEncoder, ReportFormat};
use crate::printable::printable;
use crate::report::{GuestKind, RunReport, Verdict};
use crate::summary::TableLine;
use crate::sweep::SweepReport;
use crate::text::difference;
use crate::text::style::{self, paint};
use crate::text::table::{bare_table, trimmed};
use crate::text::wrapped::{WIDTH, wrapped};
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

/// The most columns of a table in a file.
const FILE_COLUMNS: usize = 110;

/// Formats a comparison: its runs with the worst consequence first, its sweeps, and the summary in words, with the
/// combinations that have no row.
///
/// `terminal` is the number of columns of a terminal. Without one, tables have at most 110.
pub fn compare(report: &CompareReport, terminal: Option<u16>) -> String {
    let report = &*printable(report);
    let columns = terminal.map_or(FILE_COLUMNS, usize::from);
    let mut lines = Vec::new();
    for difference in &report.differences {
        lines.extend(difference::difference(difference, columns.min(WIDTH)));
    }
    lines.extend(subjects(report).iter().flat_map(|line| wrapped("", "  ", line, columns)));
    if !lines.is_empty() {
        lines.push(String::new());
    }
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

/// Says of each kernel with a label, and of each guest from a file, which one it is.
pub(crate) fn subjects(report: &CompareReport) -> Vec<String> {
    let mut lines = Vec::new();
    for row in &report.rows {
        let guest = &row.guest;
        if guest.kind == GuestKind::File {
            let line = format!("{} {}: guest {}", summary::platform(row), row.linux, guest.name);
            if !lines.contains(&line) {
                lines.push(line);
            }
            continue;
        }
        let Some(label) = &guest.label else { continue };
        let build_id = guest
            .build_id
            .as_deref()
            .map_or("no build ID".to_owned(), |id| format!("build ID {}", id.get(..12).unwrap_or(id)));
        let release = guest.release.as_deref().unwrap_or_default();
        let line = format!("{label}: {release} {}, {}, {build_id}", summary::platform(row), guest.name);
        if !lines.contains(&line) {
            lines.push(line);
        }
    }
    lines
}

/// Formats the runs in the widest layout that fits: one line for each, a second line below findings, or cards.
fn runs(report: &CompareReport, columns: usize) -> Vec<String> {
    let rows = summary::lines(report);
    let verdicts = || rows.iter().map(|row| (row.consequence().to_owned(), row.verdict()));
    let mut table = summary::table(report);
    if let Some(lines) = fitting(table.clone(), columns) {
        return painted(&lines, verdicts());
    }
    let details: Vec<_> = table.iter_mut().filter_map(Vec::pop).skip(1).collect();
    let Some(lines) = fitting(table, columns) else { return cards(report, columns) };
    let mut lines = painted(&lines, verdicts()).into_iter();
    let mut out: Vec<String> = lines.next().into_iter().collect();
    for ((line, row), detail) in lines.zip(&rows).zip(details) {
        out.push(line);
        // The views of a pass are of less interest than its neighbours.
        if row.verdict() != Verdict::Pass {
            out.extend(wrapped("    ", "      ", &detail, columns));
        }
    }
    out
}

/// Formats a table. `None` if it needs more columns.
fn fitting(rows: Vec<Vec<String>>, columns: usize) -> Option<Vec<String>> {
    let mut table = bare_table();
    table.add_rows(rows);
    let lines: Vec<String> = trimmed(&table).lines().map(str::to_owned).collect();
    lines.iter().all(|line| line.chars().count() <= columns).then_some(lines)
}

/// Styles the header of a table, and the verdict at one end of each line.
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

/// Formats rows one below the other, the worst consequence first. Consecutive rows with the same heading have it once.
fn cards(report: &CompareReport, columns: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut above = None;
    for line in summary::lines(report) {
        let row = match line {
            TableLine::Run(row) => row,
            TableLine::Unavailable(UnavailableKernel { kernel, reason }) => {
                let text = wrapped("", "  ", &format!("{kernel}: unknown: {reason}"), columns);
                lines.extend(text.iter().map(|line| paint(style::UNKNOWN, line)));
                above = None;
                continue;
            }
        };
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

/// Formats sweeps one below the other.
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

/// Formats the platform or kernel of a row, and its entry.
fn heading(row: &RunReport) -> String {
    let of = match row.guest.kernel_name() {
        Some(name) => format!("{name} {}", summary::platform(row)),
        None => format!("{} {}", summary::platform(row), row.linux),
    };
    format!("{of} {} {}", row.marked_entry(), row.before.value)
}
