//! A contract by helper and by probe, as all its encoders show it.

use pmdscope_arches::Encoding;

use super::report::{Cell, Column, ContractReport, Example, RuleInfo, Status};
use crate::entry;
use crate::report::Verdict;
use crate::words::counted;

/// The statuses, in the order of reports.
pub(super) const STATUSES: [Status; 5] =
    [Status::Kept, Status::Broken, Status::Undocumented, Status::NotImplemented, Status::Unknown];

/// The name of the documentation, as citations have it.
const DOCUMENT: &str = "arch_pgtable_helpers.rst";

/// A report with what its encoders have in common.
pub(super) struct View<'a> {
    /// The report.
    pub report: &'a ContractReport,
    /// The name of each column. No two are the same.
    pub labels: Vec<String>,
    /// The helpers, in the order of their first rules.
    pub helpers: Vec<HelperRules<'a>>,
}

/// A helper, with its rules by number.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct HelperRules<'a> {
    /// The name of the helper.
    pub helper: &'a str,
    /// The level: `pte`, `pmd` or `pud`.
    pub level: &'a str,
    /// The numbers of its rules.
    pub rules: Vec<usize>,
}

/// Columns that have the same result for a rule.
pub(super) struct SameResult<'a> {
    /// The numbers of the columns.
    pub columns: Vec<usize>,
    /// The result.
    pub cell: &'a Cell,
    /// The bits that differ between the entry and the result of the example, by name, where the names are known.
    pub changes: Vec<String>,
}

/// Results that are unknown for the same reason.
pub(super) struct SameReason<'a> {
    /// The reason.
    pub why: &'a str,
    /// The numbers of the columns, each with its helpers; none if nothing at all is known of it.
    pub columns: Vec<(usize, Vec<&'a str>)>,
}

impl<'a> View<'a> {
    pub fn new(report: &'a ContractReport) -> Self {
        View { report, labels: labels(report), helpers: helpers(report) }
    }

