//! `pmdscope patch`, and comparisons of kernels: what differs, labels, and kernels that cannot be run.
//!
//! Without kernels most of these tests are reported as skipped.

use std::fs;
use std::path::{Path, PathBuf};

use jsonschema::Validator;
use serde_json::Value;

use crate::common::kernels::packages;
use crate::common::scratch::Scratch;
use crate::common::{Ran, command, finish, pmdscope, pmdscope_in};

/// Kernels before and after the fix, by links of short names in a folder.
struct Kernels {
    scratch: Scratch,
}

impl Kernels {
    /// `None` if this machine has not both: then the test is reported as skipped.
    fn new(name: &str) -> Option<Kernels> {
        let one = |parts: &[&str]| -> Option<PathBuf> { packages(parts).into_iter().next() };
        let (before, after) = (one(&["5.10.0-30-arm64"])?, one(&["-6.1.", "_arm64"])?);
        let scratch = Scratch::new(name);
        for (link, kernel) in [("before.deb", &before), ("after.deb", &after), ("a=b", &after)] {
            std::os::unix::fs::symlink(kernel, scratch.path().join(link)).expect("a link");
        }
        let start = &fs::read(&before).expect("it can be read")[..5000];
        fs::write(scratch.path().join("damaged.deb"), start).expect("it can be written");
        Some(Kernels { scratch })
    }

    fn run(&self, line: &str) -> Ran {
        let args: Vec<&str> = line.split_whitespace().collect();
        let folder = self.scratch.path();
        // One cache for all tests: unpacking a kernel takes longer than running it.
        let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("patched-cache");
        finish(command(&args).current_dir(folder).env("XDG_CACHE_HOME", cache))
    }

    fn prints(&self, line: &str, status: i32) -> String {
        let ran = self.run(line);
        assert_eq!((ran.status, ran.stderr.as_str()), (Some(status), ""), "{line}: {}", ran.stdout);
        ran.stdout
    }

    /// What a command prints, with one space for each run of white space.
    fn says(&self, line: &str, status: i32) -> String {
        self.prints(line, status).split_whitespace().collect::<Vec<_>>().join(" ")
    }

    fn json(&self, line: &str, status: i32) -> Value {
        serde_json::from_str(&self.prints(&format!("{line} --format json"), status)).expect("it is JSON")
    }
}

/// Of several pairs each has its verdict, before what differs.
#[test]
fn each_pair_has_its_verdict() {
    let Some(kernels) = Kernels::new("each-pair-has-its-verdict") else { return };
    let said = kernels.says(&format!("patch before.deb after.deb after.deb after.deb {SOME}"), 0);
    let (verdicts, _) = said.split_once("For the changelog").expect("a paragraph for the changelog");
    let place = |words: &str| verdicts.find(words).unwrap_or_else(|| panic!("{words}: {said}"));
    let better = place("arm64 BETTER: nothing is newly found in 6 runs. No longer found: ");
    let same = place("arm64 NO DIFFERENCE: the result is the same before and after in 6 runs.");
    assert!(better < same && same < place("arm64: 5.10.0-30-arm64"), "{said}");
}

/// A few runs of each kernel.
const SOME: &str =
    "--writer split --walker gup-fast-read,follow-page --entry migration-read,migration-write,none";

#[test]
fn a_change_is_told_in_a_sentence_and_by_the_exit_status() {
    let Some(kernels) = Kernels::new("a-change-is-told-in-a-sentence") else { return };
    let better = kernels.says(&format!("patch before.deb after.deb {SOME}"), 0);
    assert!(better.starts_with("BETTER: nothing is newly found in 6 runs. No longer found: "), "{better}");
    assert!(better.contains("no longer found: swap-becomes-present (odd view)"), "{better}");
    let worse = kernels.says(&format!("patch after.deb before.deb {SOME}"), 1);
    assert!(worse.starts_with("WORSE: newly found after the change: "), "{worse}");
    let same = kernels.says(&format!("patch before.deb before.deb {SOME}"), 0);
    assert!(same.starts_with("NO DIFFERENCE: the result is the same before and after in 6 runs."), "{same}");
    assert!(same.contains("found before and after: "), "{same}");
    // Nothing that was not run to its end is a pass.
    let unknown = kernels.says(&format!("patch before.deb after.deb {SOME} --max-instructions 1"), 3);
    assert!(
        unknown.starts_with("UNKNOWN: nothing is newly found, but 6 of 6 runs are not fully"),
        "{unknown}"
    );
    assert!(unknown.contains("not fully known: 6 runs: before: "), "{unknown}");
    // Several architectures, or several pairs of one.
    let pairs = kernels.says(&format!("patch before.deb after.deb before.deb after.deb {SOME}"), 0);
    assert_eq!(pairs.matches("arm64: 5.10.0-30-arm64").count(), 2, "{pairs}");
}

