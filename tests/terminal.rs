//! Output to a terminal: it has the terminal's width, and colours if they are wanted. script(1) makes the
//! terminal.

use std::process::{Command, Stdio};

use pmdscope_needs::Need;

use crate::common::kernels::packages;
use crate::common::scratch::Scratch;
use crate::common::{command, finish, pmdscope, pmdscope_in};

const COMPARED: &str = "compare --arch arm64 --arch s390x --linux 7.2";
const ESCAPE: char = '\u{1b}';

/// Returns what a command prints to a terminal with this many columns; `None` if no terminal can be made.
fn in_terminal(columns: u16, environment: &str, line: &str) -> Option<String> {
    let program = env!("CARGO_BIN_EXE_pmdscope");
    let inner = format!("stty rows 50 cols {columns}; env -i TERM=xterm {environment} '{program}' {line}");
    let ran = Command::new("script").args(["-qec", &inner, "/dev/null"]).stdin(Stdio::null()).output();
    let Some(ran) = ran.ok().filter(|_| !Need::Terminal.is_hidden()) else {
        Need::Terminal.skip(&format!("in a terminal: pmdscope {line}"));
        return None;
    };
    let text = String::from_utf8(ran.stdout).expect("UTF-8");
    assert!(!text.contains("stty:"), "{text}");
    Some(text.replace('\r', ""))
}

/// Removes the sequences that set colours.
fn plain(text: &str) -> String {
    let mut parts = text.split(ESCAPE);
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        plain += part.split_once('m').expect("a sequence that sets a style").1;
    }
    plain
}

#[test]
fn lines_fit_the_terminal() {
    for columns in [60, 80, 120, 160] {
        for line in [
            COMPARED,
            "decode --arch arm64 --linux 7.2 0x812006c0",
            "run --arch arm64 --linux 7.2 --entry migration-write",
        ] {
            let Some(text) = in_terminal(columns, "", line) else { return };
            // A run fits a mail, and a terminal that is narrower.
            let limit = if line.starts_with("run") { columns.min(75) } else { columns }.into();
            for line in plain(&text).lines() {
                assert!(line.chars().count() <= limit, "{columns}: {line}");
            }
        }
    }
}

/// Lines that do not fit, but for words that are longer than a line and so have one of their own.
fn too_long(text: &str, columns: usize) -> Vec<String> {
    let plain = plain(text);
    let too_long = |line: &&str| line.chars().count() > columns && line.split_whitespace().count() > 1;
    plain.lines().filter(too_long).map(str::to_owned).collect()
}

/// A name or a number is found again only if it is whole.
#[test]
fn nothing_is_cut_in_forty_columns() {
    let scratch = Scratch::new("nothing-is-cut-in-forty-columns");
    let file = scratch.path().join("found.repro").display().to_string();
    let run = "--arch arm64 --linux 6.1 --entry migration-read --walker perf-page-size";
    let mut lines = vec![
        COMPARED.to_owned(),
        "decode --arch arm64 --linux 7.2 0x812006c0".to_owned(),
        "decode --arch x86_64 --linux 7.2 ffffffffffffffff".to_owned(),
        format!("run {run}"),
        "run --arch ppc64 --mmu hash --linux 6.12 --entry migration-read --walker pte-offset-map".to_owned(),
        "sweep --arch arm64 --entries migration".to_owned(),
        format!("repro show {file}"),
        format!("repro run {file}"),
    ];
    assert_eq!(pmdscope(&format!("repro save {run} -o {file}")).status, Some(0));
    let lists =
        ["arches", "encodings", "entries", "writers", "walkers", "agents", "findings", "sets", "columns"];
    lines.extend(lists.map(|what| format!("list {what}")));
    if let Some(kernel) = packages(&["5.10", "arm64"]).first() {
        lines.push(format!("kernel info --no-cache {}", kernel.display()));
        lines.push(format!("kernel list-functions --no-cache {}", kernel.display()));
    }
    for line in lines {
        let (Some(narrow), Some(wide)) = (in_terminal(40, "", &line), in_terminal(400, "", &line)) else {
            return;
        };
        assert_eq!(too_long(&narrow, 40), [""; 0], "{line}: {narrow}");
        let narrow = plain(&narrow);
        let has = |word: &str| narrow.split_whitespace().any(|other| other == word);
        // What draws is drawn in another way.
        let wide = plain(&wide);
        let words =
            wide.split_whitespace().filter(|word| word.chars().filter(|c| c.is_alphanumeric()).count() > 3);
        let is_drawn = |word: &str| word.contains('|') || line == COMPARED;
        let cut: Vec<_> = words.filter(|word| !is_drawn(word) && !has(word)).collect();
        assert_eq!(cut, [""; 0], "{line}: {narrow}");
    }
}

#[test]
fn a_command_in_a_narrow_terminal_can_be_pasted() {
    let line = "run --arch arm64 --linux 6.1 --entry migration-read --walker perf-page-size";
    let Some(text) = in_terminal(40, "", line) else { return };
    let text = plain(&text).replace("\\\n", " ");
    let again = text.lines().find_map(|line| line.strip_prefix("save it:")).expect("a command");
    let words: Vec<&str> = again.split_whitespace().collect();
    let job = line.strip_prefix("run ").expect("a run");
    let expected = format!("pmdscope repro save --output race.repro {job} --writer split-unguarded");
    let mut expected: Vec<&str> = expected.split(' ').collect();
    assert_eq!(words.len(), expected.len(), "{again}");
    expected.retain(|word| !words.contains(word));
    assert_eq!(expected, [""; 0], "{again}");
}

