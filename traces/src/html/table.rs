//! The matrix as a table.

use maud::{Markup, html};

use crate::html::matrix::{Column, Line, Matrix, Platform, Run, Walked};
use crate::html::verdict;
use crate::report::{RunReport, Verdict};

/// How many columns fit on a printed page.
const PRINTED: usize = 5;

pub(super) fn matrix(matrix: &Matrix<'_>) -> Markup {
    if matrix.lines.is_empty() {
        return html! { p { "Nothing was run." } };
    }
    let columns = matrix.columns.len();
    html! {
        // The table scrolls by itself, so the keyboard must be able to reach it.
        div.scroll role="group" aria-label="Matrix" tabindex="0" {
            table.matrix.wide[columns * matrix.writers.len() > PRINTED] {
                caption { "A row for each platform, a group of columns for each writer, in it a column for each entry; in a cell each walker. A walker leads to the details of its run." }
                colgroup { col; }
                @for _ in &matrix.writers { colgroup span=(columns) {} }
                thead {
                    tr {
                        th.corner scope="col" rowspan="2" { "Platform" }
                        @for writer in &matrix.writers {
                            th.writer.first scope="colgroup" colspan=(columns) { span.role { "writer " } (writer) }
                        }
                    }
                    tr {
                        @for _ in &matrix.writers {
                            @for (n, column) in matrix.columns.iter().enumerate() {
                                th.first[n == 0] scope="col" { span.role { "entry " } (column.entry) }
                            }
                        }
                    }
                }
                @for lines in groups(&matrix.lines) {
                    tbody {
                        @for line in lines { (row(matrix, line)) }
                    }
                }
            }
        }
    }
}

/// Groups consecutive lines of one architecture and MMU. A kernel's line ends its group.
fn groups<'m, 'a>(lines: &'m [Line<'a>]) -> impl Iterator<Item = &'m [Line<'a>]> {
    lines.chunk_by(|one, other| one.platform.kernel.is_none() && one.platform.name == other.platform.name)
}

fn row<'a>(matrix: &Matrix<'a>, line: &Line<'a>) -> Markup {
    html! {
        tr {
            th scope="row" { (platform(&line.platform)) }
            @for writer in &matrix.writers {
                @for column in &matrix.columns {
                    (cell(matrix, line, writer, column))
                }
            }
        }
    }
}

/// Draws the name of a platform.
pub(super) fn platform(platform: &Platform) -> Markup {
    let Platform { name, linux, kernel } = platform;
    html! {
        @match kernel {
            Some((kernel, _)) => {
                span.release { (kernel) }
                @if !name.is_empty() { " " span.version { (name) " Linux " (linux) } }
            }
            None => { span.arch { (name) } " " span.version { "Linux " (linux) } }
        }
    }
}

fn cell<'a>(matrix: &Matrix<'a>, line: &Line<'a>, writer: &str, column: &Column) -> Markup {
    let cell = matrix.cell(line, writer, column);
    // On a narrow screen and on paper the header is not above the cells, so each cell has its own.
    let place =
        html! { p.place { span.role { "writer " } (writer) " " span.role { "entry " } (column.entry) } };
    html! {
        @match (nothing(&cell), worst(&cell)) {
            (Some(reason), _) => td.empty {
                (place)
                p.not-run { (not_run(reason)) }
                @if let Some(reason) = reason { p.found { (reason) } }
            },
            (None, worst) => td class=[worst.map(Verdict::word)] {
                (place)
                (guard(&cell))
                @let shared = shared(&cell);
                ul.walkers { @for walked in &cell { (self::walked(walked, shared.is_none())) } }
                @if let Some(found) = shared { (names(&found)) }
            }
        }
    }
}

fn runs<'c, 'a>(cell: &'c [Walked<'a>]) -> impl Iterator<Item = &'a RunReport> + use<'c, 'a> {
    cell.iter().filter_map(|walked| match walked {
        Walked::Run(run) => Some(run.row),
        Walked::Not { .. } => None,
    })
}

/// Returns the worst verdict in a cell, which decides its colour.
fn worst(cell: &[Walked<'_>]) -> Option<Verdict> {
    let has = |verdict: &Verdict| runs(cell).any(|row| row.verdict == *verdict);
    [Verdict::Findings, Verdict::Unknown, Verdict::PassBounded, Verdict::Pass].into_iter().find(has)
}

/// Returns the findings of a cell if all its runs with findings have the same, so that the cell lists them once.
fn shared(cell: &[Walked<'_>]) -> Option<Vec<&'static str>> {
    let mut found = runs(cell).map(verdict::found).filter(|found| !found.is_empty());
    let first = found.next()?;
    found.all(|other| other == first).then_some(first)
}

/// Returns the one reason why nothing in a cell was run.
///
/// `None` if something was run, or if the reasons differ. `Some(None)` if a walker has no reason: the comparison
/// did not ask for this place.
fn nothing<'a>(cell: &[Walked<'a>]) -> Option<Option<&'a str>> {
    let reasons: Option<Vec<_>> = cell
        .iter()
        .map(|walked| match walked {
            Walked::Not { reason, .. } => Some(*reason),
            Walked::Run(_) => None,
        })
        .collect();
    let reasons = reasons?;
    if reasons.contains(&None) {
        return Some(None);
    }
    let first = *reasons.first()?;
    reasons.iter().all(|reason| *reason == first).then_some(first)
}

/// Draws whether the kernel's split has the fix. All walkers of a cell run against the same split.
fn guard(cell: &[Walked<'_>]) -> Markup {
    let mut splits: Vec<_> = runs(cell).filter_map(|row| Some(row.kernel.as_ref()?.split)).collect();
    splits.dedup();
    html! { @for split in splits { p.guard { "split " (verdict::split(split)) } } }
}

/// Draws a walker of a cell; with `own`, also the names of its findings.
fn walked(walked: &Walked<'_>, own: bool) -> Markup {
    match walked {
        Walked::Run(Run { number, row }) => html! {
            li {
                (verdict::sign(row.verdict))
                a href={ "#run-" (number) } {
                    span.name { (row.walker) @for name in &row.with { " with " (name) } } " " strong class=(row.verdict.word()) { (verdict::words(row)) }
                }
                @let found = verdict::found(row);
                @if own && !found.is_empty() { (names(&found)) }
            }
        },
        Walked::Not { walker, reason } => html! {
            li {
                span.sign.not-run aria-hidden="true" { "–" }
                span.walker { span.name { (walker) } " " strong.not-run { (not_run(*reason)) } }
                @if let Some(reason) = reason { p.found { (reason) } }
            }
        },
    }
}

/// Draws the names of findings. No name is broken over two lines.
fn names(found: &[&str]) -> Markup {
    html! {
        p.found {
            @for (n, name) in found.iter().enumerate() { @if n > 0 { ", " } span { (name) } }
        }
    }
}

/// Returns the text of a cell for a combination that was not run.
const fn not_run(reason: Option<&str>) -> &'static str {
    match reason {
        Some(_) => "does not exist",
        None => "not run",
    }
}
