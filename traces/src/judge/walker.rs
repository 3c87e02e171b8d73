//! Findings in how a walker decided.

use pmdscope_arches::Form;

use super::{Findings, Observed};
use crate::entry::Value;
use crate::findings::{Finding, FindingName};
use crate::outcome::RoutineResult;
use crate::words;

/// `taken_for_present` are the views of a swap entry that were present.
pub(super) fn judge(observed: &Observed<'_>, taken_for_present: &[Value], findings: &mut Findings) {
    let before = observed.before.value;
    for outcome in observed.outcomes {
        // A walker that crashed says nothing of its decision; it had seen only this.
        let Some(view) = outcome.decided_on.or(outcome.last_view) else { continue };
        let of_swap = match outcome.result {
            RoutineResult::Page => Some(FindingName::WalkerTookPage),
            RoutineResult::Crash => Some(FindingName::WalkerPastPresent),
            _ => outcome.past_present.then_some(FindingName::WalkerPastPresent),
        };
        let decision = words::outcome(outcome);
        let found = if let Some(name) = of_swap.filter(|_| taken_for_present.contains(&view)) {
            let explanation = format!(
                "the walker went past its present check on swap entry {before}, seen as {view}: {decision}"
            );
            Some((name, explanation))
        } else if matches!(outcome.result, RoutineResult::Page | RoutineResult::Leaf)
            && was_invalidated(observed, view)
        {
            let explanation = format!(
                "the walker decided on {view}, which the writer had made of mapping {before} and not yet replaced: \
                 {decision}"
            );
            Some((FindingName::TookInvalidated, explanation))
        } else {
            None
        };
        if let Some((name, explanation)) = found {
            findings.add(Finding {
                name,
                view,
                explanation,
                schedules: outcome.schedules.clone(),
                schedule: outcome.schedule.clone(),
            });
        }
    }
}

/// Whether an entry is what the writer made of a mapping when it invalidated it.
///
/// An entry that was there before the writer is not: where invalidating changes nothing (an old page of s390x or
/// sparc64 is invalid to the hardware as it is), no walker can tell.
fn was_invalidated(observed: &Observed<'_>, view: Value) -> bool {
    observed.began_with_mapping()
        && view != observed.before.value
        && observed.encoding.form(view.0) == Form::InvalidLeaf
        && observed.changes.iter().any(|change| {
            let steps = &change.steps;
            steps.found.is_some_and(|found| observed.is_mapping(found) && found != view)
                && steps.stored.contains(&view)
        })
}
