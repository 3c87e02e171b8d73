//! The page as a whole.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::comparison::{CompareReport, UnavailableKernel};
use crate::difference::words;
use crate::html::matrix::{Line, Matrix, Run};
use crate::html::{run, sweep, table, verdict};
use crate::report::Verdict;
use crate::summary;
use crate::text::compare;
use crate::words::counted;

const STYLE: &str = include_str!("page.css");

/// The style of the matrix where it is too wide for the screen or the paper.
const CARDS: &str = include_str!("cards.css");

/// The content security policy: the browser may load nothing.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

/// Draws a page around its content. `style` is added to that of all pages.
pub(crate) fn document(title: &str, style: &Markup, body: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) }
                style { (PreEscaped(STYLE)) (style) }
            }
            body { (body) }
        }
    }
}

pub(super) fn page(report: &CompareReport) -> Markup {
    let matrix = Matrix::new(report);
    let title = match (report.rows.len(), report.sweeps.len()) {
        (0, sweeps @ 1..) => format!("pmdscope: {}", counted(sweeps, "sweep")),
        (runs, _) => format!("pmdscope: {} compared", counted(runs, "run")),
    };
    let has_sweeps = !report.sweeps.is_empty();
    // A page of sweeps alone has no matrix.
    let has_runs = !report.rows.is_empty() || !has_sweeps;
    let subjects = compare::subjects(report);
    let style = html! {
        "@media (max-width: 46rem) { .matrix {" (PreEscaped(CARDS)) "} }"
        "@media print { .matrix.wide {" (PreEscaped(CARDS)) "} }"
    };
    let body = html! {
        header {
            p.tool { "pmdscope" }
            h1 { @if has_runs { "What lockless walkers saw of a PMD entry" } @else { "What writers make of PMD entries" } }
            p {
                @if has_runs { "Each run is one writer against one walker, real machine code at every interleaving. " }
                (summary::totals(report))
            }
            nav aria-label="On this page" {
                @if has_runs { a href="#matrix" { "Matrix" } }
                a href="#words" { "In words" }
                a href="#unknown" { "Not known" }
                @if has_sweeps { a href="#sweeps" { "Sweeps" } }
                @if has_runs { a href="#runs" { "Each run" } }
            }
        }
        main {
            @if has_runs {
                @if !report.differences.is_empty() || !subjects.is_empty() {
                    section #differs aria-labelledby="differs-title" {
                        h2 #differs-title { "What differs" }
                        (differences(report))
                        @for line in &subjects { p.hint { (line) } }
                    }
                }
                section #matrix aria-labelledby="matrix-title" {
                    h2 #matrix-title { "Platforms by entry" }
                    (legend(report))
                    (table::matrix(&matrix))
                }
            }
            section #words aria-labelledby="words-title" {
                h2 #words-title { "In words" }
                (in_words(report))
            }
            section #unknown aria-labelledby="unknown-title" {
                h2 #unknown-title { "Not known" }
                (not_known(&matrix, report))
            }
            @if has_sweeps {
                section #sweeps aria-labelledby="sweeps-title" {
                    h2 #sweeps-title { "Sweeps" }
                    (sweep::sweeps(report))
                }
            }
            @if has_runs {
                section #runs aria-labelledby="runs-title" {
                    h2 #runs-title { "Each run" }
                    p.hint { "CPU0 runs the writer, CPU1 the walker. W2 K1 is two accesses of the writer, then one of the walker." }
                    @for line in matrix.lines.iter().filter(|line| !line.runs.is_empty()) {
                        (runs(line))
                    }
                }
            }
        }
        footer { p { "Made by " (report.made_by) " from the report " code { (report.schema) } ". Each " @if has_runs { "run" } @else { "sweep" } " has the command that runs it again." } }
    };
    document(&title, &style, &body)
}

