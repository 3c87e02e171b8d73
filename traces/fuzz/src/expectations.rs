//! Lists of expected findings.

use std::sync::LazyLock;

use pmdscope_traces::CompareReport;
use pmdscope_traces::results::expect::Expectations;

use super::encoders::encode_results;
use super::plain::assert_one_line;

/// Rows of every kind for a list to be said of.
static COMPARISON: LazyLock<CompareReport> = LazyLock::new(|| {
    serde_json::from_str(include_str!("../../tests/reports/compare.json")).expect("it is a comparison")
});

/// Reads bytes as a list of expected findings.
pub fn expectations(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else { return false };
    match Expectations::parse("list", text) {
        Ok(list) => {
            written_again(&list);
            encode_results(&COMPARISON, &list);
            true
        }
        Err(error) => {
            assert_one_line(&error.to_string());
            false
        }
    }
}

/// Each line says the same when it is written as it is read.
fn written_again(list: &Expectations) {
    for line in list.lines() {
        let written = line.to_string();
        let again = Expectations::parse("list", &written).expect("what was written can be read");
        assert_eq!(again.lines().iter().map(ToString::to_string).collect::<Vec<_>>(), [written]);
    }
}
