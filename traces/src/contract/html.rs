//! A contract as one page of HTML, without scripts and fonts. The page loads nothing from the network.

use maud::{Markup, PreEscaped, html};

use super::report::{Column, ContractReport, Status};
use super::view::{self, HelperRules, STATUSES, SameResult, View, becoming, breaking, call};
use crate::format::{ContractEncoder, ContractFormat};
use crate::html::document;
use crate::printable::printable;
use crate::words::counted;

/// The page of a contract.
pub const FORMAT: ContractFormat = ContractFormat {
    name: "html",
    about: "One page that needs no network and no script: every helper by architecture and version",
    extension: "html",
    encoder: ContractEncoder::View(|report| Ok(page(report))),
};

/// The style of what other pages do not have.
const STYLE: &str = include_str!("contract.css");

/// Formats a contract as a page: the verdict, the matrix of helpers and probes, and the details of each helper.
pub fn page(report: &ContractReport) -> String {
    let report = &*printable(report);
    let view = View::new(report);
    let with = |status| -> Vec<usize> { view.rules().filter(|rule| view.any(*rule, status)).collect() };
    let (broken, undocumented) = (with(Status::Broken), with(Status::Undocumented));
    let title = format!("pmdscope: contract of {}", counted(view.labels.len(), "probe"));
    let body = html! {
        header {
            p.tool { "pmdscope" }
            h1 { "Page-table helpers and their contract" }
            p { strong.(class_of_verdict(report)) { (view.verdict()) } }
            p {
                "Each rule is from Documentation/mm/arch_pgtable_helpers.rst, or generic code relies on it. "
                "Each probe is a kernel tree's own helpers, compiled and run on every entry that they can make."
            }
            nav aria-label="On this page" {
                a href="#matrix" { "Matrix" }
                @if !broken.is_empty() { a href="#broken" { "Broken rules" } }
                @if !undocumented.is_empty() { a href="#undocumented" { "Undocumented inputs" } }
                a href="#unknown" { "Not known" }
                a href="#helpers" { "Each helper" }
                a href="#probes" { "Probes" }
            }
        }
        main {
            section #matrix aria-labelledby="matrix-title" {
                h2 #matrix-title { "Helpers by architecture" }
                (legend(&view))
                (matrix(&view))
            }
            @if !broken.is_empty() {
                section #broken aria-labelledby="broken-title" {
                    h2 #broken-title { "Broken rules" }
                    @for rule in &broken { (self::broken(&view, *rule)) }
                }
            }
            @if !undocumented.is_empty() {
                section #undocumented aria-labelledby="undocumented-title" {
                    h2 #undocumented-title { "Undocumented inputs" }
                    @for rule in &undocumented { (self::undocumented(&view, *rule)) }
                }
            }
            section #unknown aria-labelledby="unknown-title" {
                h2 #unknown-title { "Not known" }
                (unknown(&view))
            }
            section #helpers aria-labelledby="helpers-title" {
                h2 #helpers-title { "Each helper" }
                @for (number, helper) in (1..).zip(&view.helpers) { (details(&view, number, helper)) }
            }
            section #probes aria-labelledby="probes-title" {
                h2 #probes-title { "Probes" }
                @for (label, column) in view.labels.iter().zip(&report.columns) { (probe(label, column)) }
            }
        }
        footer { p { "Made by " (report.made_by) " from the report " code { (report.schema) } "." } }
    };
    document(&title, &html! { (PreEscaped(STYLE)) }, &body).into_string()
}

/// Returns the class of the verdict's colour. Where no probe was run, nothing passed.
fn class_of_verdict(report: &ContractReport) -> &'static str {
    if report.columns.is_empty() { "unknown" } else { report.verdict.word() }
}

/// Returns the class that gives a status its colour.
const fn class(status: Status) -> &'static str {
    match status {
        Status::Kept => "pass",
        Status::Broken => "findings",
        Status::Undocumented => "open",
        Status::NotImplemented => "not-run",
        Status::Unknown => "unknown",
    }
}

