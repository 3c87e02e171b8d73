//! The meaning of an entry, compared with the entry before the writer.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::entry::{Bit, Entry, Hex, Predicates};
use crate::outcome;

/// What an entry is, compared with the entry before the writer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "form", rename_all = "kebab-case")]
pub enum Meaning {
    /// The entry before the writer, unchanged.
    Original,
    /// A pointer to a page table, wherever that is.
    Table,
    /// Another entry.
    Changed {
        /// Its predicates.
        #[serde(flatten)]
        predicates: Predicates,
        /// The fields that differ from the entry before the writer.
        fields: Vec<FieldChange>,
    },
}

/// A field that differs between two entries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FieldChange {
    /// The name of the field.
    pub name: String,
    /// Whether the field is one bit.
    pub is_flag: bool,
    /// Its value before; null if the entry had no such field.
    pub before: Option<Hex>,
    /// Its value after; null if the entry has no such field.
    pub after: Option<Hex>,
}

impl Meaning {
    /// Returns the meaning of an entry.
    pub(crate) fn of(entry: &Entry, original: &Entry) -> Meaning {
        if entry.value == original.value {
            Meaning::Original
        } else if entry.is_table() {
            Meaning::Table
        } else {
            Meaning::Changed { predicates: entry.predicates, fields: changed_fields(original, entry) }
        }
    }
}

/// Lists the fields that have a bit which differs.
///
/// An entry of another form names the same bits in another way: what both agree on says nothing. A field of several
/// bits is listed only if both entries have it, or the new entry maps a page by it: the type and the offset of a swap
/// entry that was none before are numbers of a configuration.
fn changed_fields(before: &Entry, after: &Entry) -> Vec<FieldChange> {
    let same_field = |one: &Bit, other: &Bit| one.name == other.name && one.range() == other.range();
    let value_in = |entry: &Entry, field: &Bit| {
        entry.bits.iter().find(|other| same_field(field, other)).map(|other| other.value)
    };
    let differs = |field: &&Bit| (before.value.0 ^ after.value.0) & mask(field) != 0;
    let mut changes = Vec::new();
    for field in after.bits.iter().filter(differs) {
        let was = value_in(before, field);
        let is_flag = field.bit.is_some();
        let is_said = match was {
            Some(was) => was != field.value,
            None if is_flag => field.value != Hex(0),
            None => after.swap.is_none() && field.value != Hex(0),
        };
        if is_said {
            let (name, after) = (field.name.clone(), Some(field.value));
            changes.push(FieldChange { name, is_flag, before: was, after });
        }
    }
    for field in before.bits.iter().filter(differs).filter(|field| field.bit.is_some()) {
        if field.value != Hex(0) && value_in(after, field).is_none() {
            let (name, before) = (field.name.clone(), Some(field.value));
            changes.push(FieldChange { name, is_flag: true, before, after: None });
        }
    }
    changes
}

/// Returns the bits of a field; all bits if the report does not say which they are.
fn mask(field: &Bit) -> u64 {
    field.range().map_or(u64::MAX, |(high, low)| (u64::MAX >> (63 - (high - low))) << low)
}

/// Describes an entry in words: `present (+PRESENT_INVALID -VALID)`.
pub(crate) fn in_words(meaning: &Meaning) -> String {
    let (predicates, fields) = match meaning {
        Meaning::Original => return "the original entry".to_owned(),
        Meaning::Table => return "page table".to_owned(),
        Meaning::Changed { predicates, fields } => (predicates, fields),
    };
    let kind = if predicates.none {
        return "empty".to_owned();
    } else if predicates.present {
        "present"
    } else if predicates.migration {
        "migration entry"
    } else if predicates.swap {
        "swap entry"
    } else {
        "not present"
    };
    let fields: Vec<String> = fields.iter().map(field_in_words).collect();
    if fields.is_empty() { kind.to_owned() } else { format!("{kind} ({})", fields.join(" ")) }
}

fn field_in_words(field: &FieldChange) -> String {
    let FieldChange { name, is_flag, before, after } = field;
    match (before, after) {
        _ if *is_flag => format!("{}{name}", if after.is_some_and(|value| value.0 != 0) { '+' } else { '-' }),
        (Some(before), Some(after)) => format!("{name} {:#x}->{:#x}", before.0, after.0),
        (_, Some(after)) => format!("+{name} {:#x}", after.0),
        (_, None) => format!("-{name}"),
    }
}

/// Describes an outcome in words, with the entry that it rests on: `took page 0x81200 on present (+VALID)`.
pub(crate) fn outcome_in_words(facts: &super::OutcomeFacts) -> String {
    let on = facts.on.as_ref().map_or(String::new(), |on| format!(" on {}", in_words(on)));
    format!("{}{on}", outcome::in_words(&facts.as_outcome()))
}