    /// Returns a cell. One that the report lacks is unknown.
    pub fn cell(&self, column: usize, rule: usize) -> &'a Cell {
        static MISSING: Cell =
            Cell { status: Status::Unknown, entries: 0, broken: 0, example: None, why: None };
        self.report.columns.get(column).and_then(|column| column.cells.get(rule)).unwrap_or(&MISSING)
    }

    /// Returns the reason why a cell is unknown, or why the helper is not there.
    pub fn why(&self, column: usize, rule: usize) -> &'a str {
        let of_column = || self.report.columns.get(column).and_then(|column| column.incomplete.as_deref());
        let why = self.cell(column, rule).why.as_deref().or_else(of_column);
        why.unwrap_or("the report does not have the reason")
    }

    /// Returns the reason why nothing at all is known of a column, if nothing is.
    pub fn nothing_known(&self, column: usize) -> Option<&'a str> {
        let why = self.report.columns.get(column)?.incomplete.as_deref()?;
        self.rules().all(|rule| self.cell(column, rule).status == Status::Unknown).then_some(why)
    }

    /// Returns the numbers of the rules.
    pub fn rules(&self) -> std::ops::Range<usize> {
        0..self.report.rules.len()
    }

    /// Returns the numbers of the columns.
    pub fn columns(&self) -> std::ops::Range<usize> {
        0..self.report.columns.len()
    }

    /// Counts the rules of a column with a status.
    pub fn count(&self, column: usize, status: Status) -> usize {
        self.rules().filter(|rule| self.cell(column, *rule).status == status).count()
    }

    /// Whether any column has this status for the rule.
    pub fn any(&self, rule: usize, status: Status) -> bool {
        self.columns().any(|column| self.cell(column, rule).status == status)
    }

    /// Returns the results of a rule that have a status, each with the columns that have it.
    pub fn results(&self, rule: usize, status: Status) -> Vec<SameResult<'a>> {
        let mut same: Vec<SameResult<'a>> = Vec::new();
        for column in self.columns() {
            let cell = self.cell(column, rule);
            if cell.status != status {
                continue;
            }
            let changes = self.changes(column, rule);
            match same.iter_mut().find(|known| known.cell == cell && known.changes == changes) {
                Some(known) => known.columns.push(column),
                None => same.push(SameResult { columns: vec![column], cell, changes }),
            }
        }
        same
    }

    /// Names the bits that differ in the example of a cell. There are only names for the bits of PMDs.
    fn changes(&self, column: usize, rule: usize) -> Vec<String> {
        let named = || {
            let Column { arch, mmu, linux, .. } = self.report.columns.get(column)?;
            let example = self.cell(column, rule).example.as_ref()?;
            let result = example.result.filter(|result| *result != example.entry)?;
            let mmu = mmu.as_ref().map(|mmu| mmu.parse()).transpose().ok()?;
            let encoding = Encoding::at(arch.parse().ok()?, mmu, linux.parse().ok()?).ok()?;
            Some(entry::changes(&encoding, example.entry.0, result.0))
        };
        let is_pmd = self.report.rules.get(rule).is_some_and(|rule| rule.level == "pmd");
        is_pmd.then(named).flatten().unwrap_or_default()
    }

    /// Returns what is unknown, by its reason.
    pub fn unknown(&self) -> Vec<SameReason<'a>> {
        let mut all: Vec<SameReason<'a>> = Vec::new();
        for column in self.columns() {
            for (why, helpers) in self.unknown_of(column) {
                match all.iter_mut().find(|known| known.why == why) {
                    Some(known) => known.columns.push((column, helpers)),
                    None => all.push(SameReason { why, columns: vec![(column, helpers)] }),
                }
            }
        }
        all
    }

    /// Returns the reasons of a column, each with the helpers that it is the reason for.
    fn unknown_of(&self, column: usize) -> Vec<(&'a str, Vec<&'a str>)> {
        if let Some(why) = self.nothing_known(column) {
            return vec![(why, Vec::new())];
        }
        let mut reasons: Vec<(&str, Vec<&str>)> = Vec::new();
        for HelperRules { helper, rules, .. } in &self.helpers {
            for rule in rules.iter().filter(|rule| self.cell(column, **rule).status == Status::Unknown) {
                let why = self.why(column, *rule);
                match reasons.iter_mut().find(|(known, _)| *known == why) {
                    Some((_, helpers)) if helpers.contains(helper) => {}
                    Some((_, helpers)) => helpers.push(helper),
                    None => reasons.push((why, vec![helper])),
                }
            }
        }
        reasons
    }

    /// Names the columns of a reason. Where they differ in their helpers, each has the number of them.
    pub fn on_for(&self, same: &SameReason<'_>) -> String {
        let differs = same.columns.windows(2).any(|pair| pair[0].1 != pair[1].1);
        if !differs {
            let columns: Vec<usize> = same.columns.iter().map(|(column, _)| *column).collect();
            return self.on(&columns);
        }
        let named = same.columns.iter().filter_map(|(column, helpers)| {
            let number = match helpers.len() {
                0 => "every helper".to_owned(),
                number => counted(number, "helper"),
            };
            Some(format!("{} ({number})", self.labels.get(*column)?))
        });
        named.collect::<Vec<_>>().join(", ")
    }

    /// Names columns: `all probes`, or each.
    pub fn on(&self, columns: &[usize]) -> String {
        if columns.len() == self.labels.len() && columns.len() > 2 {
            return "all probes".to_owned();
        }
        let labels: Vec<&str> =
            columns.iter().filter_map(|column| self.labels.get(*column)).map(String::as_str).collect();
        labels.join(", ")
    }

    /// Returns what the probes do otherwise than their trees, each with the columns.
    pub fn assumptions(&self) -> Vec<(&'a str, Vec<usize>)> {
        let all = self.report.columns.iter().enumerate().flat_map(|(number, column)| {
            column.assumptions.iter().map(move |assumption| (assumption.as_str(), number))
        });
        gathered(all)
    }

    /// Returns the reasons why helpers are not there, each with the columns.
    pub fn not_there(&self) -> Vec<(&'a str, Vec<usize>)> {
        let all = self.rules().flat_map(|rule| self.columns().map(move |column| (column, rule)));
        let not_there =
            all.filter(|(column, rule)| self.cell(*column, *rule).status == Status::NotImplemented);
        let mut reasons = gathered(not_there.map(|(column, rule)| (self.why(column, rule), column)));
        reasons.iter_mut().for_each(|(_, columns)| columns.sort_unstable());
        reasons
    }

    /// Returns the verdict and its numbers in one sentence.
    pub fn verdict(&self) -> String {
        let probes = counted(self.labels.len(), "probe");
        if self.labels.is_empty() {
            return "UNKNOWN: no probe was run".to_owned();
        }
        let broken: Vec<usize> = self.rules().filter(|rule| self.any(*rule, Status::Broken)).collect();
        let unknown = self.columns().map(|column| self.count(column, Status::Unknown)).sum::<usize>();
        let results = format!("{} {}", counted(unknown, "result"), if unknown == 1 { "is" } else { "are" });
        match self.report.verdict {
            Verdict::Findings => {
                let breaks =
                    |helper: &&HelperRules<'_>| helper.rules.iter().any(|rule| broken.contains(rule));
                let helpers = self.helpers.iter().filter(breaks).count();
                let on = self.columns().filter(|column| self.count(*column, Status::Broken) > 0).count();
                let verb = if helpers == 1 { "breaks" } else { "break" };
                let (helpers, rules) = (counted(helpers, "helper"), counted(broken.len(), "rule"));
                let unknown = if unknown == 0 { String::new() } else { format!("; {results} unknown") };
                format!("FINDINGS: {helpers} {verb} {rules}, on {on} of {probes}{unknown}")
            }
            Verdict::Unknown | Verdict::PassBounded => {
                format!("UNKNOWN: no rule is broken, but {results} unknown, which is not a pass")
            }
            Verdict::Pass => {
                let (verb, them) = if self.labels.len() == 1 { ("keeps", "it") } else { ("keep", "them") };
                format!("PASS: {probes} {verb} every rule that applies to {them}")
            }
        }
    }
}

