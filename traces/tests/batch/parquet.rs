//! The results of a batch as a Parquet file, read back.

use std::io::{self, Write};

use bytes::Bytes;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::{Field, Row};
use pmdscope_traces::batch::{ParquetWriter, Record, Report, columns};
use pmdscope_traces::{Count, Entry, FindingName, Value, Verdict};
use proptest::prelude::*;

use crate::records::{KERNEL, batch, control_failed, not_survived, of_run, run, sweep};

fn written<'a>(records: impl IntoIterator<Item = &'a Record>) -> Vec<u8> {
    let mut writer = ParquetWriter::new(Vec::new()).unwrap();
    for record in records {
        writer.add(record).unwrap();
    }
    writer.finish().unwrap()
}

fn rows<'a>(records: impl IntoIterator<Item = &'a Record>) -> Vec<Row> {
    let reader = SerializedFileReader::new(Bytes::from(written(records))).unwrap();
    reader.get_row_iter(None).unwrap().map(Result::unwrap).collect()
}

fn field(row: &Row, name: &str) -> Field {
    row.get_column_iter().find(|(column, _)| *column == name).unwrap().1.clone()
}

fn text(text: &str) -> Field {
    Field::Str(text.to_owned())
}

fn list(fields: &Field) -> Vec<Field> {
    let Field::ListInternal(list) = fields else { panic!("{fields} is no list") };
    list.elements().to_vec()
}

#[test]
fn a_row_has_what_its_report_has() {
    let records = batch();
    let rows = rows(&records);
    assert_eq!(rows.len(), records.len());
    let first = &rows[0];
    assert_eq!(field(first, "job"), Field::ULong(0));
    assert_eq!(field(first, "kind"), text("run"));
    assert_eq!(field(first, "mmu"), Field::Null);
    assert_eq!(field(first, "entry"), text("migration-read"));
    assert_eq!(field(first, "before"), Field::ULong(0x8120_0600));
    assert_eq!(field(first, "pfn"), Field::ULong(0x81200));
    assert_eq!(field(first, "swap_type"), Field::ULong(24));
    assert_eq!(field(first, "schedules"), Field::ULong(5));
    assert_eq!(list(&field(first, "marks")), []);
    assert_eq!(list(&field(first, "findings")), [text("swap-becomes-present"), text("walker-past-present")]);
    let kernel = &rows[KERNEL];
    assert_eq!(field(kernel, "release"), text("5.10.0-30-arm64"));
    assert_eq!(field(kernel, "split"), text("vulnerable"));
}

#[test]
fn a_sweep_has_null_where_only_a_run_has_something() {
    let sweep = &rows(&[sweep(7, Verdict::Findings)])[0];
    for name in ["walker", "before", "marks", "views", "views_present", "schedules"] {
        assert_eq!(field(sweep, name), Field::Null, "{name}");
    }
    assert_eq!(list(&field(sweep, "findings")), [text("swap-becomes-present")]);
}

#[test]
fn numbers_are_whole_however_large() {
    let mut record = batch().remove(0);
    let report = run(&mut record);
    report.before.value.0 = u64::MAX;
    report.schedules.total = Count("36893488147419103232".parse().unwrap());
    let row = &rows(&[record])[0];
    assert_eq!(field(row, "before"), Field::ULong(u64::MAX));
    assert_eq!(field(row, "schedules"), Field::Null);
    assert_eq!(field(row, "schedules_text"), text("36893488147419103232"));
}

#[test]
fn whether_a_view_is_present_is_known_or_null() {
    let made_present = |record: &Record| {
        let Report::Run(run) = &record.report else { return false };
        !run.views.is_empty()
            && run.findings.iter().any(|found| found.name == FindingName::SwapBecomesPresent)
    };
    let mut record = batch().into_iter().find(made_present).unwrap();
    let present = |record: &Record| field(&rows([record])[0], "views_present");
    assert_eq!(present(&record), Field::Bool(true));
    run(&mut record).incomplete = Some("a bound".to_owned());
    assert_eq!(present(&record), Field::Bool(true), "it was seen, whatever else there is");
    for view in &mut run(&mut record).views {
        view.installed = true;
    }
    assert_eq!(present(&record), Field::Null, "what was not run is not known");
    run(&mut record).incomplete = None;
    assert_eq!(
        present(&record),
        Field::Bool(false),
        "what the writer installs is not what became of the entry"
    );
    let failed = of_run(0, control_failed());
    assert_eq!(present(&failed), Field::Null);
    assert_eq!(list(&field(&rows([&failed])[0], "failed_controls")).len(), 1);
    assert_eq!(present(&of_run(0, not_survived())), Field::Null);
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
fn rows_beyond_one_group_are_written_and_read() {
    let records = batch();
    let many: Vec<Record> = (0..70_000_u64)
        .map(|job| Record { job, ..records[usize::try_from(job).unwrap() % records.len()].clone() })
        .collect();
    let bytes = written(&many);
    let reader = SerializedFileReader::new(Bytes::from(bytes)).unwrap();
    assert_eq!(reader.num_row_groups(), 2);
    let jobs = reader.get_row_iter(None).unwrap().map(|row| field(&row.unwrap(), "job"));
    assert!(jobs.eq((0..70_000).map(Field::ULong)));
}

/// Something that is full after so many bytes.
struct Full(usize);

impl Write for Full {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 = self.0.checked_sub(bytes.len()).ok_or(io::ErrorKind::StorageFull)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn what_cannot_be_written_is_an_error() {
    let whole = written(&batch()).len();
    let write = |room| {
        let mut writer = ParquetWriter::new(Full(room))?;
        batch().iter().try_for_each(|record| writer.add(record))?;
        writer.finish().map(drop)
    };
    for room in [0, 4, whole / 2, whole - 1] {
        let error = write(room).unwrap_err().to_string();
        assert!(error.starts_with("the Parquet file cannot be written: "), "{error}");
    }
    write(whole).unwrap();
}

proptest! {
    #[test]
    fn lists_and_nulls_come_back_as_they_were(
        rows in proptest::collection::vec((any::<Option<u64>>(), proptest::collection::vec("[a-z]{0,3}", 0..4)), 0..20)
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
        let read = self::rows(&records);
        prop_assert_eq!(read.len(), rows.len());
        for (row, (after, marks)) in read.iter().zip(&rows) {
            prop_assert_eq!(field(row, "after"), after.map_or(Field::Null, Field::ULong));
            let marks: Vec<Field> = marks.iter().map(|mark| text(mark)).collect();
            prop_assert_eq!(list(&field(row, "marks")), marks);
        }
        prop_assert_eq!(written(&records), written(&records));
    }
}
