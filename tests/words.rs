//! No page, help text, list or report has a phrase that readers stumbled over.

use std::fs;
use std::path::Path;

use crate::common::pmdscope;

/// Phrases that say nothing by themselves: each has a noun of the field in its place (outcome, result, baseline run,
/// original entry).
const NEVER: [&str; 16] = [
    "came to",
    "comes to",
    "come to the same",
    "what came of",
    "what comes of",
    "stands",
    "stood",
    "is said of",
    "are said of",
    "is told",
    "are told",
    "has it be",
    "untouched entry",
    "that there is",
    "that there are",
    "of the other",
];

/// The phrases in a text, with the words around them.
fn found(text: &str) -> Vec<String> {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase();
    let is_word = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
    let mut all = Vec::new();
    for phrase in NEVER {
        for (at, _) in text.match_indices(phrase) {
            let (before, after) = (&text[..at], &text[at + phrase.len()..]);
            if !is_word(before.chars().next_back()) && !is_word(after.chars().next()) {
                let tail: String = after.chars().take(40).collect();
                all.push(format!("{phrase}{tail}"));
            }
        }
    }
    all
}

fn assert_none(place: &str, text: &str) {
    assert_eq!(found(text), [""; 0], "{place}");
}

#[test]
fn a_phrase_is_found_across_lines_and_only_as_words() {
    assert_eq!(found("What the walker\n  came\n  to: nothing"), ["came to: nothing"]);
    assert_eq!(found("It became to all standstill, the otherwise"), [""; 0]);
}

#[test]
fn pages_have_none() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut pages: Vec<_> =
        ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md"].map(|page| root.join(page)).into();
    let docs = fs::read_dir(root.join("docs")).expect("docs").flatten().map(|entry| entry.path());
    pages.extend(docs.filter(|path| path.extension().is_some_and(|extension| extension == "md")));
    assert!(pages.len() > 10, "{pages:?}");
    for page in pages {
        assert_none(&page.display().to_string(), &fs::read_to_string(&page).expect("a page"));
    }
}

#[test]
fn helps_manuals_lists_and_schemas_have_none() {
    for line in [
        "",
        "batch",
        "bisect",
        "compare",
        "contract",
        "decode",
        "diff",
        "kernel",
        "kernel info",
        "kernel list-functions",
        "list",
    ]
    .into_iter()
    .chain([
        "man",
        "merge",
        "objects",
        "patch",
        "probe",
        "repro",
        "repro report",
        "repro run",
        "repro save",
        "repro show",
        "report",
        "run",
    ])
    .chain(["schema", "sweep", "completions"])
    {
        assert_none(line, &pmdscope(&format!("{line} --help")).stdout);
    }
    for what in
        ["arches", "encodings", "entries", "writers", "walkers", "agents", "findings", "sets", "columns"]
    {
        assert_none(what, &pmdscope(&format!("list {what}")).stdout);
    }
    for name in ["run", "compare", "decode", "repro", "sweep", "matrix", "batch", "record", "diff", "patch"] {
        assert_none(name, &pmdscope(&format!("schema {name}")).stdout);
    }
}

#[test]
fn reports_have_none() {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    for entry in fs::read_dir(golden).expect("tests/golden").flatten() {
        let text = fs::read_to_string(entry.path()).expect("text");
        assert_none(&entry.path().display().to_string(), &text);
    }
}

/// Messages, and texts of reports that no golden file has: every literal of the program and its libraries.
#[test]
fn literals_of_the_sources_have_none() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut folders: Vec<_> =
        ["src", "traces/src", "emu/src", "emu/explore/src", "emu/watch/src", "guest/src", "arches/src"]
            .map(|folder| root.join(folder))
            .into();
    let mut files = 0;
    while let Some(folder) = folders.pop() {
        for entry in
            fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())).flatten()
        {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files += 1;
                let source = fs::read_to_string(&path).expect("a source");
                let code = source.lines().filter(|line| !line.trim_start().starts_with("//"));
                assert_none(&path.display().to_string(), &code.collect::<Vec<_>>().join("\n"));
            }
        }
    }
    assert!(files > 200, "{files} sources");
}
