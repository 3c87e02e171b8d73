//! The results of a batch: many jobs, each with its report.

mod meta;
mod record;
pub mod segment;

pub use meta::{BATCH_SCHEMA, Batch};
pub use record::{RECORD_SCHEMA, Record, Report};
