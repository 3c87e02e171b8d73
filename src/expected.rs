//! Lists of findings that are known.

use std::path::Path;

use anyhow::{Result, ensure};
use pmdscope_traces::results::expect::{self, Expectations};

use crate::input;

/// What a list says, if one is named and the format is judged by it; nothing is known else.
pub fn expectations(path: Option<&Path>, judged: bool) -> Result<Expectations> {
    /// As many bytes as the longest list may have.
    const LARGEST_BYTES: u64 = ((expect::MAX_LINE + 2) * expect::MAX_LINES) as u64;
    let Some(path) = path else { return Ok(Expectations::default()) };
    ensure!(judged, "--expect is for test results: add --format ktap or --format junit");
    let name = path.display().to_string();
    let text = input::text(path, LARGEST_BYTES)?;
    Ok(Expectations::parse(&name, &text)?)
}
