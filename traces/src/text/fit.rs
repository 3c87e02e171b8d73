//! Text for terminals that are narrower than a mail.

use anstream::adapter::strip_str;

use crate::text::wrapped::{WIDTH, options};
use crate::words::is_command;

/// Blanks between words that are columns of a table, not a sentence.
const GAP: &str = "  ";

/// The text with lines that fit a terminal of so many columns, if it has one that is narrower than [`WIDTH`].
///
/// Lines are broken between words, and lanes of a race move closer. A word is never broken: one that is longer than a
/// line has a line of its own, so that it can be copied. A command still can be pasted.
pub fn fit(text: &str, terminal: Option<u16>) -> String {
    let Some(columns) = terminal.map(usize::from).filter(|columns| *columns < WIDTH) else {
        return text.to_owned();
    };
    let mut fitted = String::with_capacity(text.len() * 2);
    let mut goes_on = false;
    for line in &joined(text) {
        let plain = strip_str(line).to_string();
        let continued = plain.ends_with(" \\");
        let lines = match goes_on || continued || begins_command(&plain) {
            true => command(&plain, continued, columns),
            false => prose(line, &plain, columns),
        };
        goes_on = continued;
        for line in lines {
            fitted.push_str(line.trim_end());
            fitted.push('\n');
        }
    }
    fitted
}

/// The lines with those made one that were broken only because a mail is no wider.
fn joined(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    // The indents of the paragraph's first line and of the one before, and how wide that was.
    let (mut first, mut further, mut width) = (0, None, 0);
    for line in text.lines() {
        let plain = strip_str(line).to_string();
        let indent = indent_of(&plain);
        let word = plain.split_whitespace().next().unwrap_or_default().chars().count();
        let deeper = further.map_or(indent > first || (indent, first) == (0, 0), |further| further == indent);
        let is_full = width > 0 && word > 0 && width + 1 + word > WIDTH;
        match lines.last_mut() {
            // A label or a column begins a line of its own.
            Some(last)
                if is_full
                    && deeper
                    && (indent > 0 || !last.contains(GAP) && !plain.contains(GAP))
                    && !last.ends_with('\\')
                    && !plain.starts_with('=') =>
            {
                last.push(' ');
                last.push_str(line.trim_start());
                further = Some(indent);
            }
            _ => {
                lines.push(line.to_owned());
                (first, further) = (indent, None);
            }
        }
        width = plain.chars().count();
    }
    lines
}

/// Whether a line has a command behind a label.
fn begins_command(line: &str) -> bool {
    let is_ours = |command: &str| is_command(command) || command.starts_with("pmdscope repro save ");
    line.find("pmdscope ").is_some_and(|at| is_ours(&line[at..]))
}

/// A line of a command, which goes on in the next line if there is one.
fn command(line: &str, continued: bool, columns: usize) -> Vec<String> {
    let indent = moved(indent_of(line), columns);
    let text = line.trim_start().trim_end_matches(" \\");
    let mut lines = vec![" ".repeat(indent)];
    for (n, part) in options(text).into_iter().enumerate() {
        let last = lines.last_mut().expect("there is one");
        if n > 0 && last.chars().count() + 1 + part.chars().count() + " \\".len() > columns {
            last.push_str(" \\");
            lines.push(format!("{}{part}", " ".repeat(indent + GAP.len())));
        } else {
            last.push_str(if n == 0 { "" } else { " " });
            last.push_str(part);
        }
    }
    if continued {
        lines.last_mut().expect("there is one").push_str(" \\");
    }
    lines
}

/// A line that is no command.
fn prose(line: &str, plain: &str, columns: usize) -> Vec<String> {
    let indent = indent_of(plain);
    let text = line.trim_start_matches(' ');
    if plain.chars().all(|c| c == '=' || c == ' ') {
        let end = moved(plain.chars().count(), columns);
        return vec![plain.chars().take(end).collect()];
    }
    if plain.chars().count() <= columns && moved(indent, columns) == indent {
        return vec![line.to_owned()];
    }
    let first = moved(indent, columns);
    // A label is kept above what it is of, and two lanes side by side become two lines.
    let mut lines = Vec::new();
    for cell in text.split(GAP).filter(|cell| !cell.is_empty()) {
        let begin = if lines.is_empty() { first } else { (first + GAP.len()).min(columns / 2) };
        append(&mut lines, cell.trim(), begin, columns);
    }
    lines
}

/// Adds words to lines, on the last one as far as they fit.
fn append(lines: &mut Vec<String>, words: &str, indent: usize, columns: usize) {
    let width = |text: &str| strip_str(text).to_string().chars().count();
    let further = (indent + if lines.is_empty() { GAP.len() } else { 0 }).min(columns / 2);
    let mut begun = false;
    for word in words.split(' ').filter(|word| !word.is_empty()) {
        let between = if begun { " " } else { GAP };
        match lines.last_mut() {
            Some(last) if width(last) + between.len() + width(word) <= columns => {
                last.push_str(between);
                last.push_str(word);
            }
            _ => {
                let indent = if lines.is_empty() { indent } else { further };
                // A long word gets as much of the line as it needs.
                let indent = indent.min(columns.saturating_sub(width(word)));
                lines.push(format!("{}{word}", " ".repeat(indent)));
            }
        }
        begun = true;
    }
}

fn indent_of(line: &str) -> usize {
    line.len() - line.trim_start_matches(' ').len()
}

/// A column of a mail, in a terminal.
fn moved(column: usize, columns: usize) -> usize {
    if column > columns / 2 { column * columns / WIDTH } else { column }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn lines_are_broken_between_words_and_commands_after_an_option() {
        let text = "stored    0x08000000081200c0  present leaf trans_huge bad, page 0x8000\n\
                    again     pmdscope run --arch arm64 --linux 6.1 --entry migration-read \\\n            \
                    --writer split-unguarded --walker hmm\n";
        let expected = "stored  0x08000000081200c0  present leaf\n  trans_huge bad, page 0x8000\n\
                        again     pmdscope run --arch arm64 \\\n  --linux 6.1 --entry migration-read \\\n            \
                        --writer split-unguarded \\\n              --walker hmm\n";
        assert_eq!(fit(text, Some(40)), expected);
        assert_eq!(fit(text, Some(75)), text);
        let paragraph = format!("{} word\n  goes-on here\nanother\n", "a".repeat(66));
        let expected = format!("{}\n  word goes-on here\nanother\n", "a".repeat(66));
        assert_eq!(fit(&paragraph, Some(40)), expected);
        assert_eq!(fit(text, None), text);
    }

    proptest! {
        #[test]
        fn every_word_is_kept_whole_and_lines_fit(
            lines in proptest::collection::vec("( {0,45}[a-z=]{1,18}( {1,3}[a-z0-9()]{1,18}){0,9})?", 0..8),
            columns in 20_u16..75,
        ) {
            let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
            let fitted = fit(&text, Some(columns));
            let words = |text: &str| text.split_whitespace().filter(|word| !word.starts_with('=')).map(str::to_owned).collect::<Vec<_>>();
            prop_assert_eq!(words(&fitted), words(&text));
            for line in fitted.lines() {
                prop_assert!(line.chars().count() <= usize::from(columns), "{}", line);
            }
        }
    }
}
