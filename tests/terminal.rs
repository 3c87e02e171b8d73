//! Output to a terminal: it has the terminal's width, and colours if they are wanted. script(1) makes the
//! terminal.

use std::process::{Command, Stdio};

use pmdscope_needs::Need;

use crate::common::{command, finish, pmdscope};

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
            // A run always fits a mail.
            let limit = if line.starts_with("run") { 75 } else { usize::from(columns) };
            for line in plain(&text).lines() {
                assert!(line.chars().count() <= limit, "{columns}: {line}");
            }
        }
    }
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
    assert_eq!(narrow.matches(" against ").count(), rows, "{narrow}");
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
