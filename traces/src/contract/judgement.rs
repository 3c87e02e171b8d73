//! Judges a contract by a list of helpers that are expected to break a rule.

use super::expect::{ContractExpectation, ContractExpectations};
use super::report::{ContractReport, Status};
use super::view::{self, HelperRules, View, breaking};
use crate::results::Conclusion;
use crate::results::list::{self, listed};
use crate::words::{counted, one_line};

/// A contract, judged by a list of helpers that are expected to break a rule.
#[derive(Debug)]
pub struct ContractJudged<'a> {
    /// The columns of the report.
    pub columns: Vec<ColumnJudgement>,
    /// Stale expectations: they match helpers, and none breaks a rule.
    pub stale: Vec<&'a ContractExpectation>,
    /// Expectations that match no helper that was run: from another report, or mistyped.
    pub elsewhere: Vec<&'a ContractExpectation>,
}

/// A judged column.
#[derive(Debug)]
pub struct ColumnJudgement {
    /// The name of the column. No two columns have the same.
    pub name: String,
    /// The reason why nothing is known of it, if nothing is. It has no helpers then.
    pub nothing_known: Option<String>,
    /// Its helpers.
    pub helpers: Vec<HelperJudgement>,
    /// The architecture and the MMU, and the version: the first two words of lines.
    words: [String; 2],
}

/// A judged helper of a column.
#[derive(Debug)]
pub struct HelperJudgement {
    /// The name of the helper.
    pub helper: String,
    /// The number of its rules that it breaks.
    pub broken: usize,
    /// Whether the list has the helper.
    pub is_listed: bool,
    /// The reasons why a rule is unknown, each once.
    pub unknown: Vec<String>,
    /// The reason why no rule was checked, if none was.
    pub skipped: Option<String>,
    /// The lines that explain why the helper is not as expected, without unprintable characters.
    pub(super) says: Vec<String>,
}

/// The result of a helper.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HelperResult {
    /// It keeps its rules.
    Pass,
    /// It breaks a rule, and the list has it.
    Expected,
    /// It breaks a rule, and the list does not have it.
    Unexpected,
    /// It breaks no rule that the list does not expect, but a rule is unknown. No list makes this pass.
    Unknown,
    /// None of its rules applies.
    Skipped,
}

impl<'a> ContractJudged<'a> {
    /// Judges a contract.
    pub fn new(report: &ContractReport, expectations: &'a ContractExpectations) -> Self {
        let view = View::new(report);
        let lines = expectations.lines();
        let columns: Vec<_> =
            view.columns().map(|column| ColumnJudgement::new(&view, column, lines)).collect();
        let stale = lines.iter().filter(|line| columns_matched(line, &columns) == Matched::Stale).collect();
        let elsewhere =
            lines.iter().filter(|line| columns_matched(line, &columns) == Matched::Nothing).collect();
        ContractJudged { columns, stale, elsewhere }
    }

    /// Returns the result of the contract.
    pub fn conclusion(&self) -> Conclusion {
        let any = |result| self.columns.iter().any(|column| column.any(result));
        if any(HelperResult::Unexpected) || !self.stale.is_empty() {
            Conclusion::Unexpected
        } else if any(HelperResult::Unknown)
            || self.columns.iter().any(|column| column.nothing_known.is_some())
        {
            Conclusion::Unknown
        } else {
            Conclusion::AsExpected
        }
    }
}

/// What a line of a list matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Matched {
    /// No helper that was run.
    Nothing,
    /// Helpers of which each is fully known, and none breaks a rule.
    Stale,
    /// A helper that breaks a rule, or may break one.
    Current,
}

fn columns_matched(line: &ContractExpectation, columns: &[ColumnJudgement]) -> Matched {
    let mut matched = Matched::Nothing;
    for column in columns {
        let [platform, linux] = &column.words;
        if column.nothing_known.is_some() && line.applies_to_column(platform, linux) {
            return Matched::Current;
        }
        for helper in column.helpers.iter().filter(|helper| helper.skipped.is_none()) {
            if line.applies_to(platform, linux, &helper.helper) {
                if helper.broken > 0 || !helper.unknown.is_empty() {
                    return Matched::Current;
                }
                matched = Matched::Stale;
            }
        }
    }
    matched
}

