//! Sections of a CPU's code that others wait for, and the schedules that this excludes.
//!
//! Some steps of a CPU end only when every other CPU has been outside of some kind of section: an interrupt that is sent
//! and waited for ends when no CPU has its interrupts off any more, a grace period when every CPU has left its read-side
//! section. Where such a step is between two accesses, the second cannot follow while another CPU stays inside.
//!
//! A schedule is *excluded* if it has such an access. It is counted all the same, apart from the others.

use std::collections::VecDeque;

use rustc_hash::FxHashMap;

/// A set of kinds of section, of which there are eight. What they are is for the user to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Sections(pub u8);

impl Sections {
    /// No kind of section.
    pub const NONE: Sections = Sections(0);

    /// Whether the set is empty.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Returns the kinds in both sets.
    pub const fn and(self, other: Sections) -> Sections {
        Sections(self.0 & other.0)
    }

    /// Returns the kinds in this set that are not in the other.
    pub const fn without(self, other: Sections) -> Sections {
        Sections(self.0 & !other.0)
    }

    /// Returns the kinds in either set.
    pub const fn or(self, other: Sections) -> Sections {
        Sections(self.0 | other.0)
    }
}

/// What a CPU does between an access and the one before it, or its beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Span {
    /// The sections that it is in all the time.
    pub inside: Sections,
    /// The sections of which it waits until each other CPU has been outside.
    pub awaits: Sections,
}

/// The index of a state of all sections in [`Timings`]. 0 is the one in which nobody is inside of any.
pub(crate) type TimingId = u32;

/// The states of all sections that were reached: which CPU is inside of which, who waits for whom, and what has excluded
/// the schedule. Each is kept once.
pub(crate) struct Timings {
    cpus: usize,
    all: Vec<Box<[Sections]>>,
    known: FxHashMap<Box<[Sections]>, TimingId>,
}

/// Where a state has its parts: the sections that have excluded the schedule, those that each CPU is inside of, and for
/// each CPU those that it waits for each CPU to leave.
const EXCLUDED_BY: usize = 0;
const INSIDE: usize = 1;

impl Timings {
    /// Returns the states of CPUs that have begun so, and the first state.
    pub(crate) fn new(begun: &[Span]) -> (Timings, TimingId) {
        let cpus = begun.len();
        let none: Box<[Sections]> = vec![Sections::NONE; INSIDE + cpus + cpus * cpus].into();
        let known = FxHashMap::from_iter([(none.clone(), 0)]);
        let mut timings = Timings { cpus, all: vec![none.clone()], known };
        let mut first = none;
        for (cpu, span) in begun.iter().enumerate() {
            first[INSIDE + cpu] = span.inside;
        }
        for (cpu, span) in begun.iter().enumerate() {
            timings.wait(&mut first, cpu, *span);
        }
        let first = timings.id(first);
        (timings, first)
    }

    /// Returns the state after a CPU has made an access, and is on its way to the next, which is what `span` is of.
    #[inline]
    pub(crate) fn moved(&mut self, from: TimingId, cpu: usize, span: Span) -> TimingId {
        // Almost always.
        if from == 0 && span.inside.is_empty() { 0 } else { self.moved_in_sections(from, cpu, span) }
    }

    fn moved_in_sections(&mut self, from: TimingId, cpu: usize, span: Span) -> TimingId {
        let mut state = self.all[from as usize].clone();
        if !state[EXCLUDED_BY].is_empty() {
            return from;
        }
        let waits_for = self.waits(cpu);
        let unmet = state[waits_for.clone()].iter().fold(Sections::NONE, |all, one| all.or(*one));
        if !unmet.is_empty() {
            // Nothing of it matters any more.
            state.fill(Sections::NONE);
            state[EXCLUDED_BY] = unmet;
            return self.id(state);
        }
        state[INSIDE + cpu] = span.inside;
        for other in 0..self.cpus {
            let of_this = self.waits(other).start + cpu;
            state[of_this] = state[of_this].and(span.inside);
        }
        self.wait(&mut state, cpu, span);
        self.id(state)
    }

    /// Has a CPU wait for those that are inside.
    fn wait(&self, state: &mut [Sections], cpu: usize, span: Span) {
        let start = self.waits(cpu).start;
        for other in (0..self.cpus).filter(|other| *other != cpu) {
            state[start + other] = state[INSIDE + other].and(span.awaits);
        }
    }

