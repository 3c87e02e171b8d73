//! Checks the registries of findings and formats against help, docs and tests, and says what a new entry lacks.

use std::fs;
use std::path::{Path, PathBuf};

use pmdscope_traces::FindingName;
use pmdscope_traces::formats::{self, Format, ReportEncoder};

use crate::common::pmdscope;
use crate::common::pmdscope_in;
use crate::common::scratch::Scratch;
use crate::planted::planted_findings;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Returns a text with one space for each run of white space.
fn squeezed(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Returns the part of a page below a heading, up to the next one of the same level or a higher one.
fn section<'a>(page: &'a str, heading: &str) -> &'a str {
    let begin = page.find(&format!("\n{heading}\n")).unwrap_or_else(|| panic!("no heading '{heading}'"));
    let rest = &page[begin + heading.len() + 2..];
    let level = heading.bytes().take_while(|byte| *byte == b'#').count();
    let ends = (1..=level).filter_map(|level| rest.find(&format!("\n{} ", "#".repeat(level))));
    &rest[..ends.min().unwrap_or(rest.len())]
}

#[test]
fn every_finding_is_explained_listed_and_planted() {
    let reference = read("docs/reference.md");
    let findings = section(&reference, "## Findings");
    let listed = pmdscope("list findings").stdout;
    let planted = planted_findings();
    for finding in FindingName::ALL {
        let known = finding.definition();
        let name = known.name;
        assert!(!known.meaning.is_empty() && !known.consequence.is_empty(), "{name}: what it means");
        assert_eq!(serde_json::to_value(finding).expect("a name"), name, "{name}: its name in JSON");
        assert_eq!(FindingName::of_name(name), Some(finding), "{name}: its name is its own");
        let line = listed.lines().find(|line| line.split_whitespace().next() == Some(name));
        assert!(line.is_some_and(|line| line.ends_with(known.meaning)), "{name}: pmdscope list findings");
        let explained = squeezed(section(findings, &format!("### {name}"))).replace('`', "");
        assert!(
            explained.contains(&format!("For a kernel: {}.", known.consequence)),
            "docs/reference.md, {name}: it says 'For a kernel: {}.'",
            known.consequence
        );
        assert!(planted.contains(&finding), "{name}: no run in tests/planted.rs shows it");
    }
    let headings = findings.lines().filter_map(|line| line.strip_prefix("### "));
    let explained: Vec<_> = headings.filter(|heading| heading.contains('-')).collect();
    assert_eq!(explained, FindingName::ALL.map(FindingName::name), "docs/reference.md, in this order");
}

/// Checks the formats of a command against its help, the table of a section of `docs/reference.md`, and tests.
fn assert_documented_and_tested<Encoder>(command: &str, formats: &[&Format<Encoder>], documented: &str) {
    let help = squeezed(&pmdscope(&format!("{command} --help")).stdout);
    let reference = read("docs/reference.md");
    let table = section(&reference, documented).lines();
    let table = table.skip_while(|line| !line.starts_with(&format!("| `{command} --format` |")));
    let rows = table.skip(2).map_while(|line| line.strip_prefix("| `")?.split('`').next());
    let names: Vec<_> = formats.iter().map(|format| format.name).collect();
    assert_eq!(rows.collect::<Vec<_>>(), names, "docs/reference.md, {documented}");
    let tests = fs::read_dir(root().join("tests")).expect("the folder of tests").flatten();
    let sources: Vec<String> = tests
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .filter(|path| !path.ends_with("registries.rs"))
        .map(read)
        .filter(|source| source.contains(&format!("{command} ")))
        .collect();
    for (n, format) in formats.iter().enumerate() {
        let Format { name, about, extension, .. } = format;
        assert!(!name.is_empty() && !extension.is_empty(), "{command} --format {name}");
        assert_eq!(names.iter().filter(|other| *other == name).count(), 1, "{command} --format {name}");
        assert!(help.contains(&format!("- {name}: {about}")), "pmdscope {command} --help: {name}");
        let is_named = |source: &String| {
            let by_option = source.split("--format ").skip(1).map(|rest| {
                rest.split(|c: char| !c.is_ascii_alphanumeric() && c != '-').next().unwrap_or_default()
            });
            source.contains(&format!("\"{name}\"")) || by_option.into_iter().any(|named| named == *name)
        };
        assert!(n == 0 || sources.iter().any(is_named), "no test of {command} --format {name}");
    }
    let default = formats.first().expect("a format");
    assert!(help.contains(&format!("[default: {}]", default.name)), "pmdscope {command} --help");
}

#[test]
fn every_format_is_documented_and_tested() {
    assert_documented_and_tested("run", formats::RUN, "## Formats of a run");
    assert_documented_and_tested("compare", formats::COMPARE, "## Formats of a comparison");
    assert_documented_and_tested("report", formats::REPORT, "## Formats of a batch");
}

#[test]
fn every_format_writes_a_file() {
    let scratch = Scratch::new("every-format-writes-a-file");
    let matrix = "[[include]]\narches = [\"arm64\"]\nlinux = [\"6.1\"]\nentries = [\"migration-write\"]\n\
                  writers = [\"split-unguarded\"]\nwalkers = [\"hmm\"]\n";
    fs::write(scratch.path().join("m.toml"), matrix).expect("a matrix");
    let ran = pmdscope_in(scratch.path(), "batch m.toml -o results");
    assert_eq!(ran.status, Some(1), "{}", ran.stderr);
    let job = "--arch arm64 --linux 6.1 --entry migration-write --writer split-unguarded --walker hmm";
    let of_run = formats::RUN.iter().map(|format| (format!("run {job}"), format.name, format.extension));
    let of_compare =
        formats::COMPARE.iter().map(|format| (format!("compare {job}"), format.name, format.extension));
    let of_report =
        formats::REPORT.iter().map(|format| ("report results".to_owned(), format.name, format.extension));
    for (n, (command, name, extension)) in of_run.chain(of_compare).chain(of_report).enumerate() {
        let file = format!("{n}.{extension}");
        let line = format!("{command} --format {name} -o {file}");
        let ran = pmdscope_in(scratch.path(), &line);
        assert_eq!((ran.status, ran.stderr.as_str()), (Some(1), ""), "{line}");
        assert!(!fs::read(scratch.path().join(file)).expect("it was written").is_empty(), "{line}");
    }
}

/// An error message names these formats as the ones for a batch of any size.
#[test]
fn a_format_that_is_for_any_number_of_rows_is_none_of_a_comparison() {
    for name in ["summary", "json", "jsonl", "sqlite"] {
        let format = formats::REPORT.iter().find(|format| format.name == name).expect("a format of reports");
        assert!(!matches!(format.encoder, ReportEncoder::Comparison { .. }), "{name}");
    }
}
