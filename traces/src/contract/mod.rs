//! The contract of page-table helpers: rules, what a probe's helpers answered, and whether they keep the rules.

pub mod expect;
pub mod html;
mod judge;
mod judgement;
pub mod markdown;
mod observed;
mod report;
pub mod results;
mod rules;
pub mod text;
mod view;

pub use expect::{ContractExpectError, ContractExpectFault, ContractExpectation, ContractExpectations};
pub use judge::{HUGE_ADDRESS, judge, second_of};
pub use judgement::{ColumnJudgement, ContractJudged, HelperJudgement, HelperResult};
pub use observed::{Answer, ClassedEntry, Missing, Observed};
pub use report::{CONTRACT_SCHEMA, Cell, Column, ContractReport, EntryCount, Example, RuleInfo, Status};
pub use rules::{EntryClass, Origin, Rule, rules};

use crate::format::{ContractEncoder, ContractFormat};
use crate::json;

/// The report as JSON.
pub const JSON_FORMAT: ContractFormat = ContractFormat {
    name: "json",
    about: "One object, by `pmdscope schema contract`",
    extension: "json",
    encoder: ContractEncoder::View(|report| Ok(json::pretty(report)?)),
};
