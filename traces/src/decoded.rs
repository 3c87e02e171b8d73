//! The report of decoded values. Field names are the JSON contract; see the schema.

use pmdscope_arches::{ConfigOption, Encoding};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::entry::{Entry, Hex};

/// A report of decoded values.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct DecodeReport {
    /// `pmdscope.decode/1`.
    pub schema: String,
    /// The encoding that the values were decoded in.
    pub encoding: String,
    /// Who answered the predicates: `model`.
    pub predicates: String,
    /// The decoded entries.
    pub entries: Vec<DecodedEntry>,
}

/// A decoded entry, with every reading it can have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DecodedEntry {
    /// The entry in a kernel with every option of [`readings`](Self::readings).
    #[serde(flatten)]
    pub entry: Entry,
    /// The possible readings of a swap entry: the kernel's configuration decides how swap types are numbered.
    /// The first is the reading in a kernel with every option, which the predicates describe too. Empty if the
    /// entry is not a swap entry.
    #[serde(default)]
    pub readings: Vec<Reading>,
}

/// A reading of a swap entry, which holds in some kernels.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Reading {
    /// The use of its swap type: `migration-read`, `migration-read-exclusive`, `migration-write`, `swap-file`,
    /// `hwpoison`, `device-private-read`, `device-private-write`, `device-exclusive`, `device-exclusive-read`,
    /// `device-exclusive-write`, `pte-marker` or `swapin-error`.
    pub used_for: String,
    /// Whether it is a migration entry.
    pub migration: bool,
    /// The page frame number that the offset holds; null if the offset holds none.
    pub pfn: Option<Hex>,
    /// The options that decide this reading; empty if it holds in every kernel.
    pub needs: Vec<Needed>,
}

/// An option of a kernel's configuration that decides how a swap entry reads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Needed {
    /// Name of the option, such as `DEVICE_PRIVATE`.
    pub option: String,
    /// Whether the option must be on; false if it must be off.
    pub on: bool,
}

impl Reading {
    /// A reading as reports have it.
    pub(crate) fn of(reading: &pmdscope_arches::Reading, pfn: Option<u64>) -> Self {
        let needed =
            |(option, on): &(ConfigOption, bool)| Needed { option: option.name().to_owned(), on: *on };
        Reading {
            used_for: reading.purpose.name().to_owned(),
            migration: reading.purpose.migration().is_some(),
            pfn: pfn.map(Hex),
            needs: reading.needs.iter().map(needed).collect(),
        }
    }

    /// The configuration that it needs: `with MEMORY_FAILURE and without DEVICE_PRIVATE`; `None` if it is so in every
    /// kernel.
    pub(crate) fn configuration(&self) -> Option<String> {
        let with =
            |needed: &Needed| format!("{} {}", if needed.on { "with" } else { "without" }, needed.option);
        let needs: Vec<_> = self.needs.iter().map(with).collect();
        (!needs.is_empty()).then(|| needs.join(" and "))
    }
}

impl DecodedEntry {
    /// Decodes an entry by the model.
    pub fn of_model(encoding: &Encoding, value: u64) -> Self {
        let reading = |reading: pmdscope_arches::Reading| {
            Reading::of(&reading, encoding.pfn_read_as(value, reading.purpose))
        };
        let readings = encoding.readings(value).into_iter().map(reading).collect();
        DecodedEntry { entry: Entry::of_model(encoding, value), readings }
    }

    /// Returns the options that decide whether this is a migration entry.
    ///
    /// Empty if it is one in every kernel, or in none.
    pub fn migration_depends_on(&self) -> Vec<&str> {
        let all_alike =
            |readings: &[Reading]| readings.windows(2).all(|two| two[0].migration == two[1].migration);
        if all_alike(&self.readings) {
            return Vec::new();
        }
        let mut options = Vec::new();
        let migrations = self.readings.iter().filter(|reading| reading.migration);
        for needed in migrations.flat_map(|reading| &reading.needs) {
            if !options.contains(&needed.option.as_str()) {
                options.push(&needed.option);
            }
        }
        options
    }
}
