//! The summary of a batch.

use anstream::adapter::strip_str;
use pmdscope_traces::batch::{Record, Summary};
use pmdscope_traces::{RunReport, Verdict};
use proptest::prelude::*;

use super::records::{batch, not_survived, of_run};

fn summary<'a>(records: impl IntoIterator<Item = &'a Record>) -> Summary {
    let mut summary = Summary::default();
    records.into_iter().for_each(|record| summary.add(record));
    summary
}

fn text(summary: &Summary) -> String {
    strip_str(&summary.text()).to_string()
}

#[test]
fn each_platform_version_and_writer_has_a_row_and_each_finding_its_first_job() {
    let records = batch();
    let text = text(&summary(&records));
    let findings = records.iter().filter(|record| record.report.verdict() == Verdict::Findings).count();
    assert!(text.starts_with(&format!("{} jobs, ", records.len())), "{text}");
    assert!(text.lines().next().unwrap().contains(&format!(": {findings} with findings, ")), "{text}");
    // The bundled guest has two unknown jobs, and one run and one sweep with findings.
    let row = text.lines().find(|line| line.ends_with("arm64 6.12 split-unguarded")).unwrap();
    assert!(row.split_whitespace().take(4).eq(["4", "0", "2", "2"]), "{text}");
    let found = text.split("\n\n").find(|part| part.starts_with("FINDING swap-becomes-present")).unwrap();
    assert!(found.contains("job 0: pmdscope run --arch arm64"), "{found}");
    assert!(found.contains("arm64 6.12 5.10.0-30-arm64"), "{found}");
    assert!(
        found.contains("split-unguarded against gup-fast-read and alone")
            || found.contains("split-unguarded alone and against"),
        "{found}"
    );
}

#[test]
fn what_was_found_beside_a_failed_control_does_not_count() {
    let text = text(&summary(&batch()));
    let found = text.split("\n\n").find(|part| part.starts_with("FINDING walker-past-present")).unwrap();
    assert!(!found.contains("perf-page-size"), "{found}");
    let unknown = text.split("\n\n").find(|part| part.contains("control failed")).unwrap();
    assert!(unknown.contains("perf-page-size"), "{unknown}");
}

#[test]
fn reasons_are_counted_and_those_without_room_too() {
    let record = |job: u64, why: String| of_run(job, RunReport { incomplete: Some(why), ..not_survived() });
    let alike = (0..1000).map(|job| record(job, format!("the engine ended at {job:#x}")));
    let others = (1000..1150).map(|job| record(job, format!("reason {job}")));
    let mut records: Vec<Record> = alike.chain(others).collect();
    let said = text(&summary(&records));
    assert!(said.contains("UNKNOWN in 1000 jobs\n  the engine ended at 0x0\n"), "{said}");
    assert!(said.contains("UNKNOWN for reasons that are not listed: 51 jobs more"), "{said}");
    records.truncate(1000 + 99);
    assert!(!text(&summary(&records)).contains("not listed"));
}

#[test]
fn a_batch_without_jobs_has_a_summary() {
    assert!(
        text(&Summary::default()).starts_with("0 jobs, 0 schedules: 0 with findings, 0 pass, 0 unknown.")
    );
}

#[test]
fn markdown_has_the_same_rows() {
    let records = batch();
    let summary = summary(&records);
    let markdown = summary.markdown();
    let cells =
        |line: &str| line.split(['|', ' ']).filter(|cell| !cell.is_empty()).collect::<Vec<_>>().join(" ");
    let rows: Vec<String> =
        markdown.lines().filter(|line| line.starts_with('|')).skip(2).map(cells).collect();
    assert!(rows.contains(&"4 0 2 2 arm64 6.12 split-unguarded".to_owned()), "{rows:?}");
    assert!(!markdown.contains('\u{1b}'));
}

proptest! {
    #[test]
    fn the_order_of_records_makes_no_difference(records in Just(batch()).prop_shuffle()) {
        prop_assert_eq!(summary(&records).text(), summary(&batch()).text());
        prop_assert_eq!(summary(&records), summary(&batch()));
    }

    #[test]
    fn lines_fit_a_terminal_whatever_names_there_are(name in "[ -~]{0,200}", why in "[ -~\n\t\x1b]{0,200}") {
        let mut run = not_survived();
        (run.writer, run.arch, run.incomplete) = (name, why.clone(), Some(why));
        run.command = "pmdscope run".to_owned();
        let text = text(&summary([&of_run(u64::MAX, run)]));
        for line in text.lines() {
            prop_assert!(line.chars().count() <= 80, "{}", line);
            prop_assert!(!line.chars().any(char::is_control), "{:?}", line);
        }
    }
}
