//! Why a database cannot be written.

/// The database cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum SqliteError {
    /// SQLite says why.
    #[error("the SQLite database cannot be written: {0}")]
    Unwritable(#[from] rusqlite::Error),
    /// SQLite has signed 64-bit integers only. No run gives such a number; a record from elsewhere may have one.
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
