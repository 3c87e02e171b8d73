//! Reads lists of known findings (`--expect`).

use std::path::Path;

use anyhow::{Result, ensure};
use pmdscope_traces::formats;
use pmdscope_traces::results::expect::{self, Expectations};

use crate::input;

/// Reads the expectations in a list; none if no list is named. Only formats of test results may have one.
pub fn expectations(path: Option<&Path>, is_test_results: bool) -> Result<Expectations> {
    /// The most bytes that a list within its limits can have.
    const LARGEST_BYTES: u64 = ((expect::MAX_LINE + 2) * expect::MAX_LINES) as u64;
    let Some(path) = path else { return Ok(Expectations::default()) };
    ensure!(is_test_results, "--expect is for test results: add {}", test_results().join(" or "));
    let name = path.display().to_string();
    let text = input::text(path, LARGEST_BYTES)?;
    Ok(Expectations::parse(&name, &text)?)
}

/// Returns the options that ask for test results.
fn test_results() -> Vec<String> {
    let formats = formats::COMPARE.iter().filter(|format| format.encoder.is_test_results());
    formats.map(|format| format!("--format {}", format.name)).collect()
}
