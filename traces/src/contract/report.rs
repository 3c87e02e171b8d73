//! The report of `pmdscope contract`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::rules::{EntryClass, Origin, Rule, rules};
use crate::entry::Value;
use crate::report::{GuestInfo, Verdict};

/// The name and number of the report. A change that breaks a reader raises the number.
pub const CONTRACT_SCHEMA: &str = "pmdscope.contract/1";

/// Which rules the helpers of several probes keep.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ContractReport {
    /// `pmdscope.contract/1`.
    pub schema: String,
    /// The program that ran it, with its version.
    pub made_by: String,
    /// The rules, in the order of every column's cells.
    pub rules: Vec<RuleInfo>,
    /// The probes.
    pub columns: Vec<Column>,
    /// The result in one word: `findings` if a rule is broken.
    pub verdict: Verdict,
}

/// A rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RuleInfo {
    /// The helper.
    pub helper: String,
    /// The level: `pte`, `pmd` or `pud`.
    pub level: String,
    /// The classes of entries that it is checked for.
    pub on: Vec<EntryClass>,
    /// What is said.
    pub says: String,
    /// The line of `Documentation/mm/arch_pgtable_helpers.rst` of Linux 7.2.13; null if no document has the rule.
    pub line: Option<u16>,
    /// The same of Linux 6.12.107, for what 7.2 does not have any more.
    pub line_6_12: Option<u16>,
    /// Who relies on a rule that no document has.
    pub relied_on_by: Option<String>,
}

impl RuleInfo {
    /// Describes a rule.
    pub fn of(rule: &Rule) -> Self {
        let (mut line, mut line_6_12, mut relied_on_by) = (None, None, None);
        match rule.origin {
            Origin::Documentation(number) => line = Some(number),
            Origin::OlderDocumentation(number) => line_6_12 = Some(number),
            Origin::ReliedOnBy(who) => relied_on_by = Some(who.to_owned()),
        }
        RuleInfo {
            helper: rule.helper.clone(),
            level: rule.level.name().to_owned(),
            on: rule.on.to_vec(),
            says: rule.says.clone(),
            line,
            line_6_12,
            relied_on_by,
        }
    }

    /// Describes all rules.
    pub fn all() -> Vec<Self> {
        rules().iter().map(RuleInfo::of).collect()
    }
}

/// The answers of one probe.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Column {
    /// Its name: the architecture, the kind of MMU if there are several, and the version.
    pub name: String,
    /// The architecture.
    pub arch: String,
    /// The kind of MMU, where the architecture has several.
    pub mmu: Option<String>,
    /// The Linux version.
    pub linux: String,
    /// The machine code.
    pub guest: GuestInfo,
    /// The compiler; null for a guest that is no probe.
    pub compiler: Option<String>,
    /// The tree's C files that are in the probe.
    pub files: Vec<String>,
    /// What was done otherwise than in the tree, a line each.
    pub assumptions: Vec<String>,
    /// How many entries there are of each level and class.
    pub entries: Vec<EntryCount>,
    /// A cell for each rule.
    pub cells: Vec<Cell>,
    /// Why nothing is known; null if it is.
    pub incomplete: Option<String>,
}

/// How many entries the helpers were asked about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct EntryCount {
    /// The level.
    pub level: String,
    /// The class.
    pub class: EntryClass,
    /// How many.
    pub entries: u64,
}

/// Whether a rule is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// For every entry.
    Kept,
    /// Not for some entry.
    Broken,
    /// No document says what it should do. What it does is in the example.
    Undocumented,
    /// The tree has no such helper in this configuration.
    NotImplemented,
    /// It did not return, or no entry could be made.
    Unknown,
}

impl Status {
    /// Its word in reports.
    pub const fn word(self) -> &'static str {
        match self {
            Status::Kept => "kept",
            Status::Broken => "BROKEN",
            Status::Undocumented => "undocumented",
            Status::NotImplemented => "not there",
            Status::Unknown => "unknown",
        }
    }
}

/// What a probe's answers say of one rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Cell {
    /// Whether the rule is kept.
    pub status: Status,
    /// How many entries were checked.
    pub entries: u64,
    /// How many of them break the rule. Where nothing is documented: how many became present.
    pub broken: u64,
    /// The smallest entry that breaks the rule.
    pub example: Option<Example>,
    /// Why the helper is not there, or why nothing is known.
    pub why: Option<String>,
}

/// An entry, and what a helper made of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Example {
    /// The class of the entry.
    pub class: EntryClass,
    /// The entry.
    pub entry: Value,
    /// What the helper made of it, or left.
    pub result: Option<Value>,
    /// What is wrong.
    pub says: String,
}

impl ContractReport {
    /// Puts columns together.
    pub fn new(made_by: String, columns: Vec<Column>) -> Self {
        let cells = || columns.iter().flat_map(|column| &column.cells);
        let verdict = if cells().any(|cell| cell.status == Status::Broken) {
            Verdict::Findings
        } else if columns.iter().any(|column| column.incomplete.is_some())
            || cells().any(|cell| cell.status == Status::Unknown)
        {
            Verdict::Unknown
        } else {
            Verdict::Pass
        };
        ContractReport {
            schema: CONTRACT_SCHEMA.to_owned(),
            made_by,
            rules: RuleInfo::all(),
            columns,
            verdict,
        }
    }
}
