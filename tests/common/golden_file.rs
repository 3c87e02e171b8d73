//! Files that hold what the binary prints.
//!
//! `UPDATE_GOLDEN=1 cargo test --release -p pmdscope` writes them anew. The difference in version control is then
//! to be reviewed.

use std::path::Path;

use similar::TextDiff;

/// Compares a text with a file of the workspace; returns the difference, or `None` if they are equal.
pub fn difference(file: &str, now: &str) -> Option<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    if std::env::var_os("UPDATE_GOLDEN").is_some_and(|set| set == "1") {
        std::fs::write(&path, now).expect("a golden file can be written");
        return None;
    }
    let golden = std::fs::read_to_string(&path).unwrap_or_default();
    if golden == now {
        return None;
    }
    let diff = TextDiff::from_lines(golden.as_str(), now);
    Some(diff.unified_diff().context_radius(2).header(file, "what is printed now").to_string())
}

/// Fails with everything that differs.
pub fn assert_none(differences: &[String]) {
    assert!(
        differences.is_empty(),
        "{} differ; where the change is meant, run UPDATE_GOLDEN=1 cargo test --release -p pmdscope\n{}",
        differences.len(),
        differences.join("\n")
    );
}
