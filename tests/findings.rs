//! Findings that are easily missed, or easily reported where there are none.

use crate::common::pmdscope;
use serde_json::Value;

fn findings(line: &str) -> Vec<String> {
    let ran = pmdscope(&format!("{line} --format json"));
    assert!(matches!(ran.status, Some(0 | 1)), "{line}: {ran:?}");
    let report: Value = serde_json::from_str(&ran.stdout).expect("the report is JSON");
    let rows = report.get("rows").and_then(Value::as_array).cloned().unwrap_or_else(|| vec![report.clone()]);
    rows.iter()
        .flat_map(|row| row["findings"].as_array().cloned().unwrap_or_default())
        .map(|finding| finding["name"].as_str().expect("a finding has a name").to_owned())
        .collect()
}

/// The walker clears the entry, starts over, and is refused by its present check in the end, so its outcome does
/// not show what it has done.
#[test]
fn a_walker_that_starts_over_after_it_cleared_the_entry_is_found() {
    let line =
        "run --arch ppc64le --mmu hash --linux 7.2 --entry migration-read --walker page-vma-mapped-walk";
    assert!(findings(line).contains(&"entry-destroyed".to_owned()), "{:?}", findings(line));
}

/// A page fault goes on below the PMD without a lock, to code that clears a bad entry.
#[test]
fn a_page_fault_that_clears_the_entry_is_found() {
    for linux in ["5.10", "6.6", "7.2"] {
        let line =
            format!("run --arch ppc64 --mmu hash --linux {linux} --entry migration-read --walker fault-read");
        assert!(findings(&line).contains(&"entry-destroyed".to_owned()), "{line}: {:?}", findings(&line));
    }
}

/// The contract of `pmdp_invalidate()` is about mappings. An entry that points to a table is none, and has no
/// presence to lose. But if the writer makes it something that a walker takes for bad, the walker destroys it.
#[test]
fn only_a_mapping_can_lose_its_presence() {
    let line =
        "compare --entry table --entry none --writer pmdp_invalidate --walker pte-offset-map --walker hmm";
    let mut found = findings(line);
    found.sort();
    found.dedup();
    assert_eq!(found, ["entry-destroyed", "not-serializable"]);
    assert_eq!(findings(&line.replace("--entry table ", "")), Vec::<String>::new());
}

/// Nothing is installed or invalidated: the walker sees what the kernel builds.
#[test]
fn a_swap_entry_that_is_built_present_is_found_without_any_writer_at_work() {
    let line = "run --arch riscv64 --linux 7.2 --entry migration-read --soft-dirty --writer split-guarded";
    let found = findings(line);
    assert!(found.contains(&"swap-built-present".to_owned()), "{found:?}");
    assert_eq!(findings(&line.replace(" --soft-dirty", "")), Vec::<String>::new());
}
