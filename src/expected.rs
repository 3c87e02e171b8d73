//! Reads lists of known findings (`--expect`).

use std::path::Path;

use anyhow::{Result, ensure};
use pmdscope_traces::contract::ContractExpectations;
use pmdscope_traces::formats;
use pmdscope_traces::results::expect::{self, Expectations};

use crate::input;

/// Reads the expectations in a list; none if no list is named. Only formats of test results may have one.
pub fn expectations(path: Option<&Path>, is_test_results: bool) -> Result<Expectations> {
    let Some((name, text)) = list(path, is_test_results, &test_results())? else {
        return Ok(Expectations::default());
    };
    Ok(Expectations::parse(&name, &text)?)
}

/// The same of helpers that are expected to break a rule.
pub fn contract_expectations(path: Option<&Path>, is_test_results: bool) -> Result<ContractExpectations> {
    let formats = formats::CONTRACT.iter().filter(|format| format.encoder.is_test_results());
    let formats: Vec<_> = formats.map(|format| format!("--format {}", format.name)).collect();
    let Some((name, text)) = list(path, is_test_results, &formats)? else {
        return Ok(ContractExpectations::default());
    };
    Ok(ContractExpectations::parse(&name, &text)?)
}

/// Reads a list. Returns its name and its text.
fn list(path: Option<&Path>, is_test_results: bool, formats: &[String]) -> Result<Option<(String, String)>> {
    /// The most bytes that a list within its limits can have.
    const LARGEST_BYTES: u64 = ((expect::MAX_LINE + 2) * expect::MAX_LINES) as u64;
    let Some(path) = path else { return Ok(None) };
    ensure!(is_test_results, "--expect is for test results: add {}", formats.join(" or "));
    Ok(Some((path.display().to_string(), input::text(path, LARGEST_BYTES)?)))
}

/// Returns the options that ask for test results.
fn test_results() -> Vec<String> {
    let formats = formats::COMPARE.iter().filter(|format| format.encoder.is_test_results());
    formats.map(|format| format!("--format {}", format.name)).collect()
}