impl<'a> SameReason<'a> {
    /// Names the helpers: all if they are few, otherwise the first and the number of the others.
    pub fn helpers(&self) -> (Vec<&'a str>, String) {
        const MOST: usize = 6;
        let mut names: Vec<&str> = Vec::new();
        for name in self.columns.iter().flat_map(|(_, helpers)| helpers) {
            if !names.contains(name) {
                names.push(name);
            }
        }
        if names.is_empty() {
            return (names, "every helper".to_owned());
        }
        let more = names.len().saturating_sub(MOST);
        names.truncate(MOST);
        (names, if more > 0 { format!(" and {more} more") } else { String::new() })
    }
}

/// Puts the columns of equal texts together, each column once.
fn gathered<'a>(all: impl Iterator<Item = (&'a str, usize)>) -> Vec<(&'a str, Vec<usize>)> {
    let mut gathered: Vec<(&str, Vec<usize>)> = Vec::new();
    for (text, column) in all {
        match gathered.iter_mut().find(|(known, _)| *known == text) {
            Some((_, columns)) if columns.contains(&column) => {}
            Some((_, columns)) => columns.push(column),
            None => gathered.push((text, vec![column])),
        }
    }
    gathered
}

/// Names each column. Where several columns have one name, that of the file is added, and a number if that is the same
/// too.
fn labels(report: &ContractReport) -> Vec<String> {
    let is_ambiguous = |name: &str| report.columns.iter().filter(|column| column.name == name).count() > 1;
    let mut labels: Vec<String> = Vec::new();
    for column in &report.columns {
        let name = if is_ambiguous(&column.name) {
            format!("{} ({})", column.name, column.guest.name)
        } else {
            column.name.clone()
        };
        let mut label = name.clone();
        let mut number = 1;
        while labels.contains(&label) {
            number += 1;
            label = format!("{name} {number}");
        }
        labels.push(label);
    }
    labels
}

