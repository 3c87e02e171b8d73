//! The name of the entry that a run begins with.

use std::borrow::Cow;
use std::fmt;

use pmdscope_arches::{EntryKind, UnknownName};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};

/// The kind of an entry, or `pmd` for an entry given by its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "Cow<'_, str>", into = "&'static str")]
pub enum EntryName {
    /// An entry of a named kind.
    Kind(EntryKind),
    /// An entry given by its value.
    Value,
}

impl EntryName {
    /// Returns the name in reports.
    pub const fn name(self) -> &'static str {
        match self {
            EntryName::Kind(kind) => kind.name(),
            EntryName::Value => "pmd",
        }
    }

    /// Returns the kind; `None` for an entry given by its value.
    pub const fn kind(self) -> Option<EntryKind> {
        match self {
            EntryName::Kind(kind) => Some(kind),
            EntryName::Value => None,
        }
    }
}

impl From<Option<EntryKind>> for EntryName {
    fn from(kind: Option<EntryKind>) -> Self {
        kind.map_or(EntryName::Value, EntryName::Kind)
    }
}

impl TryFrom<Cow<'_, str>> for EntryName {
    type Error = UnknownName;

    fn try_from(name: Cow<'_, str>) -> Result<Self, UnknownName> {
        if name == EntryName::Value.name() { Ok(EntryName::Value) } else { name.parse().map(EntryName::Kind) }
    }
}

impl From<EntryName> for &'static str {
    fn from(name: EntryName) -> Self {
        name.name()
    }
}

impl fmt::Display for EntryName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl JsonSchema for EntryName {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "EntryName".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        String::json_schema(generator)
    }
}