    /// Where a state has what a CPU waits for.
    fn waits(&self, cpu: usize) -> std::ops::Range<usize> {
        let start = INSIDE + self.cpus + cpu * self.cpus;
        start..start + self.cpus
    }

    /// Returns what has excluded the schedules that lead to a state; nothing if they are possible.
    pub(crate) fn excluded_by(&self, id: TimingId) -> Sections {
        self.all[id as usize][EXCLUDED_BY]
    }

    fn id(&mut self, state: Box<[Sections]>) -> TimingId {
        if let Some(known) = self.known.get(&state) {
            return *known;
        }
        let id = TimingId::try_from(self.all.len()).expect("2^32 states do not fit into memory");
        self.all.push(state.clone());
        self.known.insert(state, id);
        id
    }
}

/// Returns the first access of a schedule that cannot follow the one before it, by its number among all, and the sections
/// that exclude it; `None` if the schedule is possible.
///
/// `accesses` are all of it in order: the CPU of each, below `cpus`, and what it did before that.
pub fn excluded_at(cpus: usize, accesses: &[(usize, Span)]) -> Option<(usize, Sections)> {
    let mut spans: Vec<VecDeque<Span>> = vec![VecDeque::new(); cpus];
    for (cpu, span) in accesses {
        spans[*cpu].push_back(*span);
    }
    let begun: Vec<Span> = spans.iter_mut().map(|spans| spans.pop_front().unwrap_or_default()).collect();
    let (mut timings, mut state) = Timings::new(&begun);
    for (number, (cpu, _)) in accesses.iter().enumerate() {
        // A CPU that makes no further access ends.
        state = timings.moved(state, *cpu, spans[*cpu].pop_front().unwrap_or_default());
        let by = timings.excluded_by(state);
        if !by.is_empty() {
            return Some((number, by));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: Sections = Sections(1);

    fn inside(inside: Sections) -> Span {
        Span { inside, awaits: Sections::NONE }
    }

    fn awaits(awaits: Sections) -> Span {
        Span { inside: Sections::NONE, awaits }
    }

    #[test]
    fn who_waits_goes_on_when_the_other_has_been_outside() {
        for (meanwhile, excluded) in [(inside(ONE), ONE), (inside(Sections::NONE), Sections::NONE)] {
            let (mut timings, first) = Timings::new(&[Span::default(); 2]);
            let entered = timings.moved(first, 1, inside(ONE));
            let waits = timings.moved(entered, 0, awaits(ONE));
            assert_eq!(timings.excluded_by(waits), Sections::NONE, "it has not gone on");
            let moved = timings.moved(waits, 1, meanwhile);
            let on = timings.moved(moved, 0, Span::default());
            assert_eq!(timings.excluded_by(on), excluded);
        }
    }

    #[test]
    fn a_section_that_begins_later_or_is_of_another_kind_is_not_waited_for() {
        let (mut timings, first) = Timings::new(&[Span::default(); 2]);
        let waits = timings.moved(first, 0, awaits(ONE));
        let entered = timings.moved(waits, 1, inside(ONE));
        let on = timings.moved(entered, 0, Span::default());
        assert_eq!(timings.excluded_by(on), Sections::NONE);

        let entered = timings.moved(first, 1, inside(Sections(2)));
        let waits = timings.moved(entered, 0, awaits(ONE));
        let on = timings.moved(waits, 0, Span::default());
        assert_eq!(timings.excluded_by(on), Sections::NONE);
    }

    #[test]
    fn the_access_that_cannot_follow_is_named() {
        let accesses = [(1, Span::default()), (0, Span::default()), (0, awaits(ONE)), (1, inside(ONE))];
        assert_eq!(excluded_at(2, &accesses), Some((2, ONE)));
        let later = [accesses[1], accesses[2], accesses[0], accesses[3]];
        assert_eq!(excluded_at(2, &later), None);
    }

    #[test]
    fn what_is_excluded_stays_so() {
        let (mut timings, first) = Timings::new(&[awaits(ONE), inside(ONE)]);
        let on = timings.moved(first, 0, Span::default());
        assert_eq!(timings.excluded_by(on), ONE);
        assert_eq!(timings.moved(on, 1, Span::default()), on);
    }
}
