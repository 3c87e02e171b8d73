//! A contract as Markdown: the whole matrix, and the examples.

use std::fmt::Write;

use super::report::{ContractReport, RuleInfo, Status};
use super::view::{self, HelperRules, SameResult, View, becoming, breaking, call};
use crate::format::{ContractEncoder, ContractFormat};
use crate::printable::printable;

/// Markdown of a contract.
pub const FORMAT: ContractFormat = ContractFormat {
    name: "markdown",
    about: "Markdown: a table of every rule and every probe for each level, and the examples",
    extension: "md",
    encoder: ContractEncoder::View(|report| Ok(markdown(report))),
};

/// Formats a contract. Rules of a helper that have the same results on every probe are in one row.
pub fn markdown(report: &ContractReport) -> String {
    let report = &*printable(report);
    let view = View::new(report);
    let mut out = format!("**{}**.\n", prose(&view.verdict()));
    let sources = Sources::new(report);
    let mut levels: Vec<&str> = Vec::new();
    for HelperRules { level, .. } in &view.helpers {
        if !levels.contains(level) {
            levels.push(level);
        }
    }
    for level in levels {
        let _ = writeln!(out, "\n## {}\n", prose(&level.to_uppercase()));
        table(&mut out, &view, &sources, level);
    }
    out += &sources.legend();
    broken(&mut out, &view);
    undocumented(&mut out, &view);
    unknown(&mut out, &view);
    let not_there = view.not_there();
    section(&mut out, "Not there", not_there.iter().map(|(why, columns)| (*why, view.on(columns))));
    probes(&mut out, &view);
    let assumptions = view.assumptions();
    section(&mut out, "Assumptions", assumptions.iter().map(|(what, columns)| (*what, view.on(columns))));
    out
}

/// The sources of rules in few characters, and what they mean.
struct Sources<'a> {
    /// The code that relies on rules, by its number.
    relied: Vec<&'a str>,
}

impl<'a> Sources<'a> {
    fn new(report: &'a ContractReport) -> Self {
        let mut relied: Vec<&str> = Vec::new();
        for rule in report.rules.iter().filter(|rule| rule.line.is_none() && rule.line_6_12.is_none()) {
            if let Some(who) = rule.relied_on_by.as_deref().filter(|who| !relied.contains(who)) {
                relied.push(who);
            }
        }
        Sources { relied }
    }

    /// Names a source: the number of a line, or R and a number.
    fn name(&self, rule: &RuleInfo) -> String {
        match (rule.line, rule.line_6_12, rule.relied_on_by.as_deref()) {
            (Some(line), _, _) => line.to_string(),
            (None, Some(line), _) => format!("6.12:{line}"),
            (None, None, Some(who)) => match self.relied.iter().position(|known| *known == who) {
                Some(number) => format!("R{}", number + 1),
                None => "R".to_owned(),
            },
            (None, None, None) => "none".to_owned(),
        }
    }

    fn legend(&self) -> String {
        let mut legend = "\n## Sources\n\nA number is a line of `Documentation/mm/arch_pgtable_helpers.rst` of Linux \
                          7.2, and 6.12:*N* line *N* of Linux 6.12. No document has the other rules, but generic code \
                          relies on them:\n\n"
            .to_owned();
        for (number, who) in (1..).zip(&self.relied) {
            let _ = writeln!(legend, "- R{number}: {}", prose(who));
        }
        if self.relied.is_empty() {
            legend += "- none\n";
        }
        legend
    }
}

/// Writes the table of one level.
fn table(out: &mut String, view: &View<'_>, sources: &Sources<'_>, level: &str) {
    let heads = view.labels.iter().map(|label| prose(label));
    row(out, ["Helper", "Rules", "Source"].map(str::to_owned).into_iter().chain(heads));
    row(out, std::iter::repeat_n("---".to_owned(), 3 + view.labels.len()));
    for helper in view.helpers.iter().filter(|helper| helper.level == level) {
        for (statuses, rules) in alike(view, helper) {
            let rules = rules.iter().filter_map(|rule| view.report.rules.get(*rule));
            let says: Vec<String> = rules.clone().map(|rule| prose(&rule.says)).collect();
            let mut cited: Vec<String> = Vec::new();
            for source in rules.map(|rule| sources.name(rule)) {
                if !cited.contains(&source) {
                    cited.push(source);
                }
            }
            let heads = [code(&call(helper.helper)), says.join("; "), cited.join(", ")];
            row(out, heads.into_iter().chain(statuses.iter().map(|status| word(*status).to_owned())));
        }
    }
}

/// Puts rules of a helper together that have the same results on every probe.
fn alike(view: &View<'_>, helper: &HelperRules<'_>) -> Vec<(Vec<Status>, Vec<usize>)> {
    let mut rows: Vec<(Vec<Status>, Vec<usize>)> = Vec::new();
    for rule in &helper.rules {
        let statuses: Vec<_> = view.columns().map(|column| view.cell(column, *rule).status).collect();
        match rows.iter_mut().find(|(known, _)| *known == statuses) {
            Some((_, rules)) => rules.push(*rule),
            None => rows.push((statuses, vec![*rule])),
        }
    }
    rows
}

const fn word(status: Status) -> &'static str {
    match status {
        Status::Broken => "**BROKEN**",
        Status::NotImplemented => "-",
        Status::Kept | Status::Undocumented | Status::Unknown => status.word(),
    }
}

fn row(out: &mut String, cells: impl Iterator<Item = String>) {
    for cell in cells {
        let _ = write!(out, "| {cell} ");
    }
    out.push_str("|\n");
}