impl ColumnJudgement {
    fn new(view: &View<'_>, column: usize, lines: &[ContractExpectation]) -> Self {
        let of_report = &view.report.columns[column];
        let words = [list::platform(&of_report.arch, of_report.mmu.as_deref()), of_report.linux.clone()];
        let nothing_known = view.nothing_known(column).map(one_line);
        let helpers = match nothing_known {
            Some(_) => Vec::new(),
            None => view
                .helpers
                .iter()
                .map(|helper| HelperJudgement::new(view, column, helper, &words, lines))
                .collect(),
        };
        ColumnJudgement { name: one_line(&view.labels[column]), nothing_known, helpers, words }
    }

    /// Whether all helpers are as expected and fully known.
    pub fn passes(&self) -> bool {
        self.nothing_known.is_none() && self.helpers.iter().all(HelperJudgement::passes)
    }

    /// Whether any helper has this result.
    fn any(&self, result: HelperResult) -> bool {
        self.helpers.iter().any(|helper| helper.result() == result)
    }
}

impl HelperJudgement {
    fn new(
        view: &View<'_>,
        column: usize,
        helper: &HelperRules<'_>,
        [platform, linux]: &[String; 2],
        lines: &[ContractExpectation],
    ) -> Self {
        let with = |status| {
            helper.rules.iter().copied().filter(move |rule| view.cell(column, *rule).status == status)
        };
        let reasons = |status| {
            let mut reasons: Vec<String> = Vec::new();
            for why in with(status).map(|rule| one_line(view.why(column, rule))) {
                if !reasons.contains(&why) {
                    reasons.push(why);
                }
            }
            reasons
        };
        let mut says: Vec<String> = Vec::new();
        for rule in with(Status::Broken) {
            let info = &view.report.rules[rule];
            let cell = view.cell(column, rule);
            says.push(format!("{} ({}): {}", info.says, view::citation(info), breaking(cell)));
            let result = view.results(rule, Status::Broken);
            if let Some(same) = result.iter().find(|same| same.columns.contains(&column)) {
                says.push(format!("  such as {}", view::example(same)));
            }
        }
        let unknown = reasons(Status::Unknown);
        let broken = with(Status::Broken).count();
        if broken > 0 {
            says.extend(unknown.iter().map(|why| format!("unknown: {why}")));
            let words = [platform, linux, helper.helper].map(listed);
            says.push(format!("to expect it: {}", words.join(" ")));
        }
        let is_checked = with(Status::Kept).next().is_some() || broken > 0 || !unknown.is_empty();
        let skipped = (!is_checked).then(|| match with(Status::Undocumented).next() {
            Some(_) => "no document says what it should do".to_owned(),
            None => reasons(Status::NotImplemented).join("; "),
        });
        HelperJudgement {
            helper: one_line(helper.helper),
            broken,
            is_listed: lines.iter().any(|line| line.applies_to(platform, linux, helper.helper)),
            unknown,
            skipped,
            says: says.iter().map(|line| one_line(line)).collect(),
        }
    }

    /// Returns the result of the helper.
    pub fn result(&self) -> HelperResult {
        if self.broken > 0 && !self.is_listed {
            HelperResult::Unexpected
        } else if !self.unknown.is_empty() {
            HelperResult::Unknown
        } else if self.broken > 0 {
            HelperResult::Expected
        } else if self.skipped.is_some() {
            HelperResult::Skipped
        } else {
            HelperResult::Pass
        }
    }

    /// Whether the helper is as expected and fully known.
    pub fn passes(&self) -> bool {
        matches!(self.result(), HelperResult::Pass | HelperResult::Expected | HelperResult::Skipped)
    }

    /// Formats how many rules it breaks.
    pub(super) fn breaks(&self) -> String {
        format!("breaks {}", counted(self.broken, "rule"))
    }
}
