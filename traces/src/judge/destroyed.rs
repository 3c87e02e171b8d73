//! Entries that a routine destroyed which only reads by its role.

use super::observed::{Observed, Overwritten};
use super::sightings::{Sighting, Sightings};
use super::views::is_present_swap_entry;
use crate::entry::Entry;

/// A routine that only reads overwrote something that was worth keeping.
pub(super) fn entry_destroyed(observed: &Observed<'_>, sightings: &mut Sightings) {
    for store in observed.overwritten.iter().filter(|store| is_lost(observed, store)) {
        // A walker may start over after it has stored, so its outcome says nothing of this.
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
            schedules: store.schedules.clone(),
            schedule: store.schedule.clone(),
        });
    }
}

/// Whether something is lost by a store: what it replaced was worth keeping, and is not what it left.
fn is_lost(observed: &Observed<'_>, store: &Overwritten) -> bool {
    let found = &store.found;
    // A changed form of such an entry is worth as much, whatever the predicates say of it by then.
    let descends = !found.predicates.none && !store.installed && is_worth_keeping(observed.before);
    (is_worth_keeping(found) || descends) && !is_same_entry(found, &store.after)
}

/// A mapping, a swap entry, or a pointer to a page table, by the architecture's own predicates. Nobody loses anything by
/// an empty entry, or by one that `pmd_bad()` rightly takes for damaged.
fn is_worth_keeping(entry: &Entry) -> bool {
    let is = &entry.predicates;
    is.swap || (is.present && (is.leaf || !is.bad))
}

/// Whether two entries map the same page, or hold the same swap entry, whatever their marks and rights.
fn is_same_entry(one: &Entry, other: &Entry) -> bool {
    let maps = |entry: &Entry| entry.pfn.filter(|_| entry.predicates.present && entry.predicates.leaf);
    one.value == other.value
        || (maps(one).is_some() && maps(one) == maps(other))
        || (one.swap.is_some() && one.swap == other.swap)
}

/// What was lost, in words.
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
