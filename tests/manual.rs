//! Manual pages and completions, tested with the programs that read them.

use std::fs;
use std::path::Path;
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
fn every_page_is_complete() {
    let scratch = Scratch::new("every-page-is-complete");
    pmdscope_in(scratch.path(), "man --all -o man1");
    let folder = scratch.path().join("man1");
    let mut pages = 0;
    for file in fs::read_dir(&folder).expect("a folder").flatten() {
        let page = fs::read_to_string(file.path()).expect("a page");
        let name = file.file_name().to_string_lossy().into_owned();
        let mut sections =
            vec!["NAME", "SYNOPSIS", "DESCRIPTION", "EXIT STATUS", "FILES", "ENVIRONMENT", "SEE ALSO"];
        if !["pmdscope.1"].contains(&name.as_str()) {
            sections.push("EXAMPLES");
        }
        for section in sections {
            let text = page.split(&format!(".SH \"{section}\"\n")).nth(1);
            let text = text.or_else(|| page.split(&format!(".SH {section}\n")).nth(1));
            let text = text.unwrap_or_else(|| panic!("{name}: no {section}"));
            let first = text.lines().find(|line| !line.starts_with('.'));
            assert!(first.is_some_and(|line| !line.is_empty()), "{name}: {section} is empty");
        }
        let also = page.split(".SH \"SEE ALSO\"").nth(1).expect("a section").replace('\\', "");
        let named: Vec<&str> =
            also.split("(1)").filter_map(|text| text.split([' ', '\n']).next_back()).collect();
        let named: Vec<&str> = named.into_iter().filter(|name| !name.is_empty()).collect();
        assert!(!named.is_empty(), "{name}");
        for other in named {
            assert!(folder.join(format!("{other}.1")).exists(), "{name} names {other}");
        }
        pages += 1;
    }
    assert!(pages >= 22, "{pages}");
}

/// The lines of a page that install completions for a shell.
fn installing(page: &str, shell: &str) -> String {
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(page)).expect("a page");
    let lines: Vec<&str> = page.lines().map(str::trim).collect();
    let at = lines.iter().position(|line| line.starts_with(&format!("pmdscope completions {shell} >")));
    let at = at.unwrap_or_else(|| panic!("a line for {shell}"));
    lines[at - 1..=at].join("\n")
}

#[test]
fn completions_are_installed_on_a_fresh_account() {
    let scratch = Scratch::new("completions-are-installed-on-a-fresh-account");
    let program = Path::new(env!("CARGO_BIN_EXE_pmdscope"));
    let path = format!("{}:{}", program.parent().expect("a folder").display(), env!("PATH"));
    let bash = ".local/share/bash-completion/completions/pmdscope";
    for (page, shell, file, says) in [
        ("README.md", "bash", bash, "complete -F _pmdscope"),
        ("docs/tutorial.md", "bash", bash, "complete -F _pmdscope"),
        ("docs/tutorial.md", "zsh", ".zfunc/_pmdscope", "#compdef pmdscope"),
        ("docs/tutorial.md", "fish", ".config/fish/completions/pmdscope.fish", "complete -c pmdscope"),
    ] {
        let home = scratch.path().join(format!("{page}-{shell}").replace('/', "-"));
        fs::create_dir(&home).expect("an empty home");
        let commands = installing(page, shell);
        let ran =
            Command::new("bash").args(["-ec", &commands]).env("HOME", &home).env("PATH", &path).output();
        let ran = ran.expect("bash runs");
        assert!(ran.status.success(), "{commands}: {}", String::from_utf8_lossy(&ran.stderr));
        let script = fs::read_to_string(home.join(file)).expect("it is installed");
        assert!(script.contains(says), "{page} {shell}");
        // The help has the same lines.
        let help = pmdscope("completions --help").stdout;
        assert!(commands.lines().all(|line| help.contains(line)), "{commands}: {help}");
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
        ("man repor", "there are compare, run, sweep, batch, merge, report, diff, survey, patch, objects"),
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
