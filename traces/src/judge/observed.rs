//! What was observed of writers, walkers and agents, beside views and outcomes.

use pmdscope_arches::{Encoding, EntryMarks, Form};

use crate::count::Count;
use crate::entry::{Entry, Value};
use crate::outcome::Outcome;
use crate::view::View;

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
    pub(super) fn began_with_mapping(&self) -> bool {
        self.before.predicates.present && self.before.predicates.leaf && !self.built_as_swap
    }

    /// Whether a value is a mapping, valid to the hardware or not.
    pub(super) fn is_mapping(&self, value: Value) -> bool {
        !self.built_as_swap && matches!(self.encoding.form(value.0), Form::Leaf | Form::InvalidLeaf)
    }
}

/// A store by a routine that only reads by its role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overwritten {
    /// The routine's name.
    pub by: String,
    /// The entries that its loads had returned by then, in order.
    pub seen: Vec<Value>,
    /// The entry that the store replaced.
    pub found: Entry,
    /// Whether the writer had installed that one.
    pub installed: bool,
    /// The entry that it left.
    pub after: Entry,
    /// The number of schedules.
    pub schedules: Count,
    /// The shortest of them.
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
    /// The entry in the end.
    pub in_the_end: Value,
    /// The number of schedules.
    pub schedules: Count,
    /// The shortest of them.
    pub schedule: String,
}

/// What kind of writer it is, as far as findings depend on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WriterRule {
    /// Whether it makes a mapping invalid to the hardware before it replaces it or returns.
    pub invalidates: bool,
    /// Whether it puts something else in the place of the entry: a page table, a mapping, a migration entry.
    pub installs: bool,
    /// The marks that what it installs need not have: the kernel keeps these elsewhere, or drops them on purpose.
    pub may_drop: EntryMarks,
}

/// What the writer did to the entry, under some schedules.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct WriterSteps {
    /// The entry as the writer's last load before its first store returned it.
    pub read: Value,
    /// The entry that its first store replaced; `None` if it stored nothing.
    pub found: Option<Value>,
    /// What it stored, in order, without what it installed.
    pub stored: Vec<Value>,
    /// What it installed in the place of the entry.
    pub installed: Option<Value>,
    /// The old entry that it returned or concluded from, if it hands one back.
    pub returned: Option<Value>,
    /// Whether it ran to its end.
    pub ended: bool,
}

/// What the writer did to the entry, and the schedules under which it did so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WriterChange {
    /// The steps.
    pub steps: WriterSteps,
    /// The number of schedules.
    pub schedules: Count,
    /// The shortest of them.
    pub schedule: String,
}

impl WriterSteps {
    /// The entry that the writer left in memory until it installed another one, or for good.
    pub fn left(&self) -> Value {
        self.stored.last().copied().or(self.found).unwrap_or(self.read)
    }
}