fn broken(out: &mut String, view: &View<'_>) {
    let rules: Vec<usize> = view.rules().filter(|rule| view.any(*rule, Status::Broken)).collect();
    if rules.is_empty() {
        return;
    }
    out.push_str("\n## Broken\n\n");
    for rule in rules {
        let info = &view.report.rules[rule];
        let (says, source) = (prose(&info.says), prose(&view::citation(info)));
        let _ = writeln!(out, "- {}: {says} ({source})", code(&call(&info.helper)));
        for same in view.results(rule, Status::Broken) {
            let _ = writeln!(out, "  - {}", result(view, &same, breaking(same.cell)));
        }
    }
}

fn undocumented(out: &mut String, view: &View<'_>) {
    let rules: Vec<usize> = view.rules().filter(|rule| view.any(*rule, Status::Undocumented)).collect();
    if rules.is_empty() {
        return;
    }
    out.push_str("\n## Undocumented inputs\n\n");
    for rule in rules {
        let info = &view.report.rules[rule];
        let (says, source) = (prose(&info.says), prose(&view::citation(info)));
        let _ = writeln!(out, "- {}: {says} ({source})", code(&call(&info.helper)));
        for same in view.results(rule, Status::Undocumented) {
            let _ = writeln!(out, "  - {}", result(view, &same, becoming(same.cell)));
        }
    }
}

/// Formats a result: the columns that have it, the number of entries, and the example.
fn result(view: &View<'_>, same: &SameResult<'_>, entries: String) -> String {
    let on = prose(&view.on(&same.columns));
    match &same.cell.example {
        Some(_) => format!("{on}: {entries}, such as {}", prose(&view::example(same))),
        None => format!("{on}: {entries}"),
    }
}

fn unknown(out: &mut String, view: &View<'_>) {
    let unknown = view.unknown();
    if unknown.is_empty() {
        return;
    }
    out.push_str("\n## Unknown\n\n");
    for same in unknown {
        let (helpers, more) = same.helpers();
        let helpers: Vec<String> = helpers.into_iter().map(|helper| code(&call(helper))).collect();
        let (on, why) = (prose(&view.on_for(&same)), prose(same.why));
        let _ = writeln!(out, "- {on}: {}{more}: {why}", helpers.join(", "));
    }
}

/// Writes a list of texts, each with the columns that have it.
fn section<'a>(out: &mut String, title: &str, items: impl Iterator<Item = (&'a str, String)>) {
    for (number, (text, on)) in items.enumerate() {
        if number == 0 {
            let _ = writeln!(out, "\n## {title}\n");
        }
        let _ = writeln!(out, "- {}: {}", prose(text), prose(&on));
    }
}

/// Writes which machine code was asked, and the numbers of each probe.
fn probes(out: &mut String, view: &View<'_>) {
    if view.labels.is_empty() {
        return;
    }
    out.push_str("\n## Probes\n\n");
    let statuses = view::STATUSES.iter().map(|status| status.word().to_lowercase());
    let heads = ["Probe", "Release", "Compiler", "SHA-256"].map(str::to_owned);
    row(out, heads.into_iter().chain(statuses));
    row(out, std::iter::repeat_n("---".to_owned(), 4 + view::STATUSES.len()));
    for (number, (label, column)) in view.labels.iter().zip(&view.report.columns).enumerate() {
        let sha256 = column.guest.sha256.get(..12).unwrap_or(&column.guest.sha256);
        let compiler = column.compiler.as_deref().unwrap_or_default();
        let release = column.guest.release.as_deref().unwrap_or_default();
        let facts = [prose(label), prose(release), prose(compiler), code(sha256)];
        let counts = view::STATUSES.iter().map(|status| view.count(number, *status).to_string());
        row(out, facts.into_iter().chain(counts));
    }
}

/// Escapes each character of a text that Markdown or HTML would not show as it is.
fn prose(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    let mut before = ' ';
    let mut characters = text.chars().peekable();
    while let Some(c) = characters.next() {
        let within = |c: char| c.is_alphanumeric() || c == '_';
        let is_special = match c {
            '\\' | '`' | '*' | '[' | ']' | '<' | '>' | '|' | '~' | '#' | '$' => true,
            // An arrow and a name with underscores are shown as they are.
            '_' => !(within(before) && characters.peek().is_some_and(|next| within(*next))),
            '&' => characters.peek().is_some_and(|next| next.is_alphanumeric() || *next == '#'),
            _ => false,
        };
        if is_special && !(c == '>' && before == '-') {
            escaped.push('\\');
        }
        escaped.push(c);
        before = c;
    }
    escaped
}

/// Formats a text as code, also within a table.
fn code(text: &str) -> String {
    // A code span ends at as many backticks as begin it.
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest + 1);
    let space = if longest > 0 { " " } else { "" };
    format!("{fence}{space}{}{space}{fence}", text.replace('|', "\\|"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_shown_as_they_are() {
        assert_eq!(prose("__pmd_to_swp_entry() 0x1 -> 0x2"), "\\__pmd_to_swp_entry() 0x1 -> 0x2");
        assert_eq!(
            prose("<b>|*a*_b_ [c](d) &amp; e & f"),
            "\\<b\\>\\|\\*a\\*\\_b\\_ \\[c\\](d) \\&amp; e & f"
        );
    }

    #[test]
    fn code_holds_backticks_and_bars() {
        assert_eq!(code("a|b"), "`a\\|b`");
        assert_eq!(code("a``b"), "``` a``b ```");
    }
}