#[test]
fn a_database_is_for_a_file_or_a_pipe() {
    let scratch = Scratch::new("a-database-is-for-a-file-or-a-pipe");
    let matrix = "[[include]]\narches = [\"arm64\"]\nlinux = [\"6.1\"]\nentries = [\"migration-read\"]\n\
                  writers = [\"split-unguarded\"]\nwalkers = [\"hmm\"]\n";
    std::fs::write(scratch.path().join("m.toml"), matrix).expect("a file");
    let ran = pmdscope_in(scratch.path(), "batch m.toml -o r");
    assert_eq!(ran.status, Some(1), "{}", ran.stderr);
    let results = scratch.path().join("r").display().to_string();
    for stdout in ["", " -o -"] {
        let line = format!("report {results} --format sqlite{stdout}");
        let Some(text) = in_terminal(200, "", &line) else { return };
        assert_eq!(text.lines().count(), 1, "{text}");
        assert!(text.contains("which no terminal shows: use -o results.sqlite, or a pipe"), "{text}");
        let args: Vec<&str> = line.split(' ').collect();
        let piped = command(&args).output().expect("the binary starts");
        assert_eq!(piped.status.code(), Some(1), "{}", String::from_utf8_lossy(&piped.stderr));
        assert!(piped.stdout.starts_with(b"SQLite format 3\0"));
        let file = scratch.path().join("results.sqlite");
        let file = file.display();
        assert_eq!(pmdscope(&format!("report {results} --format sqlite -o {file}")).status, Some(1));
    }
    let kept = std::fs::read(scratch.path().join("results.sqlite")).expect("it was written");
    assert!(kept.starts_with(b"SQLite format 3\0"));
}

#[test]
fn a_wide_terminal_has_a_table_and_a_narrow_one_the_same_words() {
    let (Some(wide), Some(narrow)) = (in_terminal(250, "", COMPARED), in_terminal(60, "", COMPARED)) else {
        return;
    };
    assert!(wide.lines().any(|line| plain(line).starts_with("consequence ")), "{wide}");
    let narrow = plain(&narrow);
    assert!(!narrow.contains("consequence "), "{narrow}");
    // Every row is there, with its verdict and what was seen.
    let rows = plain(&wide).lines().skip(1).take_while(|line| !line.is_empty()).count();
    let of_rows = narrow.lines().filter(|line| line.contains(" against ") && line.ends_with(':'));
    assert_eq!(of_rows.count(), rows, "{narrow}");
    for words in ["wrong answer", "took it for 2 MiB mapped", "as before; refused by present"] {
        let count = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ").matches(words).count();
        assert_eq!(count(&narrow), count(&plain(&wide)), "{words}: {narrow}");
    }
}

/// Two lines for a row that has a finding. A terminal of this width shows what a file does.
#[test]
fn a_table_that_is_too_wide_has_what_was_seen_below_its_rows() {
    let Some(shown) = in_terminal(110, "", COMPARED) else { return };
    let shown = plain(&shown);
    let table = |text: &str| text.split("\n\n").next().unwrap_or_default().to_owned();
    assert_eq!(table(&shown), table(&pmdscope(COMPARED).stdout));
    let (rows, details): (Vec<&str>, Vec<&str>) =
        shown.lines().skip(1).take_while(|line| !line.is_empty()).partition(|line| !line.starts_with(' '));
    let passes = rows.iter().filter(|row| row.starts_with("pass ")).count();
    assert!(passes > 0 && details.len() == rows.len() - passes, "{shown}");
}

#[test]
fn a_picture_of_bits_is_as_wide_as_the_terminal_lets_it_be() {
    let line = "decode --arch arm64 --linux 7.2 0x812006c0";
    for (columns, rows) in [(60, 4), (100, 2), (200, 1)] {
        let Some(text) = in_terminal(columns, "", line) else { return };
        let digits = plain(&text).lines().filter(|line| line.starts_with('|') && line.ends_with('|')).count();
        assert_eq!(digits, rows, "{columns}: {text}");
    }
}

#[test]
fn colours_are_for_terminals_and_for_those_that_want_them() {
    for line in
        [COMPARED, "run --arch arm64 --linux 7.2 --entry migration-write", "decode --arch arm64 812006c0"]
    {
        let Some(coloured) = in_terminal(300, "", line) else { return };
        assert!(coloured.contains(ESCAPE), "{line}");
        for wish in ["NO_COLOR=1", "TERM=dumb"] {
            let text = in_terminal(300, wish, line).expect("as before");
            assert!(!text.contains(ESCAPE), "{wish} {line}");
            assert_eq!(text, plain(&coloured), "{wish} {line}");
        }
        assert!(!pmdscope(line).stdout.contains(ESCAPE), "not in a pipe: {line}");
        let args: Vec<&str> = line.split_whitespace().collect();
        let forced = finish(command(&args).env("CLICOLOR_FORCE", "1"));
        assert!(forced.stdout.contains(ESCAPE), "where it is asked for: {line}");
        assert_eq!(plain(&forced.stdout), pmdscope(line).stdout, "{line}");
    }
}

/// Reports for programs never have colours.
#[test]
fn no_other_format_has_colours() {
    let run = "run --arch arm64 --linux 7.2 --entry migration-write";
    let mut lines: Vec<String> =
        ["json", "jsonl", "markdown", "vcd", "chrome"].map(|f| format!("{run} --format {f}")).into();
    lines.extend(["json", "markdown", "html", "ktap", "junit"].map(|f| format!("{COMPARED} --format {f}")));
    for line in lines {
        let args: Vec<&str> = line.split_whitespace().collect();
        let forced = finish(command(&args).env("CLICOLOR_FORCE", "1"));
        assert!(!forced.stdout.is_empty() && !forced.stdout.contains(ESCAPE), "{line}");
    }
}
