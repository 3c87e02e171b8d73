//! A comparison as a matrix: platforms by entries, with a group of columns for each writer.

use crate::comparison::{CompareReport, Skipped};
use crate::entry_name::EntryName;
use crate::html::reasons::{Place, reason_of};
use crate::report::RunReport;
use crate::summary;

/// The platform of a line of the matrix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Platform {
    /// The architecture and its MMU.
    pub name: String,
    /// The Linux version.
    pub linux: String,
    /// The label or the release of a kernel, and its file.
    pub kernel: Option<(String, String)>,
}

impl Platform {
    fn of(row: &RunReport) -> Self {
        Platform {
            name: summary::platform(row),
            linux: row.linux.clone(),
            kernel: row.guest.kernel_name().map(|name| (name.to_owned(), row.guest.name.clone())),
        }
    }

    /// Returns the platform of a combination without a row, from its name in [`Skipped`].
    ///
    /// A kernel is named by its release alone, which has no space in it.
    fn of_skipped(encoding: &str) -> Self {
        match encoding.rsplit_once(' ') {
            Some((name, linux)) => Platform { name: name.to_owned(), linux: linux.to_owned(), kernel: None },
            None => Platform {
                name: String::new(),
                linux: String::new(),
                kernel: Some((encoding.to_owned(), String::new())),
            },
        }
    }

    /// Returns the name that [`Skipped`] has for this platform.
    pub(super) fn encoding(&self) -> String {
        match &self.kernel {
            Some((kernel, _)) => kernel.clone(),
            None => format!("{} {}", self.name, self.linux),
        }
    }
}

/// A run, with its number in the report.
#[derive(Clone, Copy)]
pub(super) struct Run<'a> {
    /// The number, from 1 on.
    pub number: usize,
    /// The run.
    pub row: &'a RunReport,
}

/// One walker in a cell.
pub(super) enum Walked<'a> {
    /// The walker was run.
    Run(Run<'a>),
    /// The walker was not run.
    Not {
        /// The walker.
        walker: &'a str,
        /// The reason, if the report has one.
        reason: Option<&'a str>,
    },
}

/// A kind of entry with its marks: a column of every group.
#[derive(PartialEq)]
pub(super) struct Column {
    /// The kind and the marks.
    pub entry: String,
    /// The kind alone.
    kind: EntryName,
}

/// A line of the matrix.
pub(super) struct Line<'a> {
    /// The platform.
    pub platform: Platform,
    /// The runs on the platform.
    pub runs: Vec<Run<'a>>,
}

/// The matrix.
pub(super) struct Matrix<'a> {
    skipped: &'a [Skipped],
    /// The lines. If no kernel was run, those of one architecture and MMU are together.
    pub lines: Vec<Line<'a>>,
    /// The writers, each a group of columns.
    pub writers: Vec<&'a str>,
    /// The columns of each group.
    pub columns: Vec<Column>,
    /// The walkers, each with its place in every cell.
    pub walkers: Vec<&'a str>,
}

impl<'a> Matrix<'a> {
    pub(super) fn new(report: &'a CompareReport) -> Self {
        let rows = &report.rows;
        let columns = rows.iter().map(|row| Column { entry: row.marked_entry(), kind: row.entry });
        Matrix {
            skipped: &report.skipped,
            lines: lines(report),
            writers: each_once(rows.iter().map(|row| row.writer.as_str())),
            columns: each_once(columns),
            walkers: each_once(rows.iter().map(|row| row.walker.as_str())),
        }
    }

    /// Returns the contents of a cell: for each walker its runs, or the reason why it has none.
    pub(super) fn cell(&self, line: &Line<'a>, writer: &str, column: &Column) -> Vec<Walked<'a>> {
        let here = |run: &&Run<'_>| run.row.writer == writer && run.row.marked_entry() == column.entry;
        let runs: Vec<_> = line.runs.iter().filter(here).collect();
        let encoding = line.platform.encoding();
        let mut cell = Vec::new();
        for walker in &self.walkers {
            let of_walker: Vec<_> = runs.iter().filter(|run| run.row.walker == *walker).collect();
            if of_walker.is_empty() {
                let place = Place { encoding: &encoding, kind: column.kind, writer, walker };
                cell.push(Walked::Not { walker, reason: reason_of(self.skipped, place) });
            }
            cell.extend(of_walker.into_iter().map(|run| Walked::Run(**run)));
        }
        cell
    }
}

/// Makes a line for each platform with rows, then for each platform without.
fn lines(report: &CompareReport) -> Vec<Line<'_>> {
    let mut lines: Vec<Line<'_>> = Vec::new();
    for (number, row) in (1..).zip(&report.rows) {
        let (platform, run) = (Platform::of(row), Run { number, row });
        match lines.iter_mut().find(|line| line.platform == platform) {
            Some(line) => line.runs.push(run),
            None => lines.push(Line { platform, runs: vec![run] }),
        }
    }
    for skipped in &report.skipped {
        if lines.iter().all(|line| line.platform.encoding() != skipped.encoding) {
            lines.push(Line { platform: Platform::of_skipped(&skipped.encoding), runs: Vec::new() });
        }
    }
    // Kernels stay in the order in which they were given.
    if lines.iter().all(|line| line.platform.kernel.is_none()) {
        let names = each_once(lines.iter().map(|line| line.platform.name.clone()));
        lines.sort_by_key(|line| names.iter().position(|name| *name == line.platform.name));
    }
    lines
}

fn each_once<T: PartialEq>(all: impl Iterator<Item = T>) -> Vec<T> {
    let mut once = Vec::new();
    for one in all {
        if !once.contains(&one) {
            once.push(one);
        }
    }
    once
}
