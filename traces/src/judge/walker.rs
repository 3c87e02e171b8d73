//! Rules about the decisions of walkers.

use pmdscope_arches::Form;

use super::observed::Observed;
use super::sightings::{Sighting, Sightings};
use super::views::is_present_swap_entry;
use crate::entry::Value;
use crate::outcome::{self, Outcome, RoutineResult};

/// Finds walkers that went past their present check on a swap entry and took no page.
pub(super) fn walker_past_present(observed: &Observed<'_>, sightings: &mut Sightings) {
    for (outcome, view) in decisions(observed) {
        if is_past_present(outcome) && is_present_swap_entry(observed, view) {
            add(sightings, outcome, view, past_present(observed, outcome, view));
        }
    }
}

/// Finds walkers that took a page from a swap entry.
pub(super) fn walker_took_page(observed: &Observed<'_>, sightings: &mut Sightings) {
    for (outcome, view) in decisions(observed) {
        if outcome.result == RoutineResult::Page && is_present_swap_entry(observed, view) {
            add(sightings, outcome, view, past_present(observed, outcome, view));
        }
    }
}

/// Finds walkers that took a page or a mapping from an entry that the writer had invalidated and not yet
/// replaced.
pub(super) fn took_invalidated(observed: &Observed<'_>, sightings: &mut Sightings) {
    for (outcome, view) in observed.outcomes_meanwhile.iter().filter_map(decision) {
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

/// Finds walkers that took a page by an entry that was replaced meanwhile, and did not look at it again.
pub(super) fn took_unmapped(observed: &Observed<'_>, sightings: &mut Sightings) {
    for take in observed.stale_takes {
        sightings.add(Sighting {
            view: take.view,
            explanation: format!(
                "{} took page {:#x} by {}, and did not read the entry again once it had its reference; the writer \
                 can replace the entry with {} before that",
                observed.names.walker, take.pfn, take.view, take.replaced_by
            ),
            severity: None,
            schedules: take.schedules.clone(),
            schedule: take.schedule.clone(),
        });
    }
}

/// Returns each outcome with the view that its decision rests on.
fn decisions<'a>(observed: &Observed<'a>) -> impl Iterator<Item = (&'a Outcome, Value)> {
    observed.outcomes.iter().filter_map(decision)
}

fn decision(outcome: &Outcome) -> Option<(&Outcome, Value)> {
    // A walker that crashed reports no decision, so the last view that it had counts.
    Some((outcome, outcome.decided_on.or(outcome.last_view)?))
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
        severity: None,
        schedules: outcome.schedules.clone(),
        schedule: outcome.schedule.clone(),
    });
}

/// Whether an entry is the value that the writer gave a mapping by invalidating it.
///
/// The value before the writer does not count. Where invalidating changes nothing (an old page of s390x or
/// sparc64 is already invalid to the hardware), no walker can tell the difference.
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
