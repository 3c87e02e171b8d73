//! Recognises findings in the observations of a run.
//!
//! `registry.rs` has an entry for each finding, which names the rule that recognises it. The other files have
//! the rules, one file for each kind of rule.

use crate::findings::Finding;

mod definition;
mod destroyed;
mod fixes;
mod observed;
mod registry;
mod serial;
mod sightings;
mod together;
mod views;
mod walker;
mod writer;

pub(crate) use definition::{BugReportParts, KunitAssertion, SubjectParts, SummaryGrouping, SweptClass};
pub use definition::{Definition, Evidence, Severity, SummarySection};
pub(crate) use fixes::known_fix;
pub use observed::{
    Marked, Observed, Overwritten, RoutineNames, StaleTake, WriterChange, WriterRule, WriterSteps,
};
pub use registry::FindingName;
pub use together::{Pair, SerialOrder, Together};

use sightings::Sightings;

/// Returns the findings in the observations, in the order of [`FindingName::ALL`].
pub fn judge(observed: &Observed<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for name in FindingName::ALL {
        let mut sightings = Sightings::default();
        (name.definition().rule)(observed, &mut sightings);
        findings.extend(sightings.into_iter().map(|sighting| Finding {
            name,
            view: sighting.view,
            explanation: sighting.explanation,
            severity: sighting.severity,
            schedules: sighting.schedules,
            schedule: sighting.schedule,
        }));
    }
    findings
}

/// Picks the most informative finding: the last that says what a walker did, or else the first.
pub fn most_telling<'a>(findings: impl IntoIterator<Item = &'a Finding>) -> Option<&'a Finding> {
    let findings: Vec<&Finding> = findings.into_iter().collect();
    findings.iter().rfind(|finding| finding.name.is_deed()).or(findings.first()).copied()
}