/// The paragraph is quoted in changelogs, which `git log` indents.
#[test]
fn the_paragraph_for_a_changelog_fits_it_and_can_be_repeated() {
    let Some(kernels) = Kernels::new("the-paragraph-for-a-changelog") else { return };
    let printed = kernels.prints(&format!("patch before.deb after.deb {SOME}"), 0);
    let (_, paragraph) =
        printed.split_once("For the changelog or the mailing list:\n\n").expect("a paragraph");
    assert!(paragraph.lines().all(|line| line.chars().count() <= 72), "{paragraph}");
    assert!(printed.lines().all(|line| line.chars().count() <= 75), "{printed}");
    let words = paragraph.split_whitespace().collect::<Vec<_>>().join(" ");
    for says in [
        "Tested with pmdscope ",
        "on arm64 6 runs each of 5.10.0-30-arm64 (build ID 69f390ff45bc) before and 6.1.",
        "Found before the change and not after it: ",
        "Nothing was found after the change that was not found before.",
    ] {
        assert!(words.contains(says), "{says}: {words}");
    }
    let command = words.split_once("To repeat it: pmdscope ").expect("a command").1.replace("\\ ", "");
    assert_eq!(kernels.prints(&command, 0), printed);
}

#[test]
fn the_report_of_a_change_follows_its_schema() {
    let Some(kernels) = Kernels::new("the-report-of-a-change-follows-its-schema") else { return };
    let schema = |name: &str| -> Validator {
        let schema: Value = serde_json::from_str(&pmdscope(&format!("schema {name}")).stdout).expect("JSON");
        jsonschema::validator_for(&schema).expect("it is a schema")
    };
    let report = kernels.json(&format!("patch before.deb after.deb {SOME}"), 0);
    let errors: Vec<_> = schema("patch").iter_errors(&report).map(|error| error.to_string()).collect();
    assert!(errors.is_empty(), "{errors:?}");
    assert_eq!(report["conclusion"], "nothing-new");
    assert_eq!(report["pairs"][0]["difference"]["rows"][0]["changes"][0]["what"], "findings");
    let compared = kernels.json(
        "compare old=before.deb new=after.deb no=damaged.deb --entry migration-read --walker gup-fast-read",
        1,
    );
    let errors: Vec<_> = schema("compare").iter_errors(&compared).map(|error| error.to_string()).collect();
    assert!(errors.is_empty(), "{errors:?}");
    assert_eq!(compared["unavailable"][0]["kernel"], "no");
    let labels: Vec<_> =
        compared["rows"].as_array().expect("rows").iter().map(|row| &row["guest"]["label"]).collect();
    assert_eq!(labels, ["old", "new"]);
    assert_eq!(compared["differences"][0]["before"]["label"], "old");
    assert_eq!(compared["differences"][0]["rows"].as_array().map(Vec::len), Some(1));
}

