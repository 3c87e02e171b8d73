//! The JSON Schemas of reports and files.

use schemars::Schema;
use schemars::generate::SchemaSettings;

use crate::batch::{BATCH_SCHEMA, Batch, DIFF_SCHEMA, DiffReport, RECORD_SCHEMA, Record};
use crate::comparison::{COMPARE_SCHEMA, CompareReport};
use crate::contract::{CONTRACT_SCHEMA, ContractReport};
use crate::decoded::DecodeReport;
use crate::explained::{EXPLAIN_SCHEMA, ExplainReport};
use crate::functions::{FUNCTIONS_SCHEMA, FunctionsReport};
use crate::matrix::{self, MATRIX_SCHEMA};
use crate::patch::{PATCH_SCHEMA, PatchReport};
use crate::report::{DECODE_SCHEMA, RUN_SCHEMA, RunReport};
use crate::repro::{REPRO_SCHEMA, Repro};
use crate::sweep::{SWEEP_SCHEMA, SweepReport};

/// The schemas that can be printed, by the name that a report carries in its `schema` member.
pub const SCHEMAS: [&str; 13] = [
    RUN_SCHEMA,
    COMPARE_SCHEMA,
    DECODE_SCHEMA,
    EXPLAIN_SCHEMA,
    REPRO_SCHEMA,
    MATRIX_SCHEMA,
    BATCH_SCHEMA,
    RECORD_SCHEMA,
    DIFF_SCHEMA,
    SWEEP_SCHEMA,
    PATCH_SCHEMA,
    FUNCTIONS_SCHEMA,
    CONTRACT_SCHEMA,
];

/// Returns the JSON Schema of a report, by its name with or without the version.
pub fn schema(name: &str) -> Option<Schema> {
    let full = SCHEMAS.into_iter().find(|full| {
        let short = full.strip_prefix("pmdscope.").and_then(|rest| rest.split('/').next());
        *full == name || short == Some(name)
    })?;
    // The schema describes written reports: a member that may be null is always there, and a member that may be
    // left out is not required.
    let generator = SchemaSettings::default().for_serialize().into_generator();
    Some(match full {
        RUN_SCHEMA => generator.into_root_schema_for::<RunReport>(),
        COMPARE_SCHEMA => generator.into_root_schema_for::<CompareReport>(),
        EXPLAIN_SCHEMA => generator.into_root_schema_for::<ExplainReport>(),
        REPRO_SCHEMA => generator.into_root_schema_for::<Repro>(),
        BATCH_SCHEMA => generator.into_root_schema_for::<Batch>(),
        RECORD_SCHEMA => generator.into_root_schema_for::<Record>(),
        // A matrix is read, not written.
        MATRIX_SCHEMA => SchemaSettings::default().into_generator().into_root_schema_for::<matrix::File>(),
        DIFF_SCHEMA => generator.into_root_schema_for::<DiffReport>(),
        SWEEP_SCHEMA => generator.into_root_schema_for::<SweepReport>(),
        FUNCTIONS_SCHEMA => generator.into_root_schema_for::<FunctionsReport>(),
        CONTRACT_SCHEMA => generator.into_root_schema_for::<ContractReport>(),
        PATCH_SCHEMA => generator.into_root_schema_for::<PatchReport>(),
        _ => generator.into_root_schema_for::<DecodeReport>(),
    })
}
