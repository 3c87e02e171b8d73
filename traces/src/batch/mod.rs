//! The results of a batch: many jobs, each with its report.

mod record;

pub use record::{Record, Report};
