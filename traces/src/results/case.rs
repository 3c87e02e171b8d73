//! A run or a sweep as a test case of machine-readable results.

use crate::judge::FindingName;
use crate::report::{RunReport, Verdict};
use crate::results::row_key::RowKey;
use crate::sweep::SweepReport;
use crate::words;

/// A run or a sweep as a test case.
#[derive(Debug)]
pub(crate) struct Case<'a> {
    pub called: RowKey,
    /// The findings, if they count: none does if a control failed or the verdict is unknown.
    pub found: Vec<Found>,
    /// The reasons why the case is not fully known.
    pub unknown: Vec<String>,
    /// The command that runs the case again.
    pub command: &'a str,
}

/// A finding of a case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The name of the finding.
    pub name: FindingName,
    /// The lines that explain the finding and where it is.
    pub(crate) says: Vec<String>,
}

impl<'a> Case<'a> {
    pub fn of_run(row: &'a RunReport) -> Self {
        // Where a control failed, nothing else counts.
        let counts = row.failed_controls().is_empty() && row.verdict != Verdict::Unknown;
        let found = row.findings.iter().filter(|_| counts).map(|finding| {
            let schedules = words::of_schedules(&finding.schedules, row);
            let says = vec![
                format!("{}: {}", finding.name.name(), finding.explanation),
                format!("  in {schedules}, shortest {}", finding.schedule),
            ];
            Found { name: finding.name, says }
        });
        Case {
            called: RowKey::of_run(row),
            found: found.collect(),
            unknown: row.why_unknown(),
            command: &row.command,
        }
    }

    pub fn of_sweep(sweep: &'a SweepReport) -> Self {
        let counts = sweep.failed_controls().is_empty() && sweep.verdict != Verdict::Unknown;
        let found = sweep.found().into_iter().filter(|_| counts).map(|found| {
            let such_as = found.example.map_or(String::new(), |example| format!(", such as {example}"));
            let (name, entries) = (found.name.name(), words::entries(&found.entries));
            let says = vec![format!("{name}: on {entries} of the set {}{such_as}", sweep.entries)];
            Found { name: found.name, says }
        });
        Case {
            called: RowKey::of_sweep(sweep),
            found: found.collect(),
            unknown: sweep.why_unknown(),
            command: &sweep.command,
        }
    }
}
