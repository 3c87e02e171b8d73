//! An entry as reports show it: its value, predicates, contents, and bits by name.

use pmdscope_arches::{By, Encoding, Field, Form};
use schemars::JsonSchema;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The kernel's predicates of an entry. In a report of a run these are the answers of the guest's own compiled
/// functions, or the model's for a kernel; in `decode` they are the model's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub struct Predicates {
    /// `pmd_none()`.
    pub none: bool,
    /// `pmd_present()`.
    pub present: bool,
    /// `pmd_leaf()`.
    pub leaf: bool,
    /// `pmd_trans_huge()`.
    pub trans_huge: bool,
    /// `pmd_bad()`.
    pub bad: bool,
    /// `pmd_protnone()`.
    pub protnone: bool,
    /// `is_swap_pmd()`: neither none nor present. In JSON `is_swap`, since `swap` holds the type and offset.
    #[serde(rename = "is_swap")]
    pub swap: bool,
    /// `is_pmd_migration_entry()`.
    pub migration: bool,
}

impl Predicates {
    /// Returns the model's answers for an entry.
    pub fn of_model(encoding: &Encoding, entry: u64) -> Self {
        let model = &encoding.layout().predicates;
        Predicates {
            none: encoding.is_none(entry),
            present: encoding.is_present(entry),
            leaf: (model.leaf)(entry),
            trans_huge: (model.trans_huge)(entry),
            bad: (model.bad)(entry),
            protnone: (model.protnone)(entry),
            swap: encoding.is_swap(entry),
            migration: encoding.is_migration(entry),
        }
    }

    /// Returns each predicate with its name, in the order of reports.
    pub fn named(&self) -> [(&'static str, bool); 8] {
        [
            ("none", self.none),
            ("present", self.present),
            ("leaf", self.leaf),
            ("trans_huge", self.trans_huge),
            ("bad", self.bad),
            ("protnone", self.protnone),
            ("swap", self.swap),
            ("migration", self.migration),
        ]
    }

    /// Returns the names of the predicates that are true, or `nothing`.
    pub fn holding(&self) -> String {
        let names: Vec<_> = self.named().iter().filter(|(_, holds)| *holds).map(|(name, _)| *name).collect();
        if names.is_empty() { "nothing".to_owned() } else { names.join(" ") }
    }
}

/// A number written in hexadecimal, as `0x81200`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, JsonSchema)]
#[schemars(with = "String", extend("pattern" = "^0x[0-9a-f]+$"))]
pub struct Hex(pub u64);

impl Serialize for Hex {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{:#x}", self.0))
    }
}

impl<'de> Deserialize<'de> for Hex {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        hexadecimal(deserializer).map(Hex)
    }
}

/// Reads a number that is written as `0x` and hexadecimal digits.
fn hexadecimal<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let text = String::deserialize(deserializer)?;
    let digits = text.strip_prefix("0x").filter(|digits| digits.bytes().all(|d| d.is_ascii_hexdigit()));
    digits
        .and_then(|digits| u64::from_str_radix(digits, 16).ok())
        .ok_or_else(|| D::Error::custom(format!("'{text}' is not a number written as 0x81200")))
}

/// The value of an entry, written as 16 hexadecimal digits, in CPU order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, JsonSchema)]
#[schemars(with = "String", extend("pattern" = "^0x[0-9a-f]{16}$"))]
pub struct Value(pub u64);

impl std::fmt::Display for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:#018x}", self.0)
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        hexadecimal(deserializer).map(Value)
    }
}

/// Type and offset of a swap entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub struct Swap {
    /// The swap type.
    #[serde(rename = "type")]
    pub kind: u64,
    /// The swap offset, with the page frame number of a migration entry in its low bits.
    pub offset: Hex,
}

/// A field of an entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Bit {
    /// Position of a field of one bit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bit: Option<u8>,
    /// Position of a wider field: its highest and lowest bit, as `61..12`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bits: Option<String>,
    /// Name of the field.
    pub name: String,
    /// Value of the field.
    pub value: Hex,
    /// The meaning of a set bit, or of the field's value.
    pub meaning: String,
    /// Whether the MMU reads it; otherwise the kernel alone does.
    pub hardware: bool,
}

impl Bit {
    fn new(field: &Field, entry: u64) -> Self {
        let (low, high) = (field.bits.low, field.bits.high);
        Bit {
            bit: (low == high).then_some(low),
            bits: (low != high).then(|| format!("{high}..{low}")),
            name: field.name.to_owned(),
            value: Hex(field.bits.of(entry)),
            meaning: field.meaning.to_owned(),
            hardware: field.by == By::Hardware,
        }
    }

