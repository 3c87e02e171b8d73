//! What a probe's helpers answered.

use std::collections::HashMap;

use pmdscope_guest::probe::Level;

use super::rules::EntryClass;

/// The answer of a helper.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// It returned.
    Returned {
        /// The entry that it makes, its answer as 0 or 1, or a number.
        value: u64,
        /// Of helpers that are given an address: the entry that is left there. Of swap entries: the offset.
        after: u64,
    },
    /// It did not return, or was not run: the reason.
    Unknown(String),
}

/// An entry whose class is known by how it was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ClassedEntry {
    /// The level.
    pub level: Level,
    /// The class.
    pub class: EntryClass,
    /// The entry, in CPU order.
    pub value: u64,
    /// The type and the offset that it was made of, if it is a swap entry.
    pub swap: Option<(u64, u64)>,
}

/// What the helpers of one probe answered.
#[derive(Debug, Default)]
pub struct Observed {
    /// The entries that they were asked about, by level, class and value.
    pub entries: Vec<ClassedEntry>,
    /// The answers, by helper, entry and second number.
    answers: HashMap<(&'static str, u64, u64), Answer>,
    /// The helpers that the probe has.
    has: std::collections::BTreeSet<&'static str>,
    /// Why it lacks a helper, by name.
    pub lacks: HashMap<String, String>,
    /// The options of the tree, of those that rules ask for.
    pub options: Vec<String>,
    /// Options that are set, and do nothing on this CPU: the reason.
    pub unsupported: HashMap<&'static str, String>,
    /// Why there are no entries of a class.
    pub missing: HashMap<(Level, EntryClass), Missing>,
}

/// Why there are no entries of a class.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Missing {
    /// The tree has none in this configuration.
    NotThere(String),
    /// They could not be made.
    Unknown(String),
}

impl Observed {
    /// Notes that the probe has a helper.
    pub fn note_helper(&mut self, helper: &'static str) {
        self.has.insert(helper);
    }

    /// Whether the probe has a helper.
    pub fn has(&self, helper: &str) -> bool {
        self.has.contains(helper)
    }

    /// Notes an answer.
    pub fn note(&mut self, helper: &'static str, entry: u64, other: u64, answer: Answer) {
        self.answers.insert((helper, entry, other), answer);
    }

    /// Returns an answer, if the helper was asked.
    pub fn answer(&self, helper: &str, entry: u64, other: u64) -> Option<&Answer> {
        let helper = self.has.get(helper)?;
        self.answers.get(&(helper, entry, other))
    }
}
