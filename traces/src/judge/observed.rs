//! What was observed of writers, walkers and agents, beside views and outcomes.

use pmdscope_arches::EntryMarks;

use crate::count::Count;
use crate::entry::{Entry, Value};

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
    /// The same with the bits.
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

/// What the writer made of the entry, under some schedules.
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

/// The same with its schedules.
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
