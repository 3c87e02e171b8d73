//! Lists of findings that are known.

use std::path::Path;

use anyhow::{Result, ensure};
use pmdscope_traces::formats;
use pmdscope_traces::results::expect::{self, Expectations};

use crate::input;

/// The expectations in a list, which only formats of test results have; none if no list is named.
pub fn expectations(path: Option<&Path>, is_test_results: bool) -> Result<Expectations> {
    /// As many bytes as the longest list may have.
    const LARGEST_BYTES: u64 = ((expect::MAX_LINE + 2) * expect::MAX_LINES) as u64;
    let Some(path) = path else { return Ok(Expectations::default()) };
    ensure!(is_test_results, "--expect is for test results: add {}", test_results().join(" or "));
    let name = path.display().to_string();
    let text = input::text(path, LARGEST_BYTES)?;
    Ok(Expectations::parse(&name, &text)?)
}

/// The options that ask for test results.
fn test_results() -> Vec<String> {
    let formats = formats::COMPARE.iter().filter(|format| format.encoder.is_test_results());
    formats.map(|format| format!("--format {}", format.name)).collect()
}
