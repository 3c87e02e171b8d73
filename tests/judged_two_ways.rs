//! The table of docs/findings.md that counts rows of a comparison is what the comparison has.

use std::fs;

use serde_json::Value;

use crate::common::pmdscope;

/// A row of the table: writers and walkers by their names, the entry, and the numbers.
const ROWS: [(&[&str], &[&str], &str, &str); 6] = [
    (&["split-unguarded"], &["gup-fast-read"], "migration-write", "split-unguarded, gup-fast-read on"),
    (&["split-unguarded"], &["perf-page-size"], "migration-write", "split-unguarded, perf-page-size on"),
    (&["split-unguarded"], &["hmm"], "migration-write", "split-unguarded, hmm on"),
    (&["split-unguarded"], &["pte-offset-map"], "migration-write", "split-unguarded, pte-offset-map on"),
    (
        &["split-unguarded", "split-guarded"],
        &["gup-fast-read", "perf-page-size", "hmm"],
        "present-huge",
        "either split, gup-fast-read, perf-page-size or hmm on",
    ),
    (
        &["split-guarded"],
        &["gup-fast-read", "perf-page-size", "hmm", "pte-offset-map"],
        "migration-write",
        "split-guarded, all four on",
    ),
];

#[test]
fn the_numbers_of_rows_with_findings_are_those_of_the_comparison() {
    let page = fs::read_to_string("docs/findings.md").expect("the page is there");
    let report: Value = serde_json::from_str(&pmdscope("compare --format json").stdout).expect("JSON");
    let rows = report["rows"].as_array().expect("rows");
    for (writers, walkers, entry, pair) in ROWS {
        let is = |row: &&Value| {
            let has =
                |names: &[&str], member: &str| row[member].as_str().is_some_and(|name| names.contains(&name));
            has(writers, "writer") && has(walkers, "walker") && row["entry"] == entry
        };
        let of_pair: Vec<&Value> = rows.iter().filter(is).collect();
        let with = |of_no_order: bool| {
            let found = |row: &&&Value| {
                let findings = row["findings"].as_array().expect("findings");
                let names = findings.iter().filter_map(|finding| finding["name"].as_str());
                names
                    .into_iter()
                    .any(|name| matches!(name, "not-serializable" | "crash-in-race") == of_no_order)
            };
            of_pair.iter().filter(found).count()
        };
        let numbers = format!("| {pair} {entry} | {} | {} | {} |", of_pair.len(), with(false), with(true));
        assert!(page.contains(&numbers), "docs/findings.md lacks: {numbers}");
    }
}
