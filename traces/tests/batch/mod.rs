//! The readers of a batch's results: the summary, the SQLite database, and the differences between two batches.

mod diff;
mod records;
mod sqlite;
mod summary;