/// Returns the helpers. The rules of one need not be in one place.
fn helpers(report: &ContractReport) -> Vec<HelperRules<'_>> {
    let mut helpers: Vec<HelperRules<'_>> = Vec::new();
    for (number, rule) in report.rules.iter().enumerate() {
        let (helper, level) = (rule.helper.as_str(), rule.level.as_str());
        match helpers.iter_mut().find(|known| (known.helper, known.level) == (helper, level)) {
            Some(known) => known.rules.push(number),
            None => helpers.push(HelperRules { helper, level, rules: vec![number] }),
        }
    }
    helpers
}

/// Cites the source of a rule: `arch_pgtable_helpers.rst:133 of Linux 7.2`, or who relies on it.
pub(super) fn citation(rule: &RuleInfo) -> String {
    match (rule.line, rule.line_6_12, &rule.relied_on_by) {
        (Some(line), _, _) => format!("{DOCUMENT}:{line} of Linux 7.2"),
        (None, Some(line), _) => format!("{DOCUMENT}:{line} of Linux 6.12"),
        (None, None, Some(who)) => format!("relied on by {who}"),
        (None, None, None) => "no source".to_owned(),
    }
}

/// Formats how many entries break a rule: `24 of 44 entries`.
pub(super) fn breaking(cell: &Cell) -> String {
    let entries = if cell.entries == 1 { "entry" } else { "entries" };
    if cell.broken == cell.entries && cell.entries > 1 {
        return format!("all {} {entries}", cell.entries);
    }
    format!("{} of {} {entries}", cell.broken, cell.entries)
}

/// Formats how many entries become present, where nothing is documented. Without an example no helper returned.
pub(super) fn becoming(cell: &Cell) -> String {
    match (cell.broken, cell.entries) {
        _ if cell.example.is_none() => "unknown: the helper returned for no entry".to_owned(),
        (0, 1) => "the entry does not become present".to_owned(),
        (0, entries) => format!("none of {entries} entries becomes present"),
        (1, _) => format!("{} becomes present", breaking(cell)),
        _ => format!("{} become present", breaking(cell)),
    }
}

/// Formats the entry of an example and what became of it: `mapping 0x13 -> 0x12`.
pub(super) fn transition(example: &Example) -> String {
    let entry = format!("{} {}", example.class.name(), example.entry);
    match example.result.filter(|result| *result != example.entry) {
        Some(result) => format!("{entry} -> {result}"),
        None => entry,
    }
}

/// Formats the changed bits in parentheses, with a space before them; nothing if none are named.
pub(super) fn in_parentheses(changes: &[String]) -> String {
    if changes.is_empty() { String::new() } else { format!(" ({})", changes.join(" ")) }
}

/// Formats an example in one line: the entry, the result with its bits by name, and what is wrong.
pub(super) fn example(same: &SameResult<'_>) -> String {
    let Some(example) = &same.cell.example else { return "no example".to_owned() };
    let entry = format!("{}{}", transition(example), in_parentheses(&same.changes));
    match says(same) {
        Some(says) => format!("{entry}: {says}"),
        None => entry,
    }
}

/// Returns what an example says beside its entries. That an entry becomes present is in the number of such entries
/// already.
pub(super) fn says<'a>(same: &SameResult<'a>) -> Option<&'a str> {
    let is_counted = same.cell.status == Status::Undocumented && same.cell.broken > 0;
    same.cell.example.as_ref().filter(|_| !is_counted).map(|example| example.says.as_str())
}

/// Formats a helper's name as a call: `pmd_leaf()`.
pub(super) fn call(helper: &str) -> String {
    format!("{helper}()")
}
