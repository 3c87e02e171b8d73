//! The columns of a batch's results as a table.
//!
//! Entries, page frames and swap offsets are texts of 16 hexadecimal digits: SQLite's integers are signed, and
//! such texts sort as the numbers do.

use rusqlite::types::Value as Cell;
use serde_json::json;

use crate::batch::job::without_repeats;
use crate::batch::{Record, Report, SqliteError};
use crate::entry::Value;
use crate::outcome::Outcome;
use crate::report::RunReport;

/// A column of the table.
#[derive(Debug, Clone, Copy)]
pub struct Column {
    /// The name of the column.
    pub name: &'static str,
    /// A line that explains the values.
    pub about: &'static str,
    pub(super) holds: Holds,
}

/// The type of a column's values, and the function that reads one from a record. A missing value is null.
#[derive(Debug, Clone, Copy)]
pub(super) enum Holds {
    Text(fn(&Record) -> Option<String>),
    /// A number that counts something.
    Count(fn(&Record) -> Option<u64>),
    /// An entry, or a part of one, as the kernel writes it.
    Hexadecimal(fn(&Record) -> Option<Value>),
    Flag(fn(&Record) -> Option<bool>),
    Texts(fn(&Record) -> Option<Vec<String>>),
    Entries(fn(&Record) -> Option<Vec<Value>>),
}

impl Column {
    /// Returns the type of the values: a type of SQLite, or `JSON` for a JSON array in a text.
    pub const fn kind(&self) -> &'static str {
        match self.holds {
            Holds::Text(_) | Holds::Hexadecimal(_) => "TEXT",
            Holds::Count(_) | Holds::Flag(_) => "INTEGER",
            Holds::Texts(_) | Holds::Entries(_) => "JSON",
        }
    }

    /// Returns the column's part of the `CREATE TABLE` statement.
    pub(super) fn definition(&self) -> String {
        let kind = if self.kind() == "JSON" { "TEXT" } else { self.kind() };
        format!("{} {kind}", self.name)
    }

    /// Returns the value of this column for a record.
    ///
    /// # Errors
    /// [`SqliteError::TooLarge`] if a count does not fit a signed 64-bit integer.
    pub(super) fn cell(&self, record: &Record) -> Result<Cell, SqliteError> {
        let cell =
            match self.holds {
                Holds::Text(of) => of(record).map(Cell::Text),
                Holds::Hexadecimal(of) => of(record).map(|value| Cell::Text(value.to_string())),
                Holds::Flag(of) => of(record).map(|flag| Cell::Integer(flag.into())),
                Holds::Texts(of) => of(record).map(|texts| Cell::Text(json!(texts).to_string())),
                Holds::Entries(of) => of(record).map(|entries| Cell::Text(json!(entries).to_string())),
                Holds::Count(of) => {
                    match of(record) {
                        None => None,
                        Some(value) => Some(Cell::Integer(i64::try_from(value).map_err(|_| {
                            SqliteError::TooLarge { job: record.job, column: self.name, value }
                        })?)),
                    }
                }
            };
        Ok(cell.unwrap_or(Cell::Null))
    }

    const fn text(name: &'static str, of: fn(&Record) -> Option<String>, about: &'static str) -> Column {
        Column { name, about, holds: Holds::Text(of) }
    }

    const fn count(name: &'static str, of: fn(&Record) -> Option<u64>, about: &'static str) -> Column {
        Column { name, about, holds: Holds::Count(of) }
    }

    const fn hexadecimal(
        name: &'static str,
        of: fn(&Record) -> Option<Value>,
        about: &'static str,
    ) -> Column {
        Column { name, about, holds: Holds::Hexadecimal(of) }
    }

    const fn texts(
        name: &'static str,
        of: fn(&Record) -> Option<Vec<String>>,
        about: &'static str,
    ) -> Column {
        Column { name, about, holds: Holds::Texts(of) }
    }
}

/// Returns the columns, in their order in the file.
pub fn columns() -> &'static [Column] {
    &COLUMNS
}