    /// Returns the highest and the lowest bit; `None` if the report does not give a valid position.
    pub fn range(&self) -> Option<(u8, u8)> {
        let (high, low) = match (self.bit, &self.bits) {
            (Some(bit), _) => (bit, bit),
            (None, Some(bits)) => {
                let (high, low) = bits.split_once("..")?;
                (high.parse().ok()?, low.parse().ok()?)
            }
            (None, None) => return None,
        };
        (low <= high && high < 64).then_some((high, low))
    }

    /// Formats the position: `bit 11` or `bits 61..12`.
    pub fn position(&self) -> String {
        match (&self.bit, &self.bits) {
            (Some(bit), _) => format!("bit {bit}"),
            (None, Some(bits)) => format!("bits {bits}"),
            (None, None) => String::new(),
        }
    }
}

/// A decoded page-table entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Entry {
    /// The value in CPU order (`pmd_val()`).
    pub value: Value,
    /// The predicates of the entry.
    #[serde(flatten)]
    pub predicates: Predicates,
    /// The page frame number that the kernel would take from the entry; null if it would take none.
    pub pfn: Option<Hex>,
    /// Type and offset of a swap entry; null for all other entries.
    pub swap: Option<Swap>,
    /// The fields by name, from the lowest bit up.
    pub bits: Vec<Bit>,
}

impl Entry {
    /// Whether it points to a page table.
    pub fn is_table(&self) -> bool {
        self.predicates.present && !self.predicates.leaf
    }

    /// Makes an entry with these predicates and contents; the model names its bits.
    pub fn new(
        encoding: &Encoding,
        value: u64,
        predicates: Predicates,
        pfn: Option<u64>,
        swap: Option<Swap>,
    ) -> Self {
        Entry {
            value: Value(value),
            predicates,
            pfn: pfn.map(Hex),
            swap,
            bits: encoding.fields_of(value).map(|field| Bit::new(field, value)).collect(),
        }
    }

    /// Decodes an entry by the model.
    pub fn of_model(encoding: &Encoding, value: u64) -> Self {
        let swap = encoding
            .layout()
            .swap
            .filter(|_| encoding.is_swap(value))
            .map(|swap| Swap { kind: swap.kind_of(value), offset: Hex(swap.offset_of(value)) });
        Entry::new(encoding, value, Predicates::of_model(encoding, value), encoding.pfn_of(value), swap)
    }
}

/// Returns the fields that differ between two values of an entry, by name, from the lowest bit up.
///
/// A bit has the meaning that it has in the entry where it is set: `+PRESENT_INVALID` was set and `-VALID` was
/// cleared, each by its name in that entry's form. A field of several bits that both entries have is shown as
/// `SWP_OFFSET 0x12->0x13`, one that only one entry has as `+ADDRESS 0x410`. If the entry becomes empty, or a
/// pointer to a table, the old fields say nothing about the new value: only the new one is described.
pub fn changes(encoding: &Encoding, before: u64, after: u64) -> Vec<String> {
    let form = encoding.form(after);
    if form != encoding.form(before) {
        match form {
            Form::None => return vec!["now empty".to_owned()],
            Form::Table => {
                let set = encoding.fields_of(after).filter(|field| field.bits.of(after) != 0);
                let named = set.map(|field| match field.bits.width() {
                    1 => field.name.to_owned(),
                    _ => format!("{} {:#x}", field.name, field.bits.of(after)),
                });
                return vec![format!("now a table: {}", named.collect::<Vec<_>>().join(" "))];
            }
            Form::Leaf | Form::InvalidLeaf | Form::Swap => {}
        }
    }
    let differs = before ^ after;
    let mut changed: Vec<(u8, String)> = Vec::new();
    let mut named = 0;
    for (holder, other, sign) in [(after, before, '+'), (before, after, '-')] {
        for field in encoding.fields_of(holder).filter(|field| field.bits.mask() & differs & holder != 0) {
            let (value, name) = (field.bits.of(holder), field.name);
            let shared =
                encoding.fields_of(other).any(|known| (known.bits, known.name) == (field.bits, name));
            let text = if field.bits.width() == 1 {
                format!("{sign}{name}")
            } else if shared {
                format!("{name} {:#x}->{:#x}", field.bits.of(before), field.bits.of(after))
            } else {
                format!("{sign}{name} {value:#x}")
            };
            if !changed.contains(&(field.bits.low, text.clone())) {
                changed.push((field.bits.low, text));
            }
            named |= field.bits.mask() & holder;
        }
    }
    for bit in (0..64).filter(|bit| differs & !named & (1 << bit) != 0) {
        let sign = if after & (1 << bit) != 0 { '+' } else { '-' };
        changed.push((bit, format!("{sign}bit {bit}")));
    }
    changed.sort_by_key(|(low, _)| *low);
    changed.into_iter().map(|(_, text)| text).collect()
}
