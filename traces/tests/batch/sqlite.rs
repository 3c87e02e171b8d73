//! The results of a batch as an SQLite database, read back.

use std::fs;
use std::path::Path;

use pmdscope_traces::batch::{
    BATCH_SCHEMA, Batch, Record, Report, SqliteError, SqliteWriter, USUAL_MEMORY, columns,
};
use pmdscope_traces::{Count, Entry, FindingName, Value, Verdict};
use proptest::prelude::*;
use rusqlite::Connection;
use rusqlite::types::Value as Cell;
use tempfile::TempDir;

use super::records::{KERNEL, batch, control_failed, not_survived, of_run, run, sweep};

/// Returns the description of the batch, as `batch.json` has it.
fn about() -> Batch {
    Batch {
        schema: BATCH_SCHEMA.to_owned(),
        made_by: "pmdscope 0.2.0 (Unicorn 2.1.5)".to_owned(),
        sources: "0123456789abcdef".to_owned(),
        plan: "fedcba".to_owned(),
        matrix: String::new(),
        jobs: 12,
        partition: None,
        here: 12,
        segment: 12,
        memory: USUAL_MEMORY,
        skipped: Vec::new(),
        unavailable: Vec::new(),
    }
}

fn write<'a>(path: &Path, records: impl IntoIterator<Item = &'a Record>) -> Result<(), SqliteError> {
    let mut writer = SqliteWriter::new(path, &about())?;
    records.into_iter().try_for_each(|record| writer.add(record))?;
    writer.finish()
}

/// A database in a folder that is removed with it.
struct Database {
    connection: Connection,
    _folder: TempDir,
}

impl Database {
    fn of<'a>(records: impl IntoIterator<Item = &'a Record>) -> Self {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("results.sqlite");
        write(&path, records).unwrap();
        Database { connection: Connection::open(path).unwrap(), _folder: folder }
    }

    fn ask(&self, question: &str) -> Vec<Cell> {
        let mut statement = self.connection.prepare(question).unwrap();
        let cells = statement.query_map([], |row| row.get(0)).unwrap();
        cells.map(Result::unwrap).collect()
    }

    /// Returns one column of one job.
    fn cell(&self, column: &str, job: usize) -> Cell {
        self.ask(&format!("SELECT {column} FROM jobs WHERE job = {job}")).remove(0)
    }
}

fn text(text: &str) -> Cell {
    Cell::Text(text.to_owned())
}

