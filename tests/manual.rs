//! Manual pages and completions, tested with the programs that read them.

use std::fs;
use std::process::Command;

use crate::common::scratch::Scratch;
use crate::common::{pmdscope, pmdscope_in};
use pmdscope_needs::Need;

#[test]
fn every_command_has_a_page() {
    let scratch = Scratch::new("every-command-has-a-page");
    let ran = pmdscope_in(scratch.path(), "man --all -o man1");
    assert_eq!((ran.status, ran.stdout.as_str(), ran.stderr.as_str()), (Some(0), "", ""));
    let mut names = Vec::new();
    for file in fs::read_dir(scratch.path().join("man1")).expect("a folder").flatten() {
        let name = file.file_name().to_string_lossy().into_owned();
        let page = fs::read_to_string(file.path()).expect("a page");
        let stem = name.strip_suffix(".1").expect("of section 1").to_owned();
        assert!(page.contains(&format!(".TH {stem} 1 ")), "{name}");
        let command = stem.strip_prefix("pmdscope").expect("of pmdscope").replace('-', " ");
        // `list-functions` is one word.
        let command = command.replace("list functions", "list-functions");
        assert_eq!(pmdscope(&format!("man {command}")).stdout, page, "{name}");
        names.push(stem);
    }
    for name in ["pmdscope", "pmdscope-run", "pmdscope-repro-save", "pmdscope-kernel-list-functions"] {
        assert!(names.contains(&name.to_owned()), "{names:?}");
    }
}

#[test]
fn pages_are_such_as_troff_reads_without_a_warning() {
    let scratch = Scratch::new("pages-are-such-as-troff-reads");
    pmdscope_in(scratch.path(), "man --all -o man1");
    for file in fs::read_dir(scratch.path().join("man1")).expect("a folder").flatten() {
        let groff = Command::new("groff").args(["-man", "-Tascii", "-ww", "-z"]).arg(file.path()).output();
        let Some(read) = groff.ok().filter(|_| !Need::Groff.is_hidden()) else {
            return Need::Groff.skip("manual pages are read without a warning");
        };
        let said = String::from_utf8_lossy(&read.stderr);
        assert!(read.status.success() && said.is_empty(), "{}: {said}", file.path().display());
    }
}

#[test]
fn bash_completes_what_is_begun() {
    let scratch = Scratch::new("bash-completes-what-is-begun");
    let script = pmdscope("completions bash").stdout;
    fs::write(scratch.path().join("completions"), script).expect("a file");
    for (words, completed) in [
        ("pmdscope repr", "repro"),
        ("pmdscope repro sa", "save"),
        ("pmdscope repro save --find", "--finding"),
        ("pmdscope compare --format kt", "ktap"),
        ("pmdscope completions ba", "bash"),
    ] {
        let words: Vec<&str> = words.split(' ').collect();
        let (at, last, before) = (words.len() - 1, words[words.len() - 1], words[words.len() - 2]);
        let call = format!(
            "source ./completions && COMP_WORDS=({}) COMP_CWORD={at} && _pmdscope pmdscope {last} {before}; \
             echo \"${{COMPREPLY[@]}}\"",
            words.join(" ")
        );
        let ran =
            Command::new("bash").args(["-c", &call]).current_dir(scratch.path()).output().expect("bash runs");
        let said = String::from_utf8_lossy(&ran.stdout);
        assert_eq!(said.trim(), completed, "{words:?}: {}", String::from_utf8_lossy(&ran.stderr));
    }
}

#[test]
fn a_command_that_there_is_not_is_told() {
    for (line, says) in [
        ("man repor", "there are compare, run, sweep, batch, merge, report, diff, repro"),
        ("man repro ru", "there are save, run, show, report"),
        ("man decode arm64", "pmdscope decode has no command 'arm64'"),
        ("man --all", "--output <DIR>"),
        ("completions fsh", "a similar value exists: 'fish'"),
    ] {
        let ran = pmdscope(line);
        assert_eq!((ran.status, ran.stdout.as_str(), ran.stderr.lines().count()), (Some(2), "", 1), "{line}");
        assert!(ran.stderr.contains(says), "{line}: {}", ran.stderr);
    }
}
