//! The results of a batch as one SQLite database, for `sqlite3`, DuckDB, pandas and whatever else reads tables.
//!
//! Each job is a row of the table `jobs`, which is made from the list of [`columns`](crate::batch::columns()).
//! The table `about` says what the database is and what made it.

use std::path::Path;

use rusqlite::types::Value as Cell;
use rusqlite::{Connection, params_from_iter};

use crate::batch::columns::{Column, columns};
use crate::batch::sqlite_error::SqliteError;
use crate::batch::{Batch, Record};
use crate::format::{EncodeError, RecordSource, Records, ReportEncoder, ReportFormat};

/// The SQLite database of a batch.
pub const REPORT_FORMAT: ReportFormat = ReportFormat {
    name: "sqlite",
    about: "A row for each job, as an SQLite database",
    extension: "sqlite",
    encoder: ReportEncoder::File(report),
};

/// Writes the records of a batch as rows of a new database.
fn report(source: RecordSource<'_>, records: &mut Records<'_>, path: &Path) -> Result<(), EncodeError> {
    let mut database = SqliteWriter::new(path, source.batch)?;
    for record in records {
        database.add(&record)?;
    }
    Ok(database.finish()?)
}

/// The name and number of the set of tables and columns: the value of `schema` in `about`. A change that breaks a
/// reader raises the number.
const SQLITE_SCHEMA: &str = "pmdscope.sqlite/1";
/// The `PRAGMA application_id` that identifies such a database: "pmds" in ASCII.
const APPLICATION_ID: i32 = 0x706d_6473;

/// Writes records as rows of a new database, in one transaction. It holds one row at a time.
#[derive(Debug)]
pub struct SqliteWriter {
    connection: Connection,
    insert: String,
}

impl SqliteWriter {
    /// Creates a database without rows in a file that is empty or does not exist yet.
    ///
    /// # Errors
    /// [`SqliteError`] if the file cannot be written, or already is a database with these tables.
    pub fn new(path: &Path, batch: &Batch) -> Result<Self, SqliteError> {
        let connection = Connection::open(path)?;
        // Nobody sees the file before it is whole, so there is nothing to roll back to, and one sync at the end is
        // enough.
        connection.execute_batch(&format!(
            "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA locking_mode = EXCLUSIVE;
             PRAGMA application_id = {APPLICATION_ID}; BEGIN;
             CREATE TABLE about (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
             {};",
            create_jobs()
        ))?;
        let about = [
            ("schema", SQLITE_SCHEMA),
            ("made_by", &batch.made_by),
            ("sources", &batch.sources),
            ("plan", &batch.plan),
        ];
        for row in about {
            connection.execute("INSERT INTO about VALUES (?, ?)", row)?;
        }
        let places = vec!["?"; columns().len()].join(", ");
        Ok(SqliteWriter { connection, insert: format!("INSERT INTO jobs VALUES ({places})") })
    }

    /// Adds the row of a record.
    ///
    /// # Errors
    /// [`SqliteError`] if the row cannot be written, if a number in it does not fit a signed 64-bit integer, or
    /// if the job has a row already.
    pub fn add(&mut self, record: &Record) -> Result<(), SqliteError> {
        let row: Vec<Cell> = columns().iter().map(|column| column.cell(record)).collect::<Result<_, _>>()?;
        self.connection.prepare_cached(&self.insert)?.execute(params_from_iter(row))?;
        Ok(())
    }

    /// Commits the rows and closes the file.
    ///
    /// # Errors
    /// [`SqliteError`] if the file cannot be written.
    pub fn finish(self) -> Result<(), SqliteError> {
        self.connection.execute_batch("COMMIT")?;
        self.connection.close().map_err(|(_, error)| error.into())
    }
}

/// Returns the statement that creates the table `jobs`.
fn create_jobs() -> String {
    let columns: Vec<String> = columns().iter().map(Column::definition).collect();
    format!("CREATE TABLE jobs ({}, PRIMARY KEY (job)) STRICT", columns.join(", "))
}
