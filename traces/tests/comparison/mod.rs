//! A comparison to encode: five rows and the skipped ones, as the tool reported them.
#![allow(dead_code, reason = "each test uses some of this")]

pub mod ktap_reader;

use pmdscope_traces::results::RowResult;
use pmdscope_traces::results::expect::Expectations;
use pmdscope_traces::{CompareReport, Verdict};
use proptest::prelude::*;

/// The rows in order, and the result of each if nothing is expected.
pub const FOUND: usize = 0;
pub const PASSED: usize = 1;
pub const FOUND_ON_HASH: usize = 2;
pub const INCOMPLETE: usize = 3;
pub const FOUND_IN_KERNEL: usize = 4;
pub const RESULTS: [RowResult; 5] = [
    RowResult::Unexpected,
    RowResult::Pass,
    RowResult::Unexpected,
    RowResult::Unknown,
    RowResult::Unexpected,
];

/// A list that expects everything that is found.
pub const ALL_FOUND: &str = "\
# all that is found
arm64 6.12 migration-read split-unguarded gup-fast-read swap-becomes-present
arm64 6.12 migration-read split-unguarded gup-fast-read walker-past-present
ppc64le/hash * migration-* split-unguarded hmm *-present   # both of them

kernel 5.10.0-30-arm64 migration-read split gup-fast-read *
";

pub fn comparison() -> CompareReport {
    serde_json::from_str(include_str!("../reports/compare.json")).unwrap()
}

/// Returns the comparison without the row whose verdict is unknown.
pub fn known_comparison() -> CompareReport {
    let mut report = comparison();
    report.rows.remove(INCOMPLETE);
    assert!(report.rows.iter().all(|row| row.verdict != Verdict::Unknown));
    report
}

pub fn list(text: &str) -> Expectations {
    Expectations::parse("list", text).unwrap()
}

/// Generates text that no format likes: characters that end lines and words, begin comments, directives and
/// tags, or are invalid in XML.
pub fn nasty() -> impl Strategy<Value = String> {
    let parts = prop::sample::select(vec![
        "a",
        "6.1",
        " ",
        "  ",
        "\n",
        "\r\n",
        "\t",
        "#",
        " # SKIP ",
        "*",
        "ok 1 ",
        "not ok 2 ",
        "1..9",
        "KTAP version 1",
        "<",
        "]]>",
        "&",
        "&amp;",
        "\"",
        "'",
        "<!--",
        "\0",
        "\u{1b}[31m",
        "\u{7f}",
        "\u{85}",
        "\u{2028}",
        "\u{fffe}",
        "\u{202e}",
        "ü",
        "\\",
        "\\x23",
    ]);
    prop::collection::vec(parts, 0..6).prop_map(|parts| parts.concat())
}

prop_compose! {
    /// Generates the comparison with such text in every place that the tool does not fill with its own words.
    pub fn nasty_comparison()(texts in prop::collection::vec(nasty(), 40)) -> CompareReport {
        let mut texts = texts.into_iter().cycle();
        let mut text = || texts.next().unwrap();
        let mut report = comparison();
        for row in &mut report.rows {
            (row.linux, row.writer, row.walker) = (text(), text(), text());
            row.marks = vec![text()];
            row.command = text();
            row.guest.release = row.guest.release.as_ref().map(|_| text());
            row.incomplete = row.incomplete.as_ref().map(|_| text());
            for finding in &mut row.findings {
                finding.explanation = text();
            }
        }
        for skipped in &mut report.skipped {
            (skipped.encoding, skipped.reason) = (text(), text());
        }
        report
    }
}