/// Draws the meaning of each sign, and the number of runs that have it.
fn legend(report: &CompareReport) -> Markup {
    let count = |verdict| report.rows.iter().filter(|row| row.verdict == verdict).count();
    html! {
        ul.legend {
            // Few reports have any that passed within a bound.
            @for one in [Verdict::Findings, Verdict::Pass, Verdict::PassBounded, Verdict::Unknown]
                .into_iter().filter(|one| *one != Verdict::PassBounded || count(*one) > 0) {
                li {
                    (verdict::sign(one))
                    span { strong { (one.word()) } ", " (counted(count(one), "run")) ": " span.means { (verdict::meaning(one)) } }
                }
            }
            li {
                span.sign.not-run aria-hidden="true" { "–" }
                span { strong { "not run" } ": " span.means { "does not exist, with the reason; or is not in this comparison" } }
            }
        }
    }
}

/// Draws the summary in words.
fn in_words(report: &CompareReport) -> Markup {
    html! {
        @for section in summary::sections(report) {
            h3 { (section.title) }
            dl.words {
                @for sentence in section.sentences {
                    div { dt { (sentence.text) } dd { (sentence.platforms) } }
                }
            }
        }
        p.totals { (summary::totals(report)) }
    }
}

/// Draws what differs between kernels.
fn differences(report: &CompareReport) -> Markup {
    html! {
        @for difference in &report.differences {
            h3 { (words::headline(difference)) }
            @for group in words::groups(difference) {
                dl.words {
                    div {
                        dt { (group.heading) }
                        dd {
                            @for run in &group.runs { div { (run) } }
                            @if !group.details.is_empty() { p.hint { "Such as " (group.example) ":" } }
                            @for detail in &group.details { div.hint { (detail) } }
                        }
                    }
                }
            }
            @for line in words::unmatched(difference) { p { (line) } }
            @if let Some(unknown) = words::unknown(difference) { p { strong.unknown { (unknown) } } }
        }
    }
}

/// Lists the runs and sweeps that are not fully known, each with the reason.
fn not_known(matrix: &Matrix<'_>, report: &CompareReport) -> Markup {
    let CompareReport { sweeps, unavailable, .. } = report;
    let all = matrix.lines.iter().flat_map(|line| line.runs.iter().map(move |run| (line, run)));
    let lacking: Vec<_> = all
        .filter(|(_, run)| {
            let row = run.row;
            row.verdict == Verdict::Unknown || row.incomplete.is_some() || !row.failed_controls().is_empty()
        })
        .collect();
    let lacking_sweeps: Vec<_> =
        (1..).zip(sweeps).filter(|(_, sweep)| !sweep.why_unknown().is_empty()).collect();
    html! {
        @if lacking.is_empty() && lacking_sweeps.is_empty() && unavailable.is_empty() {
            p { (all_is_known(matrix.lines.iter().any(|line| !line.runs.is_empty()), !sweeps.is_empty())) }
        } @else {
            p { "What these runs do not show is unknown. None of them is a pass." }
            ul.lacking {
                @for UnavailableKernel { kernel, reason } in unavailable {
                    li { span { (kernel) ": " strong.unknown { "unknown" } } p.lacks { "Nothing could be run: " (reason) } }
                }
                @for (line, run) in lacking {
                    li {
                        a href={ "#run-" (run.number) } { (line.platform.encoding()) ": " (run::name(run.row)) }
                        (run::lacks(run.row))
                    }
                }
                @for (number, sweep) in lacking_sweeps {
                    li { a href={ "#sweep-" (number) } { (sweep::name(sweep)) } (sweep::lacks(sweep)) }
                }
            }
        }
    }
}

const fn all_is_known(runs: bool, sweeps: bool) -> &'static str {
    match (runs, sweeps) {
        (false, false) => "Nothing was run, so nothing is known.",
        (true, false) => "Every schedule of every run was run to its end, and every control passed.",
        (false, true) => "Every entry of every sweep is in a class, and every control passed.",
        (true, true) => {
            "Every schedule of every run was run to its end, every entry of every sweep is in a class, and every control \
             passed."
        }
    }
}

/// Draws the details of a platform's runs.
fn runs(line: &Line<'_>) -> Markup {
    html! {
        h3 { (table::platform(&line.platform)) }
        @for Run { number, row } in &line.runs {
            (run::details(*number, row, &line.platform.encoding()))
        }
    }
}
