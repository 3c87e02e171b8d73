//! Rules about the entries that a walker's loads returned.

use super::observed::Observed;
use super::sightings::{Sighting, Sightings};
use crate::entry::{Entry, Value};
use crate::view::View;

/// Finds views of a swap entry that is present as the kernel builds it.
pub(super) fn swap_built_present(observed: &Observed<'_>, sightings: &mut Sightings) {
    let before = observed.before.value;
    for view in views(observed).filter(|view| is_built_present(observed, view)) {
        add(sightings, view, format!("swap entry {before} is present as the kernel builds it"));
    }
}

/// Finds views in which a swap entry became present.
pub(super) fn swap_becomes_present(observed: &Observed<'_>, sightings: &mut Sightings) {
    let before = observed.before.value;
    for view in views(observed).filter(|view| became_present(observed, view)) {
        let explanation = format!(
            "swap entry {before} was seen as present entry {} ({})",
            view.entry.value,
            view.changes.join(" ")
        );
        add(sightings, view, explanation);
    }
}

/// Finds views in which a swap entry decodes to another type or offset.
pub(super) fn swap_decodes_differently(observed: &Observed<'_>, sightings: &mut Sightings) {
    let before = observed.before;
    for view in views(observed) {
        let seen = &view.entry;
        if before.predicates.swap && seen.predicates.swap && before.swap != seen.swap {
            let explanation = format!(
                "swap entry {} holding {} was seen as {} holding {} ({})",
                before.value,
                held(before),
                seen.value,
                held(seen),
                view.changes.join(" ")
            );
            add(sightings, view, explanation);
        }
    }
}

/// Finds views in which a mapping looks empty or not present.
pub(super) fn present_lost(observed: &Observed<'_>, sightings: &mut Sightings) {
    for view in views(observed) {
        let seen = &view.entry;
        if observed.began_with_mapping() && !seen.predicates.present && !view.by_walker {
            let looks = if seen.predicates.none { "empty" } else { "not present" };
            let explanation = format!(
                "mapped entry {} was seen as {}, which is {looks} ({})",
                observed.before.value,
                seen.value,
                view.changes.join(" ")
            );
            add(sightings, view, explanation);
        }
    }
}

/// Whether a walker saw this value of a swap entry while it was present, as built or as the writer changed it.
pub(super) fn is_present_swap_entry(observed: &Observed<'_>, value: Value) -> bool {
    views(observed).any(|view| {
        view.entry.value == value && (is_built_present(observed, view) || became_present(observed, view))
    })
}

/// Returns the views that the writer did not install. What a walker stored that changes entries by its role is its own
/// doing.
fn views<'a>(observed: &Observed<'a>) -> impl Iterator<Item = &'a View> {
    let of_writer = |view: &&View| observed.walker_only_reads || !view.by_walker;
    observed.views.iter().filter(|view| !view.installed).filter(of_writer)
}

fn is_built_present(observed: &Observed<'_>, view: &View) -> bool {
    let before = observed.before;
    observed.built_as_swap && before.predicates.present && view.entry.value == before.value
}

fn became_present(observed: &Observed<'_>, view: &View) -> bool {
    observed.before.predicates.swap && view.entry.predicates.present
}

fn add(sightings: &mut Sightings, view: &View, explanation: String) {
    sightings.add(Sighting {
        view: view.entry.value,
        explanation,
        severity: None,
        schedules: view.schedules.clone(),
        schedule: view.schedule.clone(),
    });
}

fn held(entry: &Entry) -> String {
    entry.swap.map_or("nothing".to_owned(), |swap| format!("type {} offset {:#x}", swap.kind, swap.offset.0))
}
