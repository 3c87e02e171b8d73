//! Observations of writers, walkers and agents, beside views and outcomes.

use std::collections::BTreeMap;

use pmdscope_arches::{Encoding, EntryMarks, Form};

use super::together::{Serial, Together};

use crate::count::Count;
use crate::entry::{Entry, Value};
use crate::outcome::Outcome;
use crate::view::View;

/// The observations of a run, from which findings are judged.
pub struct Observed<'a> {
    /// The encoding, which decides what is valid to the hardware and which marks an entry has.
    pub encoding: &'a Encoding,
    /// The entry before the writer.
    pub before: &'a Entry,
    /// Whether that entry was built as a swap entry, whatever its predicates say.
    pub built_as_swap: bool,
    /// The entries that the walker's loads returned.
    pub views: &'a [View],
    /// Whether the walker only reads by its role. If not, what becomes of the entry is not the writer's doing alone.
    pub walker_only_reads: bool,
    /// The walker's outcomes.
    pub outcomes: &'a [Outcome],
    /// Those of them that the walker did not decide on after a lock made it wait for the writer's end.
    pub outcomes_meanwhile: &'a [Outcome],
    /// The pages that the walker took by an entry that it did not read again.
    pub stale_takes: &'a [StaleTake],
    /// Stores by routines whose role is only to read.
    pub overwritten: &'a [Overwritten],
    /// Accessed or dirty bits that were set by an agent that plays the MMU.
    pub marked: &'a [Marked],
    /// The kind of writer, and the marks that it may drop.
    pub writer: WriterRule,
    /// The writer's changes to the entry.
    pub changes: &'a [WriterChange],
    /// The entries of the page table that the writer filled when it ran alone, in CPU order. Empty if it filled
    /// none, or if they were not looked at.
    pub filled: &'a [u64],
    /// The joint result of each run. Empty if there is not one writer and one walker.
    pub together: &'a [Together],
    /// What the writer leaves in words that both use, if it runs alone.
    pub writer_alone: &'a BTreeMap<u64, u64>,
    /// What the walker leaves in them.
    pub walker_alone: &'a BTreeMap<u64, u64>,
    /// What is at the addresses of these words, in words.
    pub places: &'a BTreeMap<u64, String>,
    /// The names of the routines.
    pub names: RoutineNames<'a>,
}

/// The names of a writer and a walker.
#[derive(Debug, Clone, Copy)]
pub struct RoutineNames<'a> {
    /// The writer's.
    pub writer: &'a str,
    /// The walker's.
    pub walker: &'a str,
}

impl Observed<'_> {
    /// Returns the joint results of both orders of one routine after the other, if both were run.
    pub(super) fn serial(&self) -> Option<Serial<'_>> {
        Serial::of(self.together, self.writer_alone, self.walker_alone)
    }

    /// Whether the run began with a mapping.
    pub(super) fn began_with_mapping(&self) -> bool {
        self.before.predicates.present && self.before.predicates.leaf && !self.built_as_swap
    }

    /// Whether a value is a mapping, valid to the hardware or not.
    pub(super) fn is_mapping(&self, value: Value) -> bool {
        !self.built_as_swap && matches!(self.encoding.form(value.0), Form::Leaf | Form::InvalidLeaf)
    }
}

/// A page that the walker took by an entry that the writer could replace before the walker had its reference. The
/// walker did not read the entry again once it had it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StaleTake {
    /// The page's frame number.
    pub pfn: u64,
    /// The entry by which the walker took it.
    pub view: Value,
    /// What the writer replaced that entry with.
    pub replaced_by: Value,
    /// The number of schedules in which this happened.
    pub schedules: Count,
    /// The shortest of these schedules.
    pub schedule: String,
}

/// A store by a routine whose role is only to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overwritten {
    /// The routine's name.
    pub by: String,
    /// The entries that the routine's loads had returned by then, in order.
    pub seen: Vec<Value>,
    /// The entry that the store replaced.
    pub found: Entry,
    /// Whether the writer had installed the replaced entry.
    pub installed: bool,
    /// The entry after the store.
    pub after: Entry,
    /// The number of schedules with this store.
    pub schedules: Count,
    /// The shortest of these schedules.
    pub schedule: String,
}

/// Accessed or dirty bits that were set by an agent that plays the MMU.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Marked {
    /// The entry that the agent found.
    pub before: Value,
    /// The entry with the bits that the agent set.
    pub after: Value,
    /// The old entry that the writer returned or concluded from, if it returned.
    pub returned: Option<Value>,
    /// The entry at the end of the run.
    pub in_the_end: Value,
    /// The number of schedules in which this happened.
    pub schedules: Count,
    /// The shortest of these schedules.
    pub schedule: String,
}

/// The properties of the writer that findings depend on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WriterRule {
    /// Whether it makes a mapping invalid to the hardware before it replaces it or returns.
    pub invalidates: bool,
    /// Whether it replaces the entry with something else: a page table, a mapping, a migration entry.
    pub installs: bool,
    /// The marks that the installed entry may lack: the kernel keeps these elsewhere, or drops them on purpose.
    pub may_drop: EntryMarks,
}

/// The writer's steps on the entry, under some schedules.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct WriterSteps {
    /// The entry that the writer's last load before its first store returned.
    pub read: Value,
    /// The entry that its first store replaced; `None` if it stored nothing.
    pub found: Option<Value>,
    /// The entries that it stored, in order, without the one that it installed.
    pub stored: Vec<Value>,
    /// The entry that it installed in place of the original one.
    pub installed: Option<Value>,
    /// The old entry that it returned or concluded from, if it hands one back.
    pub returned: Option<Value>,
    /// Whether it ran to its end.
    pub ended: bool,
}

/// The writer's steps on the entry, with the schedules that have these steps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WriterChange {
    /// The steps on the entry.
    pub steps: WriterSteps,
    /// The number of schedules with these steps.
    pub schedules: Count,
    /// The shortest of these schedules.
    pub schedule: String,
}

impl WriterSteps {
    /// Returns the entry that the writer left in memory until it installed another one, or for good.
    pub fn left(&self) -> Value {
        self.stored.last().copied().or(self.found).unwrap_or(self.read)
    }
}
