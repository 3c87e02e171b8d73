//! Comparisons as test results, judged by a list of known findings: the output and the exit status.

use std::fs;

use crate::common::scratch::Scratch;
use crate::common::{Ran, pmdscope, pmdscope_in};

const COMPARED: &str = "compare --arch arm64 --linux 7.2 --writer split-unguarded --walker hmm";

/// Runs the comparison with a list.
fn with_list(scratch: &Scratch, list: &str, line: &str) -> Ran {
    fs::write(scratch.path().join("known.txt"), list).expect("a file");
    pmdscope_in(scratch.path(), &format!("{line} --expect known.txt"))
}

/// Returns the lines that a comparison prints for addition to a list.
fn to_be_listed(printed: &str) -> String {
    let lines = printed.lines().filter_map(|line| line.split_once("to expect it: ").map(|(_, line)| line));
    lines.map(|line| format!("{}\n", line.split("</").next().unwrap_or(line))).collect()
}

#[test]
fn what_is_printed_to_be_listed_makes_a_list_that_all_is_as() {
    let scratch = Scratch::new("what-is-printed-to-be-listed");
    for format in ["ktap", "junit"] {
        let line = format!("compare --linux 7.2 --format {format}");
        let plain = pmdscope(&line);
        assert_eq!(plain.status, Some(1));
        let list = to_be_listed(&plain.stdout);
        assert!(list.lines().count() > 20, "{list}");
        let known = with_list(&scratch, &list, &line);
        assert_eq!((known.status, known.stderr.as_str()), (Some(0), ""), "{format}");
        assert!(!known.stdout.contains("not ok") && !known.stdout.contains("<failure"), "{}", known.stdout);
    }
}

#[test]
fn a_list_is_held_against_what_was_run() {
    let scratch = Scratch::new("a-list-is-held-against-what-was-run");
    let line = format!("{COMPARED} --format ktap");
    let all = to_be_listed(&pmdscope(&line).stdout);
    let elsewhere = "s390x 7.2 * * * swap-becomes-present\n";
    for (list, status, says) in [
        (all.clone(), 0, "# XFAIL"),
        (format!("# known since 2024\n\n{all}{elsewhere}"), 0, "# XFAIL"),
        ("arm64 * migration-* split-unguarded * *\n".to_owned(), 0, "# XFAIL"),
        (String::new(), 1, "not ok 1"),
        (all.lines().next().expect("a line").to_owned(), 1, "not ok 1"),
        (format!("{all}arm64 7.2 * * hmm bits-lost\n"), 1, "bits-lost"),
    ] {
        let ran = with_list(&scratch, &list, &line);
        assert_eq!((ran.status, ran.stderr.as_str()), (Some(status), ""), "{list}{}", ran.stdout);
        assert!(ran.stdout.contains(says), "{list}{}", ran.stdout);
    }
    // A list may have lines about another comparison. Such a line is only remarked upon: it may be mistyped.
    let ran = with_list(&scratch, &format!("{all}{elsewhere}# and\narm46 * * * * *\n"), &line);
    let known = all.lines().count();
    let says = format!("\n# matches no row here: line {}, {} of the list\n", known + 1, known + 3);
    assert!(ran.stdout.contains(&says), "{}", ran.stdout);
}

#[test]
fn what_is_unknown_fails_whatever_is_listed() {
    let scratch = Scratch::new("what-is-unknown-fails");
    let line = "compare --arch arm64 --linux 7.2 --walker hmm --max-instructions 1 --format ktap";
    let ran = with_list(&scratch, "arm64 * * * * *\n", line);
    assert_eq!(ran.status, Some(3), "{}", ran.stdout);
    assert!(ran.stdout.contains("not ok 1") && !ran.stdout.contains("\n  ok "), "{}", ran.stdout);
}

#[test]
fn a_list_that_is_none_is_told_by_its_line() {
    let scratch = Scratch::new("a-list-that-is-none");
    let line = format!("{COMPARED} --format ktap");
    for (list, says) in [
        ("# a comment\narm64 7.2 hmm\n", "known.txt, line 2"),
        ("arm64 7.2 migration-write split-unguarded hmm swap-become-present", "swap-becomes-present"),
        ("a b c d e f g h\n", "known.txt, line 1"),
    ] {
        let ran = with_list(&scratch, list, &line);
        assert_eq!((ran.status, ran.stdout.as_str(), ran.stderr.lines().count()), (Some(2), "", 1), "{list}");
        assert!(ran.stderr.contains(says), "{list}: {}", ran.stderr);
    }
    let many = "arm64 7.2 migration-write split-unguarded hmm swap-becomes-present\n".repeat(5_000);
    assert!(with_list(&scratch, &many, &line).stderr.contains("at most 4000 lines"));
    fs::write(scratch.path().join("latin.txt"), b"arm64 \xe4\n").expect("a file");
    let ran = pmdscope_in(scratch.path(), &format!("{line} --expect latin.txt"));
    assert!(ran.status == Some(2) && ran.stderr.contains("cannot read latin.txt"), "{}", ran.stderr);
    let ran = pmdscope_in(scratch.path(), &format!("{line} --expect nothing.txt"));
    assert!(ran.status == Some(2) && ran.stderr.contains("cannot open nothing.txt"), "{}", ran.stderr);
    let ran = pmdscope_in(scratch.path(), &format!("{COMPARED} --expect latin.txt"));
    assert!(ran.status == Some(2) && ran.stderr.contains("add --format ktap"), "{}", ran.stderr);
}