#[test]
fn a_row_has_what_its_report_has() {
    let records = batch();
    let database = Database::of(&records);
    assert_eq!(database.ask("SELECT count(*) FROM jobs"), [Cell::Integer(records.len() as i64)]);
    for (column, cell) in [
        ("job", Cell::Integer(0)),
        ("kind", text("run")),
        ("mmu", Cell::Null),
        ("entry", text("migration-read")),
        ("before", text("0x0000000081200600")),
        ("pfn", text("0x0000000000081200")),
        ("swap_type", Cell::Integer(24)),
        ("schedules", Cell::Integer(5)),
        ("marks", text("[]")),
        ("findings", text(r#"["swap-becomes-present","walker-past-present"]"#)),
    ] {
        assert_eq!(database.cell(column, 0), cell, "{column}");
    }
    assert_eq!(database.cell("release", KERNEL), text("5.10.0-30-arm64"));
    assert_eq!(database.cell("split", KERNEL), text("vulnerable"));
}

#[test]
fn it_says_what_it_is_and_what_made_it() {
    let database = Database::of(&batch());
    let value = |name: &str| database.ask(&format!("SELECT value FROM about WHERE name = '{name}'"));
    assert_eq!(value("schema"), [text("pmdscope.sqlite/1")]);
    assert_eq!(value("made_by"), [text(&about().made_by)]);
    assert_eq!(value("plan"), [text(&about().plan)]);
    assert_eq!(database.ask("PRAGMA application_id"), [Cell::Integer(0x706d_6473)]);
    assert_eq!(database.ask("PRAGMA integrity_check"), [text("ok")]);
}

#[test]
fn a_list_can_be_asked_for_its_members() {
    let database = Database::of(&batch());
    let with =
        "SELECT count(DISTINCT job) FROM jobs, json_each(findings) WHERE value = 'swap-becomes-present'";
    let found = batch().iter().filter(|record| has(record, FindingName::SwapBecomesPresent)).count();
    assert!(found > 0);
    assert_eq!(database.ask(with), [Cell::Integer(found as i64)]);
}

fn has(record: &Record, name: FindingName) -> bool {
    match &record.report {
        Report::Run(run) => {
            run.failed_controls().is_empty() && run.findings.iter().any(|found| found.name == name)
        }
        Report::Sweep(sweep) => sweep.classes.iter().any(|class| class.findings.contains(&name)),
    }
}

#[test]
fn a_sweep_has_null_where_only_a_run_has_something() {
    let database = Database::of(&[sweep(7, Verdict::Findings)]);
    for name in ["walker", "before", "marks", "views", "views_present", "schedules"] {
        assert_eq!(database.cell(name, 7), Cell::Null, "{name}");
    }
    assert_eq!(database.cell("findings", 7), text(r#"["swap-becomes-present"]"#));
}

#[test]
fn numbers_are_whole_however_large() {
    let mut record = batch().remove(0);
    let report = run(&mut record);
    report.before.value.0 = u64::MAX;
    report.schedules.total = Count("36893488147419103232".parse().unwrap());
    let database = Database::of(&[record]);
    assert_eq!(database.cell("before", 0), text("0xffffffffffffffff"));
    assert_eq!(database.cell("schedules", 0), Cell::Null);
    assert_eq!(database.cell("schedules_text", 0), text("36893488147419103232"));
}

#[test]
fn a_number_that_sqlite_has_not_is_an_error_and_not_another_number() {
    let mut record = batch().remove(0);
    run(&mut record).schedules.machine_runs = 1 << 63;
    let folder = TempDir::new().unwrap();
    let error = write(&folder.path().join("r"), [&record]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "job 0: its 'machine_runs' is 9223372036854775808, and SQLite has no integer beyond 9223372036854775807"
    );
}

#[test]
fn whether_a_view_is_present_is_known_or_null() {
    let made_present = |record: &Record| {
        let Report::Run(run) = &record.report else { return false };
        !run.views.is_empty()
            && run.findings.iter().any(|found| found.name == FindingName::SwapBecomesPresent)
    };
    let mut record = batch().into_iter().find(made_present).unwrap();
    let cell = |record: &Record, column| {
        let job = usize::try_from(record.job).unwrap();
        Database::of([record]).cell(column, job)
    };
    let present = |record: &Record| cell(record, "views_present");
    assert_eq!(present(&record), Cell::Integer(1));
    run(&mut record).incomplete = Some("a bound".to_owned());
    assert_eq!(present(&record), Cell::Integer(1), "it was seen, whatever else there is");
    for view in &mut run(&mut record).views {
        view.installed = true;
    }
    assert_eq!(present(&record), Cell::Null, "what was not run is not known");
    run(&mut record).incomplete = None;
    assert_eq!(present(&record), Cell::Integer(0), "a page table that the writer installs is no such view");
    let failed = of_run(0, control_failed());
    assert_eq!(present(&failed), Cell::Null);
    assert_eq!(cell(&failed, "json_array_length(failed_controls)"), Cell::Integer(1));
    assert_eq!(present(&of_run(0, not_survived())), Cell::Null);
}

#[test]
fn columns_have_names_of_their_own_and_are_explained() {
    let mut names: Vec<&str> = columns().iter().map(|column| column.name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), columns().len());
    assert!(columns().iter().all(|column| !column.about.is_empty() && !column.about.contains('|')));
}

#[test]
fn a_job_has_one_row() {
    let record = batch().remove(0);
    let folder = TempDir::new().unwrap();
    let error = write(&folder.path().join("r"), [&record, &record]).unwrap_err().to_string();
    assert!(error.starts_with("the SQLite database cannot be written: UNIQUE constraint failed"), "{error}");
}

#[test]
fn what_cannot_be_written_is_an_error() {
    let error = write(Path::new("/dev/full"), &batch()).unwrap_err().to_string();
    assert!(error.starts_with("the SQLite database cannot be written: "), "{error}");
}

#[test]
fn the_same_records_give_the_same_bytes() {
    let folder = TempDir::new().unwrap();
    let many: Vec<Record> = {
        let records = batch();
        (0..5_000_u64)
            .map(|job| Record { job, ..records[usize::try_from(job).unwrap() % records.len()].clone() })
            .collect()
    };
    let bytes = ["one", "other"].map(|name| {
        let path = folder.path().join(name);
        write(&path, &many).unwrap();
        fs::read(path).unwrap()
    });
    assert!(bytes[0] == bytes[1]);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2, "nothing is left beside them");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn lists_and_nulls_are_read_as_they_were_written(
        rows in proptest::collection::vec((any::<Option<u64>>(), proptest::collection::vec(".{0,3}", 0..4)), 0..20)
    ) {
        let record = |(job, (after, marks)): (u64, &(Option<u64>, Vec<String>))| {
            let mut record = of_run(job, not_survived());
            run(&mut record).marks.clone_from(marks);
            let before = run(&mut record).before.clone();
            run(&mut record).after = after.map(|value| {
                Entry { value: Value(value), ..before }
            });
            record
        };
        let records: Vec<Record> = (0..).zip(&rows).map(record).collect();
        let database = Database::of(&records);
        for (job, (after, marks)) in rows.iter().enumerate() {
            let after = after.map_or(Cell::Null, |after| text(&format!("{after:#018x}")));
            prop_assert_eq!(database.cell("after", job), after);
            let Cell::Text(read) = database.cell("marks", job) else { panic!("no text") };
            prop_assert_eq!(&serde_json::from_str::<Vec<String>>(&read).unwrap(), marks);
        }
    }
}
