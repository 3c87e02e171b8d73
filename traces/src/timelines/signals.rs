//! The signals of a waveform that show an entry: its named fields, its value and its predicates.

use vcd::Value as Level;

use crate::entry::{Bit, Entry, Value};

/// A named field at one position. A name can have several: the address of a leaf is not where that of a
/// table is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Field {
    /// The lowest bit.
    pub low: u8,
    /// The highest bit.
    pub high: u8,
    /// The name of the field.
    pub name: String,
}

/// Returns all fields of these entries, from the lowest bit up.
///
/// # Errors
/// The name of a field without a valid position.
pub(crate) fn fields<'a>(entries: impl Iterator<Item = &'a Entry>) -> Result<Vec<Field>, String> {
    let mut fields: Vec<Field> =
        entries.flat_map(|entry| &entry.bits).map(Field::of).collect::<Result<_, _>>()?;
    fields.sort();
    fields.dedup();
    Ok(fields)
}

impl Field {
    fn of(bit: &Bit) -> Result<Self, String> {
        let (high, low) = bit.range().ok_or_else(|| bit.name.clone())?;
        Ok(Field { low, high, name: bit.name.clone() })
    }

    /// Returns how many bits the field has.
    pub(crate) fn width(&self) -> u8 {
        self.high - self.low + 1
    }

    /// Returns the levels of the field in an entry: `z` if this form of entry has no such field, `x` if nothing
    /// is known of the entry.
    pub(crate) fn levels(&self, entry: Option<&Entry>) -> Vec<Level> {
        let width = self.width();
        let Some(entry) = entry else { return vec![Level::X; width.into()] };
        let held = entry.bits.iter().find(|bit| Field::of(bit).as_ref() == Ok(self));
        held.map_or_else(|| vec![Level::Z; width.into()], |bit| binary(bit.value.0, width))
    }
}

/// Returns the lowest `width` bits of a number, the highest of them first.
pub(crate) fn binary(number: u64, width: u8) -> Vec<Level> {
    (0..width).rev().map(|bit| Level::from(number >> bit & 1 == 1)).collect()
}

/// Returns the levels of an entry's value: `x` for `None`.
pub(crate) fn whole(value: Option<Value>) -> Vec<Level> {
    value.map_or_else(|| vec![Level::X; 64], |value| binary(value.0, 64))
}

/// Returns the level of a predicate: `x` if nothing is known of the entry.
pub(crate) fn predicate(name: &str, entry: Option<&Entry>) -> Vec<Level> {
    let named = entry.and_then(|entry| entry.predicates.named().into_iter().find(|known| known.0 == name));
    vec![named.map_or(Level::X, |(_, holds)| Level::from(holds))]
}
