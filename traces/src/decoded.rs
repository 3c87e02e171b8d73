//! What decoded values report. Field names are the JSON contract; see the schema.

use pmdscope_arches::{ConfigOption, Encoding};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::entry::{Entry, Hex};

/// Decoded values.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct DecodeReport {
    /// `pmdscope.decode/1`.
    pub schema: String,
    /// The encoding.
    pub encoding: String,
    /// Who answered the predicates: `model`.
    pub predicates: String,
    /// The entries.
    pub entries: Vec<DecodedEntry>,
}

/// A decoded entry, with all that it can be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DecodedEntry {
    /// The entry in a kernel with every option of [`readings`](Self::readings).
    #[serde(flatten)]
    pub entry: Entry,
    /// What a swap entry can be: that depends on the kernel's configuration, which numbers swap types. The first is what
    /// it is in a kernel with every option, which the predicates are of too. Empty if it is no swap entry.
    #[serde(default)]
    pub readings: Vec<Reading>,
}

/// What a swap entry is in some kernels.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Reading {
    /// What its type is used for: `migration-read`, `migration-read-exclusive`, `migration-write`, `swap-file`,
    /// `hwpoison`, `device-private-read`, `device-private-write`, `device-exclusive`, `device-exclusive-read`,
    /// `device-exclusive-write`, `pte-marker` or `swapin-error`.
    pub used_for: String,
    /// Whether it is a migration entry.
    pub migration: bool,
    /// Its page frame; null if its offset is none.
    pub pfn: Option<Hex>,
    /// The options that decide it. None: it is so in every kernel.
    pub needs: Vec<Needed>,
}

/// An option of a kernel's configuration that decides what a swap entry is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Needed {
    /// Its name, such as `DEVICE_PRIVATE`.
    pub option: String,
    /// Whether it must be on, or off.
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
    /// An entry as the model sees it.
    pub fn of_model(encoding: &Encoding, value: u64) -> Self {
        let reading = |reading: pmdscope_arches::Reading| {
            Reading::of(&reading, encoding.pfn_read_as(value, reading.purpose))
        };
        let readings = encoding.readings(value).into_iter().map(reading).collect();
        DecodedEntry { entry: Entry::of_model(encoding, value), readings }
    }

    /// The options that decide whether it is a migration entry; none if it is one in every kernel, or in none.
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
