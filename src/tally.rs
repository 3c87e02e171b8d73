//! Counts observations: each distinct one once, with its number of schedules and the shortest of them.

use std::collections::HashMap;
use std::hash::Hash;

use num_bigint::BigUint;
use pmdscope_emu::Run;
use pmdscope_traces::Count;

/// One distinct observation.
pub struct Observation<T, N = ()> {
    /// The observed value.
    pub what: T,
    /// The number of schedules that show it.
    pub schedules: BigUint,
    /// The shortest of these schedules: its number of switches, its number of accesses, its text.
    shortest: (usize, usize, String),
    /// The note that was given with the shortest schedule.
    pub of: N,
}

/// Distinct observations, in the order in which they were first added.
pub struct Tally<T, N = ()> {
    entries: Vec<Observation<T, N>>,
    places: HashMap<T, usize>,
}

impl<T, N> Default for Tally<T, N> {
    fn default() -> Self {
        Tally { entries: Vec::new(), places: HashMap::new() }
    }
}

impl<T: Clone + Eq + Hash, N> Tally<T, N> {
    /// Records that `what` was observed in a run. Keeps the note `of` if its schedule is the shortest so far.
    pub fn add_as(&mut self, what: T, run: &Run, of: N) {
        let shortest = (run.schedule.switches(), run.schedule.0.len(), run.schedule.to_string());
        match self.places.get(&what) {
            None => {
                self.places.insert(what.clone(), self.entries.len());
                self.entries.push(Observation { what, schedules: run.schedules.clone(), shortest, of });
            }
            Some(at) => {
                let known = &mut self.entries[*at];
                known.schedules += &run.schedules;
                if (shortest.0, shortest.1) < (known.shortest.0, known.shortest.1) {
                    (known.shortest, known.of) = (shortest, of);
                }
            }
        }
    }

    /// Returns the observations in order.
    pub fn into_entries(self) -> impl Iterator<Item = Observation<T, N>> {
        self.entries.into_iter()
    }
}

impl<T: Clone + Eq + Hash> Tally<T> {
    /// Records that `what` was observed in a run.
    pub fn add(&mut self, what: T, run: &Run) {
        self.add_as(what, run, ());
    }

    /// Returns each observation with its number of schedules and the shortest of them.
    pub fn into_iter(self) -> impl Iterator<Item = (T, Count, String)> {
        self.into_entries().map(|entry| (entry.what, Count(entry.schedules), entry.shortest.2))
    }
}