static COLUMNS: [Column; 33] = [
    Column::count("job", |row| Some(row.job), "the number of the job in its matrix, from 0 on"),
    Column::text("kind", |row| Some(kind(row).to_owned()), "`run` or `sweep`"),
    Column::text("arch", |row| owned(row.report.job().arch), "the architecture"),
    Column::text(
        "mmu",
        |row| row.report.job().mmu.map(str::to_owned),
        "the kind of MMU, where there are several",
    ),
    Column::text("linux", |row| owned(row.report.job().linux), "the Linux version whose encoding was run"),
    Column::text(
        "release",
        |row| row.report.job().guest.release.clone(),
        "of a kernel its release (`uname -r`)",
    ),
    Column::text(
        "label",
        |row| row.report.job().guest.label.clone(),
        "of a kernel what tells it apart from others of its release, if there are any",
    ),
    Column::text(
        "guest_kind",
        |row| owned(row.report.job().guest.kind.name()),
        "`bundled`, `file` or `kernel`",
    ),
    Column::text("guest_name", |row| owned(&row.report.job().guest.name), "the guest, of a kernel its file"),
    Column::text("guest_sha256", |row| owned(&row.report.job().guest.sha256), "SHA-256 of the guest"),
    Column::text(
        "entry",
        |row| owned(row.report.job().entry),
        "the kind of entry, or `pmd` for one given by value; of a sweep its set of entries",
    ),
    Column::texts(
        "marks",
        |row| run(row).map(|run| run.marks.clone()),
        "the entry's marks: `young`, `dirty`, ...",
    ),
    Column::hexadecimal("before", |row| run(row).map(|run| run.before.value), "the entry before the writer"),
    Column::hexadecimal(
        "after",
        |row| Some(run(row)?.after.as_ref()?.value),
        "the entry when the writer is done; null if schedules end differently",
    ),
    Column::hexadecimal(
        "pfn",
        |row| Some(Value(run(row)?.before.pfn?.0)),
        "what the kernel would take as the page frame of `before`",
    ),
    Column::count(
        "swap_type",
        |row| Some(run(row)?.before.swap?.kind),
        "the swap type of `before`, if it is a swap entry",
    ),
    Column::hexadecimal("swap_offset", |row| Some(Value(run(row)?.before.swap?.offset.0)), "its swap offset"),
    Column::text("writer", |row| owned(row.report.job().writer), "the writer"),
    Column::text(
        "walker",
        |row| row.report.job().walker.map(str::to_owned),
        "the walker; null where the writer ran alone",
    ),
    Column::texts(
        "with_routines",
        |row| run(row).map(|run| run.with.clone()),
        "further routines that ran with them",
    ),
    Column::text("verdict", |row| owned(row.report.verdict().word()), "`pass`, `findings` or `unknown`"),
    Column::text(
        "incomplete",
        |row| row.report.incomplete().map(str::to_owned),
        "why not everything was run; null if everything was",
    ),
    Column::texts(
        "failed_controls",
        |row| run(row).map(RunReport::failed_controls),
        "the controls that failed; if there are any, nothing is known",
    ),
    Column::texts(
        "findings",
        |row| Some(findings(row)),
        "the names of what was found, each once; what does not count, since a control failed, is left out",
    ),
    Column::text(
        "split",
        |row| owned(run(row)?.kernel.as_ref()?.split.word()),
        "of a kernel whether its split has the fix: `guarded`, `vulnerable` or `unknown`",
    ),
    Column {
        name: "views",
        about: "the distinct entries that the walker's loads returned",
        holds: Holds::Entries(|row| run(row).map(views)),
    },
    Column {
        name: "views_present",
        about: "whether one of them that the writer made of `before` is `pmd_present()`: not `before` itself, nor \
                one installed in its place (a page table), nor one that the walker stored; null if no walker ran, \
                or that is not known",
        holds: Holds::Flag(|row| views_present(run(row)?)),
    },
    Column::texts(
        "outcomes",
        |row| run(row).map(outcomes),
        "outcomes of the walker, with the check that decided: `refused:present`, `page`",
    ),
    Column::count(
        "schedules",
        |row| i64::try_from(&run(row)?.schedules.total.0).ok().map(i64::cast_unsigned),
        "how many schedules there are; null if that is no 64-bit integer",
    ),
    Column::text(
        "schedules_text",
        |row| Some(run(row)?.schedules.total.to_string()),
        "the same in digits, whatever its size",
    ),
    Column::count(
        "behaviours",
        |row| run(row).map(|run| run.schedules.behaviours),
        "how many distinct behaviours they fall into",
    ),
    Column::count(
        "machine_runs",
        |row| run(row).map(|run| run.schedules.machine_runs),
        "how often machine code was run",
    ),
    Column::text("command", |row| owned(row.report.job().command), "the command that runs it again"),
];

fn run(row: &Record) -> Option<&RunReport> {
    match &row.report {
        Report::Run(run) => Some(run),
        Report::Sweep(_) => None,
    }
}

fn owned(text: &str) -> Option<String> {
    Some(text.to_owned())
}

fn kind(row: &Record) -> &'static str {
    match row.report {
        Report::Run(_) => "run",
        Report::Sweep(_) => "sweep",
    }
}

fn findings(row: &Record) -> Vec<String> {
    row.report.counted_findings().into_iter().map(str::to_owned).collect()
}

fn views(run: &RunReport) -> Vec<Value> {
    run.views.iter().map(|view| view.entry.value).collect()
}

/// Whether the walker saw a present entry that the writer made from the original one.
///
/// `None` if no walker ran, if a control failed, or if it saw none but not every schedule was run.
fn views_present(run: &RunReport) -> Option<bool> {
    if !run.has_walker() || !run.failed_controls().is_empty() {
        return None;
    }
    let mut made = run
        .views
        .iter()
        .filter(|view| !view.installed && !view.by_walker && view.entry.value != run.before.value);
    let present = made.any(|view| view.entry.predicates.present);
    (present || run.incomplete.is_none()).then_some(present)
}

fn outcomes(run: &RunReport) -> Vec<String> {
    without_repeats(run.outcomes.iter().map(outcome))
}

/// Formats an outcome without values, so that rows can be grouped by it.
fn outcome(outcome: &Outcome) -> String {
    match &outcome.stopped_by {
        Some(check) => format!("{}:{check}", outcome.result.name()),
        None => outcome.result.name().to_owned(),
    }
}
