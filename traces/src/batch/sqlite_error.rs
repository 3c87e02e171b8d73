//! Errors of writing a database.

/// Errors of writing a database.
#[derive(Debug, thiserror::Error)]
pub enum SqliteError {
    /// SQLite reported an error.
    #[error("the SQLite database cannot be written: {0}")]
    Unwritable(#[from] rusqlite::Error),
    /// A number does not fit SQLite's signed 64-bit integers. No run gives one, but a record from elsewhere may.
    #[error("job {job}: its '{column}' is {value}, and SQLite has no integer beyond {}", i64::MAX)]
    TooLarge {
        /// The number of the job.
        job: u64,
        /// The column.
        column: &'static str,
        /// The number that does not fit.
        value: u64,
    },
}
