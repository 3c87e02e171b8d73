//! What a sweep reports: a writer over very many entries, and every class of entry that it changes alike.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::count::Count;
use crate::entry::{Predicates, Value};
use crate::report::{GuestInfo, Verdict};

/// The name and number of the report of a sweep. A change that breaks a reader raises the number.
pub const SWEEP_SCHEMA: &str = "pmdscope.sweep/1";

/// One writer over a set of entries, alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SweepReport {
    /// `pmdscope.sweep/1`.
    pub schema: String,
    /// The program that ran it, with its version.
    pub made_by: String,
    /// The architecture.
    pub arch: String,
    /// The kind of MMU, where the architecture has several.
    pub mmu: Option<String>,
    /// The Linux version whose encoding was run.
    pub linux: String,
    /// The encoding, and the versions over which it is known to hold.
    pub encoding: String,
    /// The machine code that was run.
    pub guest: GuestInfo,
    /// The set of entries: `swap`, `migration`, ...
    pub entries: String,
    /// The writer.
    pub writer: String,
    /// The entries of the set, as a pattern.
    pub domain: Pattern,
    /// The classes, those with the most entries first.
    pub classes: Vec<Class>,
    /// Why not all is known; null if it is.
    pub incomplete: Option<String>,
    /// The result in one word: findings if a class is one.
    pub verdict: Verdict,
}

/// Entries by their bits: those of `free` are anything, all others are as in `value`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Pattern {
    /// The bits that are fixed, as they are; 0 where a bit is free.
    pub value: Value,
    /// The bits that are free.
    pub free: Value,
}

/// Entries of which the predicates say the same before the writer, and the same after it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Class {
    /// What holds before the writer.
    pub before: Predicates,
    /// What holds after it.
    pub after: Predicates,
    /// How many entries.
    pub entries: Count,
    /// Which: no entry is in two of these.
    pub patterns: Vec<Pattern>,
    /// The findings that this is, by name.
    pub findings: Vec<String>,
}
