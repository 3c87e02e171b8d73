//! What reads the results of a batch: the summary, the SQLite database, and what changed.

mod diff;
mod records;
mod sqlite;
mod summary;
