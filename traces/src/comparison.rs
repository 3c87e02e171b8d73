//! The report of a comparison. Field names are the JSON contract; see the schemas.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::difference::{self, Difference};
use crate::entry_name::EntryName;
use crate::report::RunReport;
use crate::sweep::SweepReport;

/// The name and number of the report of a comparison. A change that breaks a reader raises the number.
pub const COMPARE_SCHEMA: &str = "pmdscope.compare/1";

/// A comparison: many runs, and of a batch also its sweeps.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct CompareReport {
    /// `pmdscope.compare/1`.
    pub schema: String,
    /// The program that ran it, with its version.
    pub made_by: String,
    /// One run for each row; in JSON without traces.
    pub rows: Vec<RunReport>,
    /// The rows that were asked for and cannot exist, with the reasons.
    pub skipped: Vec<Skipped>,
    /// The sweeps of a batch, each by `pmdscope schema sweep`; absent if there are none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sweeps: Vec<SweepReport>,
    /// The kernels of which nothing could be run, so that all of their rows are unknown; absent if there are none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unavailable: Vec<UnavailableKernel>,
    /// What differs between kernels of one architecture, each compared with the first; absent if no two are.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub differences: Vec<Difference>,
}

impl CompareReport {
    /// Makes a report of these rows, without sweeps.
    pub fn new(made_by: impl Into<String>, rows: Vec<RunReport>, skipped: Vec<Skipped>) -> Self {
        CompareReport {
            schema: COMPARE_SCHEMA.to_owned(),
            made_by: made_by.into(),
            rows,
            skipped,
            sweeps: Vec::new(),
            unavailable: Vec::new(),
            differences: Vec::new(),
        }
    }

    /// Makes a report of kernels, with what differs between them.
    pub fn of_kernels(
        made_by: impl Into<String>,
        rows: Vec<RunReport>,
        skipped: Vec<Skipped>,
        unavailable: Vec<UnavailableKernel>,
    ) -> Self {
        let differences = difference::from_first(&rows);
        CompareReport { unavailable, differences, ..CompareReport::new(made_by, rows, skipped) }
    }
}

/// A kernel of which nothing can be run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct UnavailableKernel {
    /// Its label, or the name of its file.
    pub kernel: String,
    /// Why nothing of it can be run.
    pub reason: String,
}

/// A row that cannot exist, such as an entry that the encoding cannot express or a walker that it does not
/// have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Skipped {
    /// The architecture, MMU and version; for a kernel, its release.
    pub encoding: String,
    /// The missing kind of entry or routine; absent if nothing can be run there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lacks: Option<Lack>,
    /// Why there is no row.
    pub reason: String,
}

/// The kind of entry or the routine that an encoding, a guest or a kernel lacks, so that some rows cannot
/// exist.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Lack {
    /// A kind of entry.
    Entry(EntryName),
    /// A routine, by its name.
    Routine(String),
}
