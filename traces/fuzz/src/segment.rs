//! Files of records.

use pmdscope_traces::batch::segment::{SegmentError, job_of, journal, lines, open, record, seal};

use super::plain::assert_one_line;

/// Reads bytes as a sealed segment, as what one says before it is sealed, and as a journal.
pub fn segment(bytes: &[u8]) -> bool {
    let as_they_are = read(bytes);
    let as_content = std::str::from_utf8(bytes).is_ok_and(|text| read(&sealed(&[text])));
    let records = journal(bytes);
    check_journal(&records);
    as_they_are || as_content || !records.is_empty()
}

fn read(sealed_lines: &[u8]) -> bool {
    match lines(sealed_lines) {
        Ok(lines) => {
            opens_again(&lines);
            lines.iter().for_each(|line| drop(record(line)));
            !lines.is_empty()
        }
        Err(error) => {
            refused(&error);
            false
        }
    }
}

fn sealed(lines: &[&str]) -> Vec<u8> {
    seal(lines.iter().copied()).expect("there is room")
}

/// What was sealed has these lines and jobs, and no others.
fn opens_again(lines: &[String]) {
    let jobs: Vec<u64> = lines.iter().filter_map(|line| job_of(line)).collect();
    assert_eq!(jobs.len(), lines.len(), "each line has a job");
    let sealed = sealed(&lines.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(open(&sealed[..], &jobs).expect("what was sealed opens"), lines);
    refused(&open(&sealed[..], &[&jobs[..], &[0]].concat()).expect_err("a job too many"));
    if let Some((_, fewer)) = jobs.split_last() {
        refused(&open(&sealed[..], fewer).expect_err("a job is missing"));
    }
}

/// What a journal gives can be sealed, and is what it gives of that alone.
fn check_journal(records: &[String]) {
    assert!(records.is_sorted_by_key(|line| job_of(line)));
    assert_eq!(journal(records.concat().as_bytes()), records);
    opens_again(records);
}

fn refused(error: &SegmentError) {
    assert_one_line(&error.to_string());
}