#[test]
fn what_a_change_cannot_be_shown_of_is_refused() {
    for (line, says) in [
        ("patch a.deb", "1 kernels are named: give each kernel before the change with the one after it"),
        ("patch a.deb b.deb c.deb", "3 kernels are named"),
        ("patch nothing.deb nothing.deb", "cannot open nothing.deb"),
        ("patch Cargo.toml Cargo.toml", "Cargo.toml: not a kernel image or package"),
        ("patch a b --entry migration-raed", "did you mean 'migration-read'?"),
        ("patch a b --max-minutes 0", "--max-minutes is 0"),
        ("patch", "BEFORE AFTER"),
    ] {
        let ran = pmdscope(line);
        assert_eq!((ran.status, ran.stdout.as_str()), (Some(2), ""), "{line}: {}", ran.stderr);
        assert!(ran.stderr.contains(says) && ran.stderr.lines().count() == 1, "{line}: {}", ran.stderr);
    }
    let Some(kernels) = Kernels::new("what-a-change-cannot-be-shown-of") else { return };
    let Some(other) = packages(&["_amd64"]).into_iter().next() else { return };
    for (line, says) in [
        (format!("patch before.deb {}", other.display()), "before.deb is of arm64, and "),
        ("patch before.deb damaged.deb".to_owned(), "damaged.deb: a Debian package without data.tar"),
        (
            "patch before.deb after.deb --entry none --writer set_pmd_migration_entry".to_owned(),
            "no entry that was asked for is one that a caller passes to these writers",
        ),
    ] {
        let ran = kernels.run(&line);
        assert_eq!((ran.status, ran.stdout.as_str()), (Some(2), ""), "{line}: {}", ran.stderr);
        assert!(ran.stderr.contains(says), "{line}: {}", ran.stderr);
    }
}

const JOB: &str = "--entry migration-read --walker gup-fast-read";

#[test]
fn what_differs_between_kernels_comes_first() {
    let Some(kernels) = Kernels::new("what-differs-between-kernels-comes-first") else { return };
    let differ = kernels.prints(&format!("compare before.deb after.deb {JOB}"), 1);
    let first = differ.lines().take(2).collect::<Vec<_>>().join(" ");
    assert!(first.starts_with("What differs in 6.1."), "{differ}");
    assert!(differ.contains("\n  no longer found: swap-becomes-present"), "{differ}");
    assert!(differ.contains("the split is guarded, and was vulnerable"), "{differ}");
    let same = kernels.prints(&format!("compare x=after.deb y=after.deb {JOB}"), 0);
    assert_eq!(same.lines().next(), Some("Nothing differs between x and y in 1 run."), "{same}");
    for (format, says) in [("markdown", "What differs in"), ("html", "What differs")] {
        let printed = kernels.prints(&format!("compare before.deb after.deb {JOB} --format {format}"), 1);
        assert!(printed.contains(says) && printed.contains("no longer found:"), "{format}: {printed}");
    }
}

#[test]
fn kernels_are_told_apart_in_every_format() {
    let Some(kernels) = Kernels::new("kernels-are-told-apart-in-every-format") else { return };
    let folder = kernels.scratch.path();
    fs::create_dir(folder.join("A")).expect("a folder");
    fs::create_dir(folder.join("B")).expect("a folder");
    for name in ["A/vmlinux", "B/vmlinux"] {
        std::os::unix::fs::symlink(
            fs::canonicalize(folder.join("after.deb")).expect("a file"),
            folder.join(name),
        )
        .expect("a link");
    }
    for format in ["table", "markdown", "json", "html", "ktap", "junit"] {
        for (line, names) in [
            ("compare A/vmlinux B/vmlinux", ["A/vmlinux", "B/vmlinux"]),
            ("compare --kernel old=A/vmlinux --kernel new=B/vmlinux", ["old", "new"]),
        ] {
            let printed = kernels.prints(&format!("{line} {JOB} --format {format}"), 0);
            for name in names {
                assert!(printed.contains(name), "{line} {format}: no {name}: {printed}");
            }
        }
    }
    // A list names a kernel by its label, or by its release.
    let release = kernels.json(&format!("run before.deb {JOB}"), 1)["guest"]["release"].clone();
    for word in ["old", release.as_str().expect("a release")] {
        let list = format!("kernel {word} migration-read split gup-fast-read *\n");
        fs::write(folder.join("list"), list).expect("a list");
        let line = format!("compare old=before.deb new=after.deb {JOB} --expect list --format ktap");
        assert!(kernels.prints(&line, 0).contains("kernel old"), "{word}");
    }
    let refused = kernels.run("compare x=before.deb x=after.deb");
    assert_eq!(refused.status, Some(2));
    assert_eq!(refused.stderr, "pmdscope: two kernels have the label 'x': give each its own\n");
}

