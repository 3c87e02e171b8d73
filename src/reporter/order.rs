//! What must come after what in a run, whichever of the equivalent schedules it is: the steps of one routine after each
//! other, and two accesses to one word of which one changes it.

use pmdscope_arches::Form;
use pmdscope_emu::{Access, Action, Run, WALKER, WRITER};
use pmdscope_traces::{Outcome, RoutineResult, StaleTake, Value};

use super::Reporter;
use crate::tally::Tally;

/// An access of a run.
struct Step<'a> {
    cpu: u8,
    access: &'a Access,
}

impl Step<'_> {
    fn changes(&self) -> bool {
        self.access.before != self.access.after
    }

    fn word(&self) -> u64 {
        self.access.address & !7
    }
}

/// Returns the accesses of a run, in their order.
fn steps(run: &Run) -> Vec<Step<'_>> {
    run.events
        .iter()
        .filter_map(|event| match &event.what {
            Action::Access(access) => Some(Step { cpu: event.cpu, access }),
            _ => None,
        })
        .collect()
}

/// Whether a step of `first` must come before one of `second`, by a word that both access. Only steps that `counts` says
/// count.
fn must_precede(steps: &[Step<'_>], first: u8, second: u8, counts: impl Fn(&Step<'_>) -> bool) -> bool {
    steps.iter().enumerate().any(|(at, early)| {
        let conflicts = |late: &Step<'_>| late.word() == early.word() && (late.changes() || early.changes());
        early.cpu == first
            && counts(early)
            && steps[at + 1..].iter().any(|late| late.cpu == second && conflicts(late))
    })
}

