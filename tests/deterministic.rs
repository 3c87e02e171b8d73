//! The same command line gives the same bytes, whatever runs beside it, and whoever runs it where.

use crate::common::platforms::PLATFORMS;
use crate::common::scratch::Scratch;
use crate::common::{command, finish, pmdscope};

/// Returns command lines over every platform, entry, writer, walker and format, but not every combination.
fn sample() -> Vec<String> {
    let entries = ["migration-write", "present-huge --dirty", "none", "swap", "protnone"];
    let writers = [
        "split-unguarded",
        "split-guarded",
        "pmdp_invalidate",
        "pmdp_invalidate_ad",
        "pmdp_invalidate_checked",
    ];
    let walkers = [
        "hmm",
        "fault-read",
        "fault-write",
        "pte-offset-map",
        "page-vma-mapped-walk",
        "gup-fast-read",
        "gup-fast-write",
        "perf-page-size",
    ];
    let formats = ["text", "json", "jsonl", "markdown"];
    let mut lines = Vec::new();
    for platform in PLATFORMS {
        for entry in entries {
            for writer in writers {
                let n = lines.len();
                // Steps without a common divisor: each walker meets each format, entry and writer.
                let (walker, format) =
                    (walkers[(n * 3 + n / 8) % walkers.len()], formats[(n + n / 4) % formats.len()]);
                lines.push(format!(
                    "run {platform} --entry {entry} --writer {writer} --walker {walker} --format {format}"
                ));
            }
        }
    }
    for format in ["table", "markdown", "json"] {
        lines.push(format!("compare --format {format}"));
        lines.push(format!(
            "compare --linux 5.10 --linux 6.12 --entry migration-read --entry present-huge --format {format}"
        ));
    }
    lines.extend(["list encodings", "schema run", "decode --arch arm64 0x81200ec0"].map(str::to_owned));
    lines
}

#[test]
fn running_twice_gives_the_same_bytes() {
    let mut ran_to_a_verdict = 0;
    for line in sample() {
        let first = pmdscope(&line);
        assert_eq!(first, pmdscope(&line), "pmdscope {line}");
        ran_to_a_verdict += usize::from(matches!(first.status, Some(0 | 1)));
    }
    assert!(ran_to_a_verdict > 150, "only {ran_to_a_verdict} of the sample can be run: it says little");
}

#[test]
fn the_environment_and_the_folder_do_not_matter() {
    let scratch = Scratch::new("the-environment-and-the-folder-do-not-matter");
    let folder = scratch.path();
    let home = folder.display().to_string();
    let environments: [&[(&str, &str)]; 2] = [
        &[("TZ", "Asia/Kathmandu"), ("LANG", "de_DE.UTF-8"), ("LC_ALL", "tr_TR.UTF-8"), ("COLUMNS", "40")],
        &[
            ("HOME", &home),
            ("TERM", "xterm-256color"),
            ("COLORTERM", "truecolor"),
            ("FORCE_COLOR", "1"),
            ("COLUMNS", "500"),
            ("RUST_LOG", "trace"),
            ("RUST_BACKTRACE", "full"),
            ("TMPDIR", &home),
        ],
    ];
    let refused =
        ["run --arch arm46 --entry none", "list archs", "run --arch arm64 --entry none --format jsn"];
    for line in sample().iter().step_by(5).map(String::as_str).chain(refused) {
        let plain = pmdscope(line);
        let args: Vec<&str> = line.split_whitespace().collect();
        for environment in environments {
            let mut command = command(&args);
            command.current_dir(folder).envs(environment.iter().copied());
            assert_eq!(finish(&mut command), plain, "pmdscope {line} with {environment:?}");
        }
    }
}

#[test]
fn runs_beside_each_other_do_not_disturb_each_other() {
    let line = "run --arch ppc64le --entry migration-write --walker hmm --format json";
    let alone = pmdscope(line);
    std::thread::scope(|scope| {
        let beside: Vec<_> = (0..16).map(|_| scope.spawn(|| pmdscope(line))).collect();
        for one in beside {
            assert_eq!(one.join().expect("it ran"), alone);
        }
    });
}

#[test]
fn a_row_of_a_comparison_is_the_run_of_the_same_names() {
    let names = "--arch arm64 --linux 7.2 --entry migration-write --writer split-unguarded --walker hmm --format json";
    let json =
        |line: &str| -> serde_json::Value { serde_json::from_str(&pmdscope(line).stdout).expect("JSON") };
    let row = json(&format!("compare {names}"))["rows"][0].take();
    let mut run = json(&format!("run {names}"));
    for left_out in ["traces", "entries"] {
        run.as_object_mut().expect("an object").remove(left_out).expect("a run has it");
    }
    assert_eq!(row, run);
}
