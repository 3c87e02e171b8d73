//! What reads the results of a batch: the summary, the Parquet file, and what changed.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "../common/mod.rs"]
mod common;
mod diff;
mod parquet;
mod records;
mod summary;
