//! The rule about entries destroyed by a routine whose role is only to read.

use super::observed::{Observed, Overwritten};
use super::sightings::{Sighting, Sightings};
use super::views::is_present_swap_entry;
use crate::entry::Entry;

/// Finds entries worth keeping that a routine overwrote although its role is only to read.
pub(super) fn entry_destroyed(observed: &Observed<'_>, sightings: &mut Sightings) {
    for store in observed.overwritten.iter().filter(|store| is_lost(observed, store)) {
        // A walker may start over after it has stored, so its outcome does not tell which view it acted on.
        let seen = || store.seen.iter().rev().copied();
        let view = seen().find(|view| is_present_swap_entry(observed, *view)).or(seen().next());
        let view = view.unwrap_or(store.found.value);
        let having_read =
            if view == store.found.value { String::new() } else { format!(", having read {view}") };
        sightings.add(Sighting {
            view,
            explanation: format!(
                "{} only reads, and overwrote {} with {}{having_read}",
                store.by,
                lost(observed, store),
                store.after.value
            ),
            severity: None,
            schedules: store.schedules.clone(),
            schedule: store.schedule.clone(),
        });
    }
}

/// Whether a store loses an entry: it replaced an entry worth keeping with a different one.
fn is_lost(observed: &Observed<'_>, store: &Overwritten) -> bool {
    let found = &store.found;
    // A changed form of such an entry is worth as much, whatever its predicates are by then.
    let descends = !found.predicates.none && !store.installed && is_worth_keeping(observed.before);
    (is_worth_keeping(found) || descends) && !is_same_entry(found, &store.after)
}

/// Whether an entry is worth keeping, by the architecture's own predicates.
///
/// A mapping, a swap entry and a pointer to a page table are worth keeping. An empty entry is no loss, nor is an
/// entry that `pmd_bad()` rightly takes for damaged.
fn is_worth_keeping(entry: &Entry) -> bool {
    let is = &entry.predicates;
    is.swap || (is.present && (is.leaf || !is.bad))
}

/// Whether two entries map the same page or hold the same swap entry, whatever their marks and rights.
fn is_same_entry(one: &Entry, other: &Entry) -> bool {
    let maps = |entry: &Entry| entry.pfn.filter(|_| entry.predicates.present && entry.predicates.leaf);
    one.value == other.value
        || (maps(one).is_some() && maps(one) == maps(other))
        || (one.swap.is_some() && one.swap == other.swap)
}

/// Describes the lost entry.
fn lost(observed: &Observed<'_>, store: &Overwritten) -> String {
    let (before, found) = (observed.before, store.found.value);
    let was = format!("{} {}", kind(before, observed.built_as_swap), before.value);
    if found == before.value {
        was
    } else if store.installed {
        format!("{found}, which the writer had installed in the place of {was},")
    } else if before.predicates.none {
        format!("{} {found}", kind(&store.found, false))
    } else {
        format!("{was}, which was {found} by then,")
    }
}

fn kind(entry: &Entry, built_as_swap: bool) -> &'static str {
    let is = &entry.predicates;
    if is.swap || built_as_swap {
        "swap entry"
    } else if is.none {
        "empty entry"
    } else if is.leaf {
        "mapping"
    } else {
        "table pointer"
    }
}
