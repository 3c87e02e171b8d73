//! What writers and walkers of real kernels do to mappings. Without kernels this test is reported as skipped.

use crate::common::kernels::{name, packages};
use crate::common::scratch::Scratch;
use crate::common::{command, finish};
use serde_json::Value;

/// No kernel's split or `pmdp_invalidate()` leaves a mapping valid or loses its marks.
///
/// The GUP-fast of two architectures takes a page while its mapping is invalidated, because their
/// `pmd_access_permitted()` does not check for that.
#[test]
fn writers_of_kernels_keep_marks_and_gup_fast_may_take_what_is_invalidated() {
    let cache = Scratch::new("kernel-findings");
    for kernel in packages(&[]) {
        for writer in ["split", "pmdp_invalidate"] {
            let path = kernel.to_str().expect("names of kernels are UTF-8");
            let entry = ["--entry", "present-huge", "--young", "--dirty"];
            let routines = ["--writer", writer, "--walker", "gup-fast-read"];
            let args = ["run", "--kernel", path, "--format", "json"];
            let args: Vec<&str> = args.into_iter().chain(entry).chain(routines).collect();
            let ran = finish(command(&args).env("XDG_CACHE_HOME", cache.path()));
            let report: Value = serde_json::from_str(&ran.stdout).expect("the report is JSON");
            let mut found: Vec<&str> = report["findings"]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(|finding| finding["name"].as_str())
                .collect();
            found.dedup();
            let takes = matches!(report["arch"].as_str(), Some("s390x" | "riscv64"));
            let expected: &[&str] = if takes { &["took-invalidated"] } else { &[] };
            assert_eq!(found, expected, "{} {writer}", name(&kernel));
        }
    }
}
