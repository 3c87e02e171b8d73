//! A contract as text.

use super::report::{ContractReport, Status};
use super::view::{
    self, HelperRules, SameResult, View, becoming, breaking, call, citation, in_parentheses, transition,
};
use crate::format::{ContractEncoder, ContractFormat};
use crate::printable::printable;
use crate::text::WIDTH;
use crate::text::style::{self, paint};
use crate::text::table::{bare_table, trimmed};
use crate::text::wrapped::Lines;
use crate::words::counted;

/// Text of a contract.
pub const FORMAT: ContractFormat = ContractFormat {
    name: "text",
    about: "Text: the verdict, each broken rule with its smallest example, and what is unknown",
    extension: "txt",
    encoder: ContractEncoder::View(|report| Ok(text(report))),
};

/// Formats a contract: the verdict, the broken rules by helper, what helpers do to undocumented inputs, what is unknown,
/// and the numbers of each probe.
///
/// No line is longer than [`WIDTH`].
pub fn text(report: &ContractReport) -> String {
    let report = &*printable(report);
    let view = View::new(report);
    let mut lines = Lines::default();
    lines.styled(style::of_verdict(report.verdict), "  ", &view.verdict());
    for helper in &view.helpers {
        broken(&mut lines, &view, helper);
    }
    undocumented(&mut lines, &view);
    unknown(&mut lines, &view);
    lines.gap();
    counts(&mut lines, &view);
    assumed(&mut lines, &view);
    lines.into_text()
}

/// Writes the rules that a helper breaks.
fn broken(lines: &mut Lines, view: &View<'_>, helper: &HelperRules<'_>) {
    let rules: Vec<usize> =
        helper.rules.iter().copied().filter(|rule| view.any(*rule, Status::Broken)).collect();
    if rules.is_empty() {
        return;
    }
    lines.gap();
    lines.styled(style::TITLE, "  ", &call(helper.helper));
    for rule in rules {
        let info = &view.report.rules[rule];
        lines.paragraph("  ", "    ", &format!("Rule: {}", info.says));
        lines.paragraph("    ", "      ", &citation(info));
        for same in view.results(rule, Status::Broken) {
            let label = paint(style::WRONG, "BROKEN");
            let on = view.on(&same.columns);
            let comma = if same.cell.example.is_some() { "," } else { "" };
            let text = format!("{label} on {on}: {}{comma}", breaking(same.cell));
            lines.paragraph("    ", "      ", &text);
            example(lines, &same);
        }
    }
}

/// Writes the example of a result below it: the entries and what is wrong, in one line if it has room.
fn example(lines: &mut Lines, same: &SameResult<'_>) {
    const INDENT: &str = "      ";
    let Some(example) = &same.cell.example else { return };
    let whole = format!("e.g. {}", view::example(same));
    if INDENT.len() + whole.chars().count() <= WIDTH {
        return lines.line(&format!("{INDENT}{whole}"));
    }
    let entry = format!("e.g. {}{}", transition(example), in_parentheses(&same.changes));
    lines.paragraph(INDENT, "        ", &entry);
    if let Some(says) = view::says(same) {
        lines.paragraph(INDENT, "        ", says);
    }
}

/// Writes what helpers do to entries for which no document says what they should do.
fn undocumented(lines: &mut Lines, view: &View<'_>) {
    let rules: Vec<usize> = view.rules().filter(|rule| view.any(*rule, Status::Undocumented)).collect();
    if rules.is_empty() {
        return;
    }
    lines.gap();
    lines.styled(style::TITLE, "  ", "Undocumented inputs");
    for rule in rules {
        let info = &view.report.rules[rule];
        let text = format!("{}: {}; {}", call(&info.helper), info.says, citation(info));
        lines.paragraph("  ", "    ", &text);
        for same in view.results(rule, Status::Undocumented) {
            let on = view.on(&same.columns);
            let comma = if same.cell.example.is_some() { "," } else { "" };
            lines.paragraph("    ", "      ", &format!("{on}: {}{comma}", becoming(same.cell)));
            example(lines, &same);
        }
    }
}

/// Writes what is unknown, and why.
fn unknown(lines: &mut Lines, view: &View<'_>) {
    let unknown = view.unknown();
    if unknown.is_empty() {
        return;
    }
    lines.gap();
    lines.styled(style::TITLE, "  ", "Unknown");
    for same in unknown {
        let label = paint(style::UNKNOWN, "UNKNOWN");
        lines.paragraph("  ", "    ", &format!("{label} on {}: {}", view.on_for(&same), same.why));
        let (helpers, more) = same.helpers();
        let helpers: Vec<String> = helpers.into_iter().map(call).collect();
        lines.paragraph("    ", "    ", &format!("{}{more}", helpers.join(", ")));
    }
}

/// Writes the number of rules with each status, a line for each probe.
fn counts(lines: &mut Lines, view: &View<'_>) {
    let mut table = bare_table();
    let statuses = view::STATUSES.iter().map(|status| status.word().to_lowercase());
    table.add_row([format!("{}:", counted(view.rules().len(), "rule"))].into_iter().chain(statuses));
    for (column, label) in view.labels.iter().enumerate() {
        let numbers = view::STATUSES.iter().map(|status| view.count(column, *status).to_string());
        table.add_row([label.clone()].into_iter().chain(numbers));
    }
    let table = trimmed(&table);
    if table.lines().all(|line| line.chars().count() <= WIDTH) {
        table.lines().for_each(|line| lines.line(line));
        return;
    }
    for (column, label) in view.labels.iter().enumerate() {
        let numbers: Vec<String> = view::STATUSES
            .iter()
            .map(|status| format!("{} {}", view.count(column, *status), status.word().to_lowercase()))
            .collect();
        lines.paragraph("", "  ", &format!("{label}: {}", numbers.join(", ")));
    }
}

/// Writes what the probes do otherwise than their trees.
fn assumed(lines: &mut Lines, view: &View<'_>) {
    let assumptions = view.assumptions();
    if assumptions.is_empty() {
        return;
    }
    lines.gap();
    for (assumption, columns) in assumptions {
        lines.labelled("assumed  ", &format!("{assumption} ({})", view.on(&columns)));
    }
}
