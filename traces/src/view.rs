//! The entries that a walker saw.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::count::Count;
use crate::entry::Entry;

/// An entry that a load of the walker returned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct View {
    /// The entry.
    #[serde(flatten)]
    pub entry: Entry,
    /// The bits that differ from the entry before the writer.
    pub changes: Vec<String>,
    /// The number of schedules with this view.
    pub schedules: Count,
    /// One of these schedules, with the fewest switches.
    pub schedule: String,
    /// Whether the walker itself stored this entry.
    pub by_walker: bool,
    /// Whether the writer installed it in place of the entry, as a split installs a pointer to its page table.
    /// Such a view was not made from the original entry.
    pub installed: bool,
}
