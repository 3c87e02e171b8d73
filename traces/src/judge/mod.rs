//! Recognises findings in what was observed. One file for each kind of rule.

use pmdscope_arches::{Encoding, Form};

use crate::entry::{Entry, Value};
use crate::findings::{Finding, FindingName};
use crate::outcome::Outcome;
use crate::report::View;

mod destroyed;
mod observed;
mod views;
mod walker;
mod writer;

pub use observed::{Marked, Overwritten, WriterChange, WriterRule, WriterSteps};

/// What the findings are judged from.
pub struct Observed<'a> {
    /// The encoding: it says what is valid to the hardware, and which marks an entry has.
    pub encoding: &'a Encoding,
    /// The entry before the writer.
    pub before: &'a Entry,
    /// Whether that was built as a swap entry, whatever the predicates say of it.
    pub built_as_swap: bool,
    /// The entries that the walker's loads returned.
    pub views: &'a [View],
    /// The walker's outcomes.
    pub outcomes: &'a [Outcome],
    /// What routines stored that only read by their role.
    pub overwritten: &'a [Overwritten],
    /// What was marked by an agent that plays the MMU.
    pub marked: &'a [Marked],
    /// What the writer is, and what it may drop.
    pub writer: WriterRule,
    /// What the writer made of the entry.
    pub changes: &'a [WriterChange],
    /// The entries of the page table that the writer filled when it ran alone, in CPU order; empty if it filled none, or
    /// none that was looked at.
    pub filled: &'a [u64],
}

impl Observed<'_> {
    /// Whether the run began with a mapping.
    fn began_with_mapping(&self) -> bool {
        self.before.predicates.present && self.before.predicates.leaf && !self.built_as_swap
    }

    /// Whether a value is a mapping, valid to the hardware or not.
    fn is_mapping(&self, value: Value) -> bool {
        !self.built_as_swap && matches!(self.encoding.form(value.0), Form::Leaf | Form::InvalidLeaf)
    }
}

/// The findings in what was observed, in the order of [`FindingName::ALL`].
pub fn judge(observed: &Observed<'_>) -> Vec<Finding> {
    let mut findings = Findings::default();
    views::judge(observed, &mut findings);
    let taken_for_present =
        findings.views_of(&[FindingName::SwapBuiltPresent, FindingName::SwapBecomesPresent]);
    walker::judge(observed, &taken_for_present, &mut findings);
    destroyed::judge(observed, &taken_for_present, &mut findings);
    writer::judge(observed, &mut findings);
    let mut findings = findings.0;
    findings.sort_by_key(|finding| finding.name);
    findings
}

/// Findings, each once.
#[derive(Default)]
struct Findings(Vec<Finding>);

impl Findings {
    /// Adds a finding. If it is known, its schedules are added to those that are known.
    fn add(&mut self, new: Finding) {
        let same = |known: &&mut Finding| (known.name, &known.explanation) == (new.name, &new.explanation);
        match self.0.iter_mut().find(same) {
            Some(known) => {
                known.schedules += &new.schedules;
                if length(&new.schedule) < length(&known.schedule) {
                    known.schedule = new.schedule;
                }
            }
            None => self.0.push(new),
        }
    }

    /// The views that show findings of these names.
    fn views_of(&self, names: &[FindingName]) -> Vec<Value> {
        self.0.iter().filter(|finding| names.contains(&finding.name)).map(|finding| finding.view).collect()
    }
}

/// The length of a schedule as it is written: its switches, then its accesses.
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