impl Reporter<'_> {
    /// Returns the walker's outcomes, without those that rest on an entry that it read again and found changed, and those
    /// that it decided on after a lock made it wait for the writer's end.
    pub(super) fn outcomes_meanwhile(&self) -> Vec<Outcome> {
        self.outcomes_in(WALKER, |run, outcome| !self.waited_for_writer(run, outcome))
    }

    /// Whether the walker read what it decided on after it saw, in another word than the entry, that the writer had made
    /// its last change to the entry; or read the entry again, and saw such a change.
    fn waited_for_writer(&self, run: &Run, outcome: &Outcome) -> bool {
        let Some(view) = outcome.decided_on else { return false };
        let steps = steps(run);
        let of_entry = |step: &Step<'_>| self.is_of_entry(step);
        let last_change =
            steps.iter().rposition(|step| step.cpu == WRITER && of_entry(step) && step.changes());
        let decision =
            steps.iter().rposition(|step| step.cpu == WALKER && of_entry(step) && step.access.loads);
        if decision.is_some_and(|at| steps[at].access.before != view.0) {
            return true;
        }
        let (Some(change), Some(decision)) = (last_change, decision) else { return false };
        let between = steps.get(change + 1..decision).unwrap_or_default();
        must_precede(between, WRITER, WALKER, |step| !of_entry(step))
    }

    /// Returns the pages that the walker took by an entry that the writer could replace before the walker had its
    /// reference, and that the walker did not read again.
    pub(super) fn stale_takes(&self) -> Vec<StaleTake> {
        let mut takes = Tally::default();
        for run in &self.exploration.runs {
            if let Some(take) = self.stale_take(run) {
                takes.add(take, run);
            }
        }
        takes
            .into_iter()
            .map(|((pfn, view, replaced_by), schedules, schedule)| StaleTake {
                pfn,
                view,
                replaced_by,
                schedules,
                schedule,
            })
            .collect()
    }

    /// Returns the page of such a run, the entry by which the walker took it, and what replaced that entry.
    fn stale_take(&self, run: &Run) -> Option<(u64, Value, Value)> {
        let steps = steps(run);
        let is_load = |step: &Step<'_>| step.cpu == WALKER && step.access.loads && self.is_of_entry(step);
        let (pfn, view, got) = match self.reference_got(&steps) {
            Some((got, pfn)) => {
                let is_view = |step: &Step<'_>| {
                    is_load(step) && self.encoding.huge_page_of(step.access.before) == Some(pfn)
                };
                if steps[got + 1..].iter().any(is_view) {
                    return None;
                }
                // Who went on to a page table has its page from there.
                let view = steps[..got].iter().rposition(is_load)?;
                if !is_view(&steps[view]) {
                    return None;
                }
                (pfn, view, got)
            }
            // Nobody else uses the word with the number, so it is not watched. Who reads the entry once cannot have read
            // it again.
            None => {
                let took = self.outcome_of(run, WALKER).result == RoutineResult::Page;
                let mut loads = steps.iter().enumerate().filter(|(_, step)| is_load(step));
                let (view, step) = loads.next().filter(|_| took)?;
                if loads.next().is_some() {
                    return None;
                }
                let last = steps.iter().rposition(|step| step.cpu == WALKER)?;
                (self.encoding.huge_page_of(step.access.before)?, view, last)
            }
        };
        let replaces = |step: &Step<'_>| {
            step.cpu == WRITER
                && self.is_of_entry(step)
                && step.changes()
                && !self.is_mapping_of(step.access.after, pfn)
        };
        let replaced = view + 1 + steps[view + 1..].iter().position(replaces)?;
        // A lock may keep the writer from the entry until the walker has its reference.
        let between = steps.get(got..=replaced).unwrap_or_default();
        if got != view && must_precede(between, WALKER, WRITER, |_| true) {
            return None;
        }
        let (view, by) = (steps[view].access.before, steps[replaced].access.after);
        Some((pfn, Value(view), Value(by)))
    }

    /// Returns the step by which the walker got a reference that it keeps, and the page; `None` if no step shows that.
    fn reference_got(&self, steps: &[Step<'_>]) -> Option<(usize, u64)> {
        let (mut number, mut got) = (0_i64, None);
        for (at, step) in steps.iter().enumerate().filter(|(_, step)| step.cpu == WALKER && step.changes()) {
            let references = |word: u64| self.inspect.references_in(step.word(), word);
            if let (Some((pfn, before)), Some((_, after))) =
                (references(step.access.before), references(step.access.after))
            {
                number += i64::from(after) - i64::from(before);
                if after > before {
                    got = Some((at, pfn));
                }
            }
        }
        got.filter(|_| number > 0)
    }

    fn is_of_entry(&self, step: &Step<'_>) -> bool {
        self.inspect.is_in_entry(step.access.address)
    }

    /// Whether an entry maps a page, so that the hardware uses it.
    fn is_mapping_of(&self, entry: u64, pfn: u64) -> bool {
        self.encoding.form(entry) == Form::Leaf && self.encoding.huge_page_of(entry) == Some(pfn)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pmdscope_emu::{AccessKind, Span};

    fn access(address: u64, before: u64, after: u64) -> Access {
        Access {
            kind: AccessKind::Atomic,
            address,
            size: 8,
            before,
            after,
            loads: true,
            store_pc: Some(0),
            span: Span::default(),
        }
    }

    #[test]
    fn a_lock_orders_what_is_before_its_release_and_what_is_after_its_taking() {
        let (entry, lock, other) = (access(0, 1, 2), access(8, 1, 0), access(16, 0, 0));
        let by = |cpu, access| Step { cpu, access };
        let released = [by(WALKER, &entry), by(WALKER, &lock), by(WRITER, &lock), by(WRITER, &other)];
        assert!(must_precede(&released, WALKER, WRITER, |_| true));
        assert!(!must_precede(&released, WALKER, WRITER, |step| step.word() != 8), "the lock does not count");
        let apart = [by(WALKER, &entry), by(WALKER, &other), by(WRITER, &other), by(WRITER, &lock)];
        assert!(!must_precede(&apart, WALKER, WRITER, |_| true), "both only read what they share");
        assert!(!must_precede(&released, WRITER, WALKER, |_| true));
    }
}
