//! The results of a batch: many jobs, each with its report.
//!
//! Records are read one by one, in the order of job numbers. No reader here holds all of them: a [`Summary`]
//! counts groups, a [`SqliteWriter`] holds one row, and a [`Diff`] holds the records of one batch whose
//! counterparts in the other have not been read yet.

pub(crate) mod causes;
mod columns;
mod diff;
mod diff_text;
mod facts;
mod identity;
mod job;
mod joined;
mod meta;
mod ordered;
mod record;
pub mod segment;
pub(crate) mod sqlite;
mod sqlite_error;
mod summary;
pub(crate) mod summary_text;

pub use columns::{Column, columns};
pub use diff::{Both, DIFF_SCHEMA, Diff, DiffError, DiffReport, Group, GuestChange, diff};
pub use diff_text::diff_text;
pub use facts::{Change, Facts};
pub use identity::{KernelPair, Kernels, pair_kernels};
pub use joined::{JobOrder, JoinError, LineError, Segment, Segments};
pub use meta::{BATCH_SCHEMA, Batch, BatchError, USUAL_MEMORY};
pub use record::{RECORD_SCHEMA, Record, Report};
pub use sqlite::SqliteWriter;
pub use sqlite_error::SqliteError;
pub use summary::Summary;
