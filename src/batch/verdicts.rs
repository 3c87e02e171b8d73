//! The verdicts of jobs, from their records.

use anyhow::{Context, Result};
use pmdscope_traces::Verdict;
use serde::Deserialize;

use super::wire::Verdicts;

/// The part of a record that has the verdict of its job.
#[derive(Deserialize)]
struct Line {
    #[serde(default)]
    run: Option<Report>,
    #[serde(default)]
    sweep: Option<Report>,
}

#[derive(Deserialize)]
struct Report {
    verdict: Verdict,
}

/// Returns the verdict in a record's line.
pub fn of_line(line: &str) -> Result<Verdict> {
    let line: Line = serde_json::from_str(line)?;
    let report = line.run.or(line.sweep).context("a record of nothing")?;
    Ok(report.verdict)
}

impl Verdicts {
    pub fn add(&mut self, verdict: Verdict) {
        match verdict {
            Verdict::Pass => self.pass += 1,
            Verdict::PassBounded => self.bounded += 1,
            Verdict::Findings => self.findings += 1,
            Verdict::Unknown => self.unknown += 1,
        }
    }

    /// Counts the verdicts of lines.
    pub fn of<'a>(lines: impl IntoIterator<Item = &'a str>) -> Result<Verdicts> {
        let mut verdicts = Verdicts::default();
        for line in lines {
            verdicts.add(of_line(line)?);
        }
        Ok(verdicts)
    }

    /// Returns the sum of both.
    pub fn and(self, other: Verdicts) -> Verdicts {
        Verdicts {
            pass: self.pass + other.pass,
            bounded: self.bounded + other.bounded,
            findings: self.findings + other.findings,
            unknown: self.unknown + other.unknown,
        }
    }
}
