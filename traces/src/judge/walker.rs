//! Findings in how a walker decided.

use pmdscope_arches::Form;

use super::observed::Observed;
use super::sightings::{Sighting, Sightings};
use super::views::is_present_swap_entry;
use crate::entry::Value;
use crate::outcome::{self, Outcome, RoutineResult};

/// A walker went past its present check on a swap entry, and took no page.
pub(super) fn walker_past_present(observed: &Observed<'_>, sightings: &mut Sightings) {
    for (outcome, view) in decisions(observed) {
        if is_past_present(outcome) && is_present_swap_entry(observed, view) {
            add(sightings, outcome, view, past_present(observed, outcome, view));
        }
    }
}

/// A walker took a page from a swap entry.
pub(super) fn walker_took_page(observed: &Observed<'_>, sightings: &mut Sightings) {
    for (outcome, view) in decisions(observed) {
        if outcome.result == RoutineResult::Page && is_present_swap_entry(observed, view) {
            add(sightings, outcome, view, past_present(observed, outcome, view));
        }
    }
}

/// A walker took a page or a mapping from an entry that the writer had invalidated and not yet replaced.
pub(super) fn took_invalidated(observed: &Observed<'_>, sightings: &mut Sightings) {
    for (outcome, view) in decisions(observed) {
        let took = matches!(outcome.result, RoutineResult::Page | RoutineResult::Leaf);
        if took && was_invalidated(observed, view) {
            let explanation = format!(
                "the walker decided on {view}, which the writer had made of mapping {} and not yet replaced: {}",
                observed.before.value,
                outcome::in_words(outcome)
            );
            add(sightings, outcome, view, explanation);
        }
    }
}

/// Each outcome with the view that it rests on.
fn decisions<'a>(observed: &Observed<'a>) -> impl Iterator<Item = (&'a Outcome, Value)> {
    // A walker that crashed says nothing of its decision; it had seen only this.
    let view = |outcome: &Outcome| outcome.decided_on.or(outcome.last_view);
    observed.outcomes.iter().filter_map(move |outcome| Some((outcome, view(outcome)?)))
}

fn is_past_present(outcome: &Outcome) -> bool {
    match outcome.result {
        RoutineResult::Page => false,
        RoutineResult::Crash => true,
        _ => outcome.past_present,
    }
}

fn past_present(observed: &Observed<'_>, outcome: &Outcome, view: Value) -> String {
    let (before, decision) = (observed.before.value, outcome::in_words(outcome));
    format!("the walker went past its present check on swap entry {before}, seen as {view}: {decision}")
}

fn add(sightings: &mut Sightings, outcome: &Outcome, view: Value, explanation: String) {
    sightings.add(Sighting {
        view,
        explanation,
        schedules: outcome.schedules.clone(),
        schedule: outcome.schedule.clone(),
    });
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
