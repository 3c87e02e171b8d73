//! The results of rules.

use super::definition::Severity;
use crate::count::Count;
use crate::entry::Value;

/// A result of a rule: a [`Finding`](crate::Finding) without its name.
#[derive(Debug)]
pub(crate) struct Sighting {
    /// The view that shows it.
    pub view: Value,
    /// Explanation of the finding, in one sentence.
    pub explanation: String,
    /// How bad it is, if the kind of finding alone does not say it.
    pub severity: Option<Severity>,
    /// The number of schedules that show it.
    pub schedules: Count,
    /// The shortest of these schedules.
    pub schedule: String,
}

/// The sightings of one rule, one for each explanation.
#[derive(Debug, Default)]
pub(crate) struct Sightings(Vec<Sighting>);

impl Sightings {
    /// Adds a sighting. If its explanation is already known, adds its schedules to the known sighting, which
    /// keeps the shorter of the two schedules.
    pub(super) fn add(&mut self, new: Sighting) {
        match self.0.iter_mut().find(|known| known.explanation == new.explanation) {
            Some(known) => {
                known.schedules += &new.schedules;
                if is_shorter(&new.schedule, &known.schedule) {
                    known.schedule = new.schedule;
                }
            }
            None => self.0.push(new),
        }
    }
}

impl IntoIterator for Sightings {
    type Item = Sighting;
    type IntoIter = std::vec::IntoIter<Sighting>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

/// Whether a schedule is shorter than another.
pub(super) fn is_shorter(one: &str, other: &str) -> bool {
    length(one) < length(other)
}

/// Returns the length of a schedule: the number of its turns, then of its accesses.
fn length(schedule: &str) -> (usize, u64) {
    let turns = schedule.split_whitespace();
    let accesses = turns.clone().filter_map(|turn| turn.get(1..)?.parse::<u64>().ok());
    (turns.count(), accesses.sum())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schedule_with_fewer_switches_is_shorter_then_one_with_fewer_accesses() {
        let mut schedules = ["W2 K1 W1 K2", "W2 K13 W1", "K1 W4", "W2 K3 W1", ""];
        schedules.sort_by_key(|schedule| length(schedule));
        assert_eq!(schedules, ["", "K1 W4", "W2 K3 W1", "W2 K13 W1", "W2 K1 W1 K2"]);
    }
}
