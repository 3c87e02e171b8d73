//! Lists of findings that are known.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use pmdscope_traces::results::expect::{self, Expectations};

/// What a list says, if one is named and the format is judged by it; nothing is known else.
pub fn expectations(path: Option<&Path>, judged: bool) -> Result<Expectations> {
    /// As many bytes as the longest list may have.
    const LARGEST_BYTES: u64 = ((expect::MAX_LINE + 2) * expect::MAX_LINES) as u64;
    let Some(path) = path else { return Ok(Expectations::default()) };
    ensure!(judged, "--expect is for test results: add --format ktap or --format junit");
    let name = path.display().to_string();
    let file = File::open(path).with_context(|| format!("cannot open {name}"))?;
    let mut text = String::new();
    file.take(LARGEST_BYTES + 1).read_to_string(&mut text).with_context(|| format!("cannot read {name}"))?;
    Ok(Expectations::parse(&name, &text)?)
}