#[test]
fn a_file_whose_name_has_an_equals_sign_is_a_kernel() {
    let Some(kernels) = Kernels::new("a-file-whose-name-has-an-equals-sign") else { return };
    for line in ["compare a=b", "compare ./a=b", "run a=b", "run --kernel ./a=b"] {
        let printed = kernels.prints(&format!("{line} {JOB}"), 0);
        assert!(!printed.contains("\na:"), "{line}: {printed}");
    }
    assert!(kernels.prints("kernel info ./a=b", 0).contains("release"));
    let refused = kernels.run("kernel info before=before.deb");
    assert_eq!(refused.status, Some(2));
    assert!(refused.stderr.contains("'before=' is a label"), "{}", refused.stderr);
    let labelled = kernels.json(&format!("run new=after.deb {JOB}"), 0);
    assert_eq!(labelled["guest"]["label"], "new");
}

#[test]
fn one_kernel_that_cannot_be_run_ends_nothing() {
    let Some(kernels) = Kernels::new("one-kernel-that-cannot-be-run") else { return };
    fs::write(kernels.scratch.path().join("text"), "no kernel").expect("a file");
    let line = format!("compare after.deb damaged.deb text no-such-file {JOB}");
    let table = kernels.prints(&line, 3);
    for (name, why) in [
        ("damaged.deb", "a Debian package without data.tar"),
        ("text", "text: not a kernel image or package"),
        ("no-such-file", "cannot open no-such-file"),
    ] {
        let row = table.lines().find(|row| row.starts_with("unknown") && row.ends_with(name));
        assert!(row.is_some() && table.contains(why), "{name}: {table}");
    }
    assert!(table.contains("0 with findings, 1 pass, 0 unknown. 3 kernels could not be run."), "{table}");
    let ktap = kernels.prints(&format!("{line} --format ktap"), 3);
    assert!(ktap.contains("\nnot ok 2 kernel damaged.deb # ERROR "), "{ktap}");
    assert!(ktap.contains("\nok 1 kernel 6.1."), "{ktap}");
    let junit = kernels.prints(&format!("{line} --format junit"), 3);
    assert!(junit.contains("kernel damaged.deb") && junit.contains("<error"), "{junit}");
    let page = kernels.prints(&format!("{line} --format html"), 3);
    assert!(page.contains("Nothing could be run: damaged.deb"), "{page}");
    // Where nothing can be run, that is a mistake.
    for line in ["compare damaged.deb text", "compare damaged.deb"] {
        let refused = kernels.run(line);
        assert_eq!((refused.status, refused.stdout.as_str()), (Some(2), ""), "{line}: {}", refused.stderr);
        assert!(refused.stderr.contains("a Debian package without data.tar"), "{}", refused.stderr);
    }
}

#[test]
fn one_kernel_that_cannot_be_run_ends_no_batch() {
    let Some(kernels) = Kernels::new("one-kernel-that-cannot-be-run-ends-no-batch") else { return };
    let matrix = "[[include]]\nkernels = [\"after.deb\", \"damaged.deb\"]\nentries = [\"migration-read\"]\n\
                  writers = [\"split\"]\nwalkers = [\"gup-fast-read\"]\n";
    fs::write(kernels.scratch.path().join("m.toml"), matrix).expect("a matrix");
    let ran = kernels.run("batch m.toml -o results");
    assert_eq!(ran.status, Some(3), "{}{}", ran.stdout, ran.stderr);
    assert!(ran.stdout.contains("1 job: 1 passed"), "{}", ran.stdout);
    assert!(ran.stderr.contains("nothing of damaged.deb can be run"), "{}", ran.stderr);
    let table = kernels.prints("report results --format table", 3);
    assert!(table.contains("damaged.deb: a Debian package without data.tar"), "{table}");
    let json = kernels.json("report results", 3);
    assert_eq!(json["unavailable"][0]["kernel"], "damaged.deb");
    let only = matrix.replace("\"after.deb\", ", "");
    fs::write(kernels.scratch.path().join("m.toml"), only).expect("a matrix");
    let refused = pmdscope_in(Path::new(kernels.scratch.path()), "batch m.toml -o other --no-cache");
    assert_eq!(refused.status, Some(2), "{}", refused.stderr);
}
