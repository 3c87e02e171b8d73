//! The summary of a batch as text and as Markdown.

use anstream::adapter::strip_str;
use anstyle::Style;
use comfy_table::{CellAlignment, ColumnConstraint, ContentArrangement, Table, presets};

use crate::batch::summary::{Example, Found, Summary, Tally};
use crate::format::{Records, ReportEncoder, ReportFormat};
use crate::judge::FindingName;
use crate::report::Verdict;
use crate::text::style;
use crate::text::table::{bare_table, trimmed};
use crate::text::wrapped::Lines;
use crate::words::{counted, one_line, verdicts};

/// The summary of a batch.
pub const REPORT_FORMAT: ReportFormat = ReportFormat {
    name: "summary",
    about: "What was run, found and is not known, in a few lines",
    extension: "txt",
    encoder: ReportEncoder::Summary(|records| summary(records).text()),
};

/// The summary of a batch in Markdown.
pub const MARKDOWN_REPORT_FORMAT: ReportFormat = ReportFormat {
    name: "summary-markdown",
    about: "The same in Markdown",
    extension: "md",
    encoder: ReportEncoder::Summary(|records| summary(records).markdown()),
};

fn summary(records: &mut Records<'_>) -> Summary {
    let mut summary = Summary::default();
    for record in records {
        summary.add(&record);
    }
    summary
}

/// The usual width of a terminal, in columns.
const COLUMNS: u16 = 80;
/// The headings of the table's columns. Names come last, where there is room for them.
const HEADER: [&str; 5] = ["jobs", "pass", "findings", "unknown", "platform, version, writer"];
/// The column before which jobs that passed within a bound are counted, if there are any.
const BOUNDED_AT: usize = 2;

impl Summary {
    /// Formats the summary as text, in lines of at most 80 columns. A command may be longer, so that it can be
    /// copied.
    pub fn text(&self) -> String {
        let mut lines = Lines::default();
        lines.paragraph("", "", &self.totals());
        lines.gap();
        let mut table = bare_table();
        table.set_content_arrangement(ContentArrangement::Dynamic).set_width(COLUMNS);
        self.fill(&mut table, one_line);
        for line in trimmed(&table).lines() {
            lines.line(line);
        }
        self.details(&mut lines);
        lines.into_text()
    }

    /// Formats the summary as Markdown.
    pub fn markdown(&self) -> String {
        let mut table = Table::new();
        table.load_style(presets::ASCII_MARKDOWN).set_content_arrangement(ContentArrangement::Disabled);
        self.fill(&mut table, |name| one_line(name).replace('|', "\\|"));
        let mut lines = Lines::default();
        self.details(&mut lines);
        let details = lines.into_text();
        let details = strip_str(details.trim_start_matches('\n')).to_string();
        let totals = self.totals();
        match details.is_empty() {
            true => format!("{totals}\n\n{table}\n"),
            false => format!("{totals}\n\n{table}\n\n```text\n{}```\n", details.replace("```", "'''")),
        }
    }

    /// Formats the numbers of jobs and schedules, and of jobs per verdict.
    pub(super) fn totals(&self) -> String {
        let Tally { jobs, .. } = self.all;
        let (jobs, schedules) = (counted(jobs, "job"), counted(self.schedules.short(), "schedule"));
        format!("{jobs}, {schedules}: {}.", verdicts(|verdict| self.all.of(verdict)))
    }

    /// Adds a row for each platform, version and writer, in the order of their first jobs.
    fn fill(&self, table: &mut Table, cell: fn(&str) -> String) {
        let mut header = HEADER.to_vec();
        if self.all.bounded > 0 {
            header.insert(BOUNDED_AT, Verdict::PassBounded.word());
        }
        table.set_header(&header);
        let mut rows: Vec<_> = self.rows.iter().map(|(name, (tally, first))| (*first, name, tally)).collect();
        rows.sort_by_key(|(first, name, _)| (*first, *name));
        for (_, name, tally) in rows {
            let bounded = if self.all.bounded > 0 { vec![tally.bounded] } else { Vec::new() };
            let numbers =
                [vec![tally.jobs, tally.pass], bounded, vec![tally.findings, tally.unknown]].concat();
            let name = cell(&format!("{} {} {}", name.platform, name.version, name.writer));
            table.add_row(numbers.iter().map(u64::to_string).chain([name]));
        }
        for column in table.column_iter_mut().take(header.len() - 1) {
            column.set_cell_alignment(CellAlignment::Right);
            column.set_constraint(ColumnConstraint::ContentWidth);
        }
    }

    /// Writes the findings, the reasons of unknown jobs, and the sweeps.
    fn details(&self, lines: &mut Lines) {
        for (name, found) in self.by_meaning() {
            let title = format!("FINDING {} in {}", one_line(name), counted(found.jobs, "job"));
            let meaning = FindingName::of_name(name);
            said(lines, style::WRONG, &title, meaning.map_or("", FindingName::meaning), found);
        }
        self.unknown_reasons(lines);
        if !self.sweeps.kept.is_empty() {
            lines.gap();
            lines.styled(style::TITLE, "", "Sweeps");
        }
        for (job, sweep) in &self.sweeps.kept {
            lines.paragraph("  ", "    ", &format!("job {job}: {}", one_line(sweep)));
        }
        if self.sweeps.more > 0 {
            lines.paragraph("  ", "    ", &format!("and {} more", self.sweeps.more));
        }
    }

    /// Writes the reasons of unknown jobs.
    pub(super) fn unknown_reasons(&self, lines: &mut Lines) {
        let mut reasons: Vec<&Found> = self.unknown.kept.values().collect();
        reasons.sort_by_key(|found| (std::cmp::Reverse(found.jobs), first_job(found)));
        for found in reasons {
            let title = format!("UNKNOWN in {}", counted(found.jobs, "job"));
            let why = found.example.as_ref().map_or("", |example| &example.text);
            said(lines, style::UNKNOWN, &title, why, found);
        }
        if self.unknown.more > 0 {
            lines.gap();
            let more = counted(self.unknown.more, "job");
            lines.paragraph("", "  ", &format!("UNKNOWN for reasons that are not listed: {more} more"));
        }
    }

    /// Returns the findings in the order in which all reports list them. Unknown names come last.
    fn by_meaning(&self) -> Vec<(&str, &Found)> {
        let mut found: Vec<_> = self.findings.iter().map(|(name, found)| (name.as_str(), found)).collect();
        // A finding without a known name comes last.
        found.sort_by_key(|(name, _)| {
            let known = FindingName::of_name(name);
            (known.is_none(), known)
        });
        found
    }
}

/// Writes the jobs of a finding or a reason: their platforms, their routines, and the first job.
fn said(lines: &mut Lines, style: Style, title: &str, text: &str, found: &Found) {
    lines.gap();
    lines.styled(style, "  ", title);
    if !text.is_empty() {
        lines.paragraph("  ", "  ", &one_line(text));
    }
    lines.paragraph("  on ", "    ", &one_line(&found.places.places()));
    lines.paragraph("  by ", "    ", &one_line(&found.routines.routines()));
    if let Some(Example { job, command, .. }) = &found.example {
        lines.command(&format!("  job {job}: "), &one_line(command));
    }
}

fn first_job(found: &Found) -> u64 {
    found.example.as_ref().map_or(u64::MAX, |example| example.job)
}
