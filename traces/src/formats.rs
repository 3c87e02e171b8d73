//! The registry of formats: one list for each command, in the order of `--help`. The file of each encoder has
//! everything else about its format.

pub use crate::format::{
    CompareEncoder, CompareFormat, ContractEncoder, ContractFormat, Detail, EncodeError, Format,
    RecordSource, Records, ReportEncoder, ReportFormat, RunEncoder, RunFormat,
};

use crate::batch::{causes, sqlite, summary_text};
use crate::results::{junit, ktap};
use crate::text::{self, compare, traces};
use crate::timelines::{chrome, vcd};
use crate::{contract, html, json, jsonl, markdown};

/// The formats of `pmdscope run`; the first is the default.
pub const RUN: &[&RunFormat] = &[
    &text::RUN_FORMAT,
    &traces::RUN_FORMAT,
    &json::RUN_FORMAT,
    &jsonl::RUN_FORMAT,
    &markdown::RUN_FORMAT,
    &vcd::RUN_FORMAT,
    &chrome::RUN_FORMAT,
];

/// The formats of `pmdscope compare`; the first is the default.
pub const COMPARE: &[&CompareFormat] = &[
    &compare::COMPARE_FORMAT,
    &markdown::COMPARE_FORMAT,
    &json::COMPARE_FORMAT,
    &html::COMPARE_FORMAT,
    &ktap::COMPARE_FORMAT,
    &junit::COMPARE_FORMAT,
];

/// The formats of `pmdscope report`; the first is the default.
pub const REPORT: &[&ReportFormat] = &[
    &summary_text::REPORT_FORMAT,
    &summary_text::MARKDOWN_REPORT_FORMAT,
    &causes::REPORT_FORMAT,
    &compare::REPORT_FORMAT,
    &markdown::REPORT_FORMAT,
    &json::REPORT_FORMAT,
    &jsonl::REPORT_FORMAT,
    &html::REPORT_FORMAT,
    &ktap::REPORT_FORMAT,
    &junit::REPORT_FORMAT,
    &sqlite::REPORT_FORMAT,
];

/// The formats of `pmdscope contract`; the first is the default.
pub const CONTRACT: &[&ContractFormat] = &[
    &contract::text::FORMAT,
    &contract::markdown::FORMAT,
    &contract::JSON_FORMAT,
    &contract::html::FORMAT,
    &contract::results::KTAP_FORMAT,
    &contract::results::JUNIT_FORMAT,
];