/// Draws the sign of a status. It is always beside the word.
fn sign(status: Status) -> Markup {
    let sign = match status {
        Status::Kept => "✓",
        Status::Broken => "×",
        Status::Undocumented => "·",
        Status::NotImplemented => "–",
        Status::Unknown => "?",
    };
    html! { span class={ "sign " (class(status)) } aria-hidden="true" { (sign) } }
}

/// Draws the meaning of each sign, and the number of results that have it.
fn legend(view: &View<'_>) -> Markup {
    let meaning = |status| match status {
        Status::Kept => "every rule that applies is kept for every entry",
        Status::Broken => "a rule is not kept for some entry",
        Status::Undocumented => "no document says what the helper should do with such an entry",
        Status::NotImplemented => "the tree does not have the helper in this configuration",
        Status::Unknown => "the helper did not return, or no entry could be made: not a pass",
    };
    let count = |status| view.columns().map(|column| view.count(column, status)).sum::<usize>();
    html! {
        ul.legend {
            @for status in STATUSES {
                li {
                    (sign(status))
                    span { strong { (status.word().to_lowercase()) } ", " (counted(count(status), "result")) ": " span.means { (meaning(status)) } }
                }
            }
        }
    }
}

/// Draws the matrix: helpers by columns, which are grouped by architecture and MMU.
fn matrix(view: &View<'_>) -> Markup {
    if view.labels.is_empty() || view.helpers.is_empty() {
        return html! { p { "Nothing was run, so nothing is known." } };
    }
    let all = &view.report.columns;
    let is_same = |one: &Column, other: &Column| (&one.arch, &one.mmu) == (&other.arch, &other.mmu);
    let groups: Vec<&[Column]> = all.chunk_by(is_same).collect();
    let begins: Vec<bool> =
        groups.iter().flat_map(|group| (0..group.len()).map(|number| number == 0)).collect();
    let levels: Vec<&[HelperRules<'_>]> =
        view.helpers.chunk_by(|one, other| one.level == other.level).collect();
    let first_of = |level: usize| levels.iter().take(level).map(|helpers| helpers.len()).sum::<usize>();
    html! {
        // The table scrolls by itself, so the keyboard must be able to reach it.
        div.scroll role="group" aria-label="Matrix" tabindex="0" {
            table.contract {
                caption { "A row for each helper, a column for each probe. A helper leads to its rules, and a result that is not kept to its example." }
                thead {
                    tr {
                        th scope="col" rowspan="2" { "Helper" }
                        @for group in &groups {
                            th.first scope="colgroup" colspan=(group.len()) { (platform(group)) }
                        }
                    }
                    tr {
                        @for (column, first) in all.iter().zip(&begins) {
                            th.first[*first] scope="col" title=(column.guest.name) { (column.linux) }
                        }
                    }
                }
                @for (number, helpers) in levels.iter().enumerate() {
                    tbody {
                        tr.level { th scope="rowgroup" colspan=(1 + all.len()) { span { (level(helpers)) } } }
                        @for (at, helper) in (first_of(number)..).zip(*helpers) {
                            tr {
                                th scope="row" { a href={ "#helper-" (at + 1) } { (helper.helper) } }
                                @for (column, first) in view.columns().zip(&begins) {
                                    (cell(view, column, at + 1, helper, *first))
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn platform(group: &[Column]) -> String {
    let Some(column) = group.first() else { return String::new() };
    pmdscope_arches::platform_name(&column.arch, column.mmu.as_ref())
}

fn level(helpers: &[HelperRules<'_>]) -> String {
    helpers.first().map_or(String::new(), |helper| helper.level.to_uppercase())
}

/// Draws a cell: the status that matters most, with the numbers of all as its title.
fn cell(view: &View<'_>, column: usize, number: usize, helper: &HelperRules<'_>, first: bool) -> Markup {
    let with =
        |status| helper.rules.iter().copied().filter(move |rule| view.cell(column, *rule).status == status);
    let by_weight =
        [Status::Broken, Status::Unknown, Status::Kept, Status::Undocumented, Status::NotImplemented];
    let status = by_weight.into_iter().find(|status| with(*status).next().is_some());
    let status = status.unwrap_or(Status::Unknown);
    let leads = with(status).next();
    let target = match (status, leads) {
        (Status::Broken, Some(rule)) => Some(format!("#broken-{}", rule + 1)),
        (Status::Unknown | Status::Undocumented, _) => Some(format!("#helper-{number}")),
        _ => None,
    };
    let counts: Vec<String> = STATUSES
        .iter()
        .filter(|status| with(**status).next().is_some())
        .map(|status| format!("{} {}", with(*status).count(), status.word().to_lowercase()))
        .collect();
    let mut title = format!("{} on {}: {}", helper.helper, view.labels[column], counts.join(", "));
    if let Some(rule) = leads {
        match status {
            Status::Broken => {
                let results = view.results(rule, status);
                if let Some(same) = results.iter().find(|same| same.columns.contains(&column)) {
                    title = format!("{title}; {}", view::example(same));
                }
            }
            Status::NotImplemented | Status::Unknown => {
                title = format!("{title}; {}", view.why(column, rule))
            }
            Status::Kept | Status::Undocumented => {}
        }
    }
    // Most cells are kept: that needs no more words.
    let title = (counts.len() > 1 || status != Status::Kept).then_some(title);
    let also = status != Status::Undocumented && with(Status::Undocumented).next().is_some();
    let word = status.word().to_lowercase();
    html! {
        td.(class(status)).first[first] title=[title] {
            @match target {
                Some(target) => a href=(target) { strong.(class(status)) { (word) } },
                None if status == Status::NotImplemented => { span aria-hidden="true" { "–" } span.spoken { (word) } }
                None => (word),
            }
            @if also { span aria-hidden="true" { " ·" } span.spoken { ", with undocumented inputs" } }
        }
    }
}

/// Draws a broken rule, with an example of each result.
fn broken(view: &View<'_>, rule: usize) -> Markup {
    let info = &view.report.rules[rule];
    html! {
        div id={ "broken-" (rule + 1) } {
            h3 { code { (call(&info.helper)) } ": " (info.says) }
            p.hint { (view::citation(info)) }
            @for same in view.results(rule, Status::Broken) {
                p.finding {
                    strong { "Broken" } " on " (view.on(&same.columns)) ": " (breaking(same.cell)) (example(&same))
                }
            }
        }
    }
}

fn undocumented(view: &View<'_>, rule: usize) -> Markup {
    let info = &view.report.rules[rule];
    html! {
        h3 { code { (call(&info.helper)) } ": " (info.says) }
        p.hint { (view::citation(info)) }
        dl.words {
            @for same in view.results(rule, Status::Undocumented) {
                div {
                    dt { (view.on(&same.columns)) }
                    dd { (becoming(same.cell)) (example(&same)) }
                }
            }
        }
    }
}

/// Draws the example of a result behind the number of entries; nothing if there is none.
fn example(same: &SameResult<'_>) -> Markup {
    let Some(example) = &same.cell.example else { return html! {} };
    html! {
        ", such as "
        code.value { (view::transition(example)) } (view::in_parentheses(&same.changes))
        @if let Some(says) = view::says(same) { ": " (says) }
    }
}

fn unknown(view: &View<'_>) -> Markup {
    let unknown = view.unknown();
    html! {
        @if view.labels.is_empty() {
            p { "Nothing was run, so nothing is known." }
        } @else if unknown.is_empty() {
            p { "Every helper that a probe has was run, and every rule that applies was checked." }
        } @else {
            p { "Whether these rules are kept is unknown. None of them is a pass." }
            ul.lacking {
                @for same in unknown {
                    @let (helpers, more) = same.helpers();
                    li {
                        (view.on_for(&same)) ": " strong.unknown { "unknown" } ": "
                        @for (number, helper) in helpers.iter().enumerate() {
                            @if number > 0 { ", " }
                            code { (call(helper)) }
                        }
                        (more)
                        p.lacks { (same.why) }
                    }
                }
            }
        }
    }
}

/// Draws the rules of a helper, folded. For each rule it has the probes with each result.
fn details(view: &View<'_>, number: usize, helper: &HelperRules<'_>) -> Markup {
    let has = |status: &&Status| helper.rules.iter().any(|rule| view.any(*rule, **status));
    let statuses: Vec<Status> = STATUSES.iter().filter(has).copied().collect();
    html! {
        details {
            summary {
                span.on { code { (call(helper.helper)) } }
                span {
                    (counted(helper.rules.len(), "rule")) ": "
                    @for (n, status) in statuses.iter().enumerate() {
                        @if n > 0 { ", " }
                        strong.(class(*status)) { (status.word().to_lowercase()) }
                    }
                }
            }
            div.run id={ "helper-" (number) } {
                @for rule in &helper.rules { (self::rule(view, *rule)) }
            }
        }
    }
}

fn rule(view: &View<'_>, rule: usize) -> Markup {
    let info = &view.report.rules[rule];
    let on: Vec<&str> = info.on.iter().map(|class| class.name()).collect();
    html! {
        h4 { (info.says) }
        p.hint { "for entries of the class " (on.join(", ")) "; " (view::citation(info)) }
        dl.values {
            @for status in STATUSES {
                @let columns: Vec<usize> = view.columns().filter(|column| view.cell(*column, rule).status == status).collect();
                @if !columns.is_empty() {
                    div {
                        dt { strong.(class(status)) { (status.word().to_lowercase()) } }
                        dd { (results(view, rule, status, &columns)) }
                    }
                }
            }
        }
    }
}

/// Draws the probes that have a status, with the examples or the reasons.
fn results(view: &View<'_>, rule: usize, status: Status, columns: &[usize]) -> Markup {
    match status {
        Status::Kept => html! { (view.on(columns)) },
        Status::Broken | Status::Undocumented => html! {
            @for same in view.results(rule, status) {
                p {
                    (view.on(&same.columns)) ": "
                    @if status == Status::Broken { (breaking(same.cell)) } @else { (becoming(same.cell)) }
                    (example(&same))
                }
            }
        },
        Status::NotImplemented | Status::Unknown => {
            let mut reasons: Vec<(&str, Vec<usize>)> = Vec::new();
            for column in columns {
                let why = view.why(*column, rule);
                match reasons.iter_mut().find(|(known, _)| *known == why) {
                    Some((_, columns)) => columns.push(*column),
                    None => reasons.push((why, vec![*column])),
                }
            }
            html! { @for (why, columns) in reasons { p { (view.on(&columns)) ": " (why) } } }
        }
    }
}

/// Draws which machine code was asked.
fn probe(label: &str, column: &Column) -> Markup {
    let entries: Vec<String> = column
        .entries
        .iter()
        .map(|count| format!("{} {} {}", count.entries, count.level, count.class.name()))
        .collect();
    html! {
        h3 { (label) }
        dl.facts {
            @if let Some(why) = &column.incomplete { div { dt { "incomplete" } dd { strong.unknown { (why) } } } }
            div { dt { "machine code" } dd {
                (column.guest.kind) " " (column.guest.name) " " code.sha { "sha256 " (column.guest.sha256) }
                @if let Some(engine) = &column.guest.engine { ", run by " (engine) }
            } }
            @if let Some(release) = &column.guest.release { div { dt { "release" } dd { (release) } } }
            @if let Some(compiler) = &column.compiler { div { dt { "compiler" } dd { (compiler) } } }
            @if !column.files.is_empty() { div { dt { "files" } dd { (column.files.join(", ")) } } }
            @if !column.assumptions.is_empty() {
                div { dt { "assumptions" } dd { @for assumption in &column.assumptions { p { (assumption) } } } }
            }
            @if !entries.is_empty() { div { dt { "entries" } dd { (entries.join(", ")) } } }
        }
    }
}
