//! Rules about what a writer does, with or without a walker.

use pmdscope_arches::{Encoding, EntryMarks, Form};

use super::observed::{Observed, WriterChange};
use super::sightings::{Sighting, Sightings};
use crate::entry::Value;

/// Finds mappings that the MMU goes on using although the writer considers them invalidated.
pub(super) fn still_valid(observed: &Observed<'_>, sightings: &mut Sightings) {
    if !observed.walker_only_reads {
        return;
    }
    for change in observed.changes {
        still_valid_after(observed, change, sightings);
    }
}

/// Finds marks that the writer read and did not hand on, or did not put into the page table that it filled.
pub(super) fn marks_lost(observed: &Observed<'_>, sightings: &mut Sightings) {
    if !observed.walker_only_reads {
        return;
    }
    for change in observed.changes {
        marks_lost_by(observed, change, sightings);
    }
    marks_lost_in_page_table(observed, sightings);
}

fn still_valid_after(observed: &Observed<'_>, change: &WriterChange, sightings: &mut Sightings) {
    let steps = &change.steps;
    let is_valid =
        |value: Value| observed.is_mapping(value) && (observed.encoding.layout().hardware_valid)(value.0);
    let (found, left) = (steps.found.unwrap_or(steps.read), steps.left());
    // A writer that has not yet replaced the entry or returned may still invalidate it. A writer that replaces
    // entries, and found nothing to replace, has nothing to invalidate either.
    let is_over = steps.ended && (steps.installed.is_some() || !observed.writer.installs);
    if !(observed.writer.invalidates && is_over && is_valid(found) && is_valid(left)) {
        return;
    }
    let until = match steps.installed {
        Some(installed) => format!("when the writer replaced it with {installed}"),
        None => "when the writer returned".to_owned(),
    };
    sightings.add(Sighting {
        view: left,
        explanation: format!(
            "mapping {found} was to be invalidated, and was {left}, which is valid to the hardware, {until}"
        ),
        severity: None,
        schedules: change.schedules.clone(),
        schedule: change.schedule.clone(),
    });
}

/// Finds marks that the writer read, that were still set when it stored, and that it did not hand on.
fn marks_lost_by(observed: &Observed<'_>, change: &WriterChange, sightings: &mut Sightings) {
    let steps = &change.steps;
    let Some(found) = steps.found else { return };
    let encoding = observed.encoding;
    let went_in = encoding.marks_of(steps.read.0).and(encoding.marks_of(found.0));
    let mut lost = |marks: EntryMarks, what: String| {
        if marks.is_empty() {
            return;
        }
        let marks = marks.names().collect::<Vec<_>>().join(" and ");
        sightings.add(Sighting {
            view: found,
            explanation: format!("the writer lost {marks} of {found}: {what}"),
            severity: None,
            schedules: change.schedules.clone(),
            schedule: change.schedule.clone(),
        });
    };
    // An entry that the writer emptied has no marks to check; if emptying it was wrong, that is another
    // finding.
    let has_marks =
        |value: Value| matches!(encoding.form(value.0), Form::Leaf | Form::InvalidLeaf | Form::Swap);
    if observed.writer.invalidates && observed.is_mapping(found) {
        if let Some(left) = steps.stored.last().copied().filter(|left| observed.is_mapping(*left)) {
            // Where accessed is the bit that makes an entry valid to the hardware, no invalidated mapping has it.
            let can_stay = went_in.and(encoding.marks_of((encoding.layout().invalidated)(found.0)));
            lost(can_stay.without(encoding.marks_of(left.0)), format!("it stored {left}"));
        }
        if let Some(returned) = steps.returned {
            lost(went_in.without(encoding.marks_of(returned.0)), format!("it returned {returned}"));
        }
    }
    if let Some(installed) = steps.installed.filter(|installed| has_marks(*installed)) {
        let kept = encoding.marks_of(installed.0);
        lost(
            went_in.without(kept).without(observed.writer.may_drop),
            format!("it replaced it with {installed}"),
        );
    }
}

/// Finds marks that are missing in the page table that a split filled: with the small pages of a mapping, or with
/// migration entries of them.
fn marks_lost_in_page_table(observed: &Observed<'_>, sightings: &mut Sightings) {
    let Some(change) = observed.changes.iter().find(|change| change.steps.installed.is_some()) else {
        return;
    };
    let (before, encoding) = (observed.before.value, observed.encoding);
    let went_in = encoding.marks_of(before.0).without(observed.writer.may_drop);
    let (kept, in_ptes): (fn(&Encoding, u64) -> EntryMarks, EntryMarks) = if observed.began_with_mapping() {
        (Encoding::marks_of_pte, EntryMarks::ALL)
    } else if encoding.is_migration(before.0) {
        (Encoding::marks_of_migration_pte, encoding.marks_in_migration_ptes())
    } else {
        return;
    };
    let lacks = |pte: u64| went_in.and(in_ptes).without(kept(encoding, pte));
    let lacking: Vec<u64> = observed.filled.iter().copied().filter(|pte| !lacks(*pte).is_empty()).collect();
    let Some(first) = lacking.first() else { return };
    let marks = lacks(*first).names().collect::<Vec<_>>().join(" and ");
    sightings.add(Sighting {
        view: before,
        explanation: format!(
            "the writer lost {marks} of {before}: {} of the {} entries that it filled of the page table lack it, as {}",
            lacking.len(),
            observed.filled.len(),
            Value(*first)
        ),
        severity: None,
        schedules: change.schedules.clone(),
        schedule: change.schedule.clone(),
    });
}

/// Finds marks that another CPU set in the meantime, and that are neither in the entry that the writer got back
/// nor in the final entry.
pub(super) fn bits_lost(observed: &Observed<'_>, sightings: &mut Sightings) {
    for marked in observed.marked {
        let bits = marked.before.0 ^ marked.after.0;
        let kept = |value: Value| (value.0 ^ marked.after.0) & bits == 0;
        if bits != 0 && marked.returned.is_some_and(|returned| !kept(returned)) && !kept(marked.in_the_end) {
            sightings.add(Sighting {
                view: marked.after,
                explanation: format!(
                    "the MMU changed {} to {}, the writer returned {}, and the entry is {} in the end",
                    marked.before,
                    marked.after,
                    marked.returned.unwrap_or(marked.in_the_end),
                    marked.in_the_end
                ),
                severity: None,
                schedules: marked.schedules.clone(),
                schedule: marked.schedule.clone(),
            });
        }
    }
}
