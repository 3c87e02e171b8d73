//! Plain text that fits a mail: lines are wrapped at [`WIDTH`].

use anstyle::Style;
use textwrap::{Options, WordSeparator, WordSplitter};

use crate::text::style::paint;

/// The columns of a line in a kernel mail. They leave room for `> ` before a quoted line.
pub const WIDTH: usize = 75;

/// A text that is built line by line.
#[derive(Default)]
pub(crate) struct Lines(String);

impl Lines {
    /// Adds a paragraph behind a label. Further lines are indented by the width of the label.
    pub(crate) fn labelled(&mut self, label: &str, text: &str) {
        let indent = " ".repeat(label.chars().count());
        self.paragraph(label, &indent, text);
    }

    /// Adds a paragraph. `first` begins its first line, and `further` every other line.
    pub(crate) fn paragraph(&mut self, first: &str, further: &str, text: &str) {
        for line in wrapped(first, further, text, WIDTH) {
            self.line(&line);
        }
    }

    /// Adds a paragraph in a style. `further` begins every line but the first.
    pub(crate) fn styled(&mut self, style: Style, further: &str, text: &str) {
        for line in wrapped("", further, text, WIDTH) {
            self.line(&paint(style, &line));
        }
    }

    /// Adds a command behind a label, which can be copied unchanged: a line that continues ends with a
    /// backslash.
    ///
    /// Lines break before options only, so one with a long option may be longer than [`WIDTH`].
    pub(crate) fn command(&mut self, label: &str, command: &str) {
        for line in command_lines(label, command, WIDTH) {
            self.line(&line);
        }
    }

    /// Adds a line without wrapping it. Spaces at its end are removed.
    pub(crate) fn line(&mut self, line: &str) {
        self.0.push_str(line.trim_end());
        self.0.push('\n');
    }

    /// Adds an empty line.
    pub(crate) fn gap(&mut self) {
        self.0.push('\n');
    }

    /// Returns the text.
    pub(crate) fn into_text(self) -> String {
        self.0
    }
}

/// Wraps a paragraph at `width` columns. A word is broken only if it does not fit a line of its own.
pub(crate) fn wrapped(first: &str, further: &str, text: &str, width: usize) -> Vec<String> {
    wrapped_by(paragraph(first, further, width), text)
}

/// Wraps a paragraph at `width` columns. A word that does not fit a line is kept whole.
pub(crate) fn unbroken(first: &str, further: &str, text: &str, width: usize) -> Vec<String> {
    wrapped_by(paragraph(first, further, width).break_words(false), text)
}

fn paragraph<'a>(first: &'a str, further: &'a str, width: usize) -> Options<'a> {
    Options::new(width)
        .initial_indent(first)
        .subsequent_indent(further)
        // A name or a number can be searched for only if it is whole.
        .word_splitter(WordSplitter::NoHyphenation)
        .word_separator(WordSeparator::AsciiSpace)
}

fn wrapped_by(options: Options<'_>, text: &str) -> Vec<String> {
    textwrap::wrap(text, options).into_iter().map(|line| line.trim_end().to_owned()).collect()
}

/// The lines of a command behind a label. A line that goes on ends with a backslash.
pub(crate) fn command_lines(label: &str, command: &str, width: usize) -> Vec<String> {
    let (mut lines, mut line) = (Vec::new(), label.to_owned());
    let indent = " ".repeat(label.chars().count());
    for (n, part) in options(command).into_iter().enumerate() {
        let room = width.saturating_sub(" \\".len());
        if n > 0 && line.chars().count() + 1 + part.chars().count() > room {
            lines.push(format!("{line} \\"));
            line = format!("{indent}  {part}");
        } else {
            line += if n == 0 { "" } else { " " };
            line += part;
        }
    }
    lines.push(line);
    lines
}

/// Splits a command before each option. Text in quotes is not split.
pub(crate) fn options(command: &str) -> Vec<&str> {
    let (mut parts, mut from) = (Vec::new(), 0);
    let (mut quote, mut escaped) = (None, false);
    for (at, c) in command.char_indices() {
        match (quote, c) {
            _ if escaped => escaped = false,
            (None | Some('"'), '\\') => escaped = true,
            (Some(open), _) if open == c => quote = None,
            (Some(_), _) => {}
            (None, '\'' | '"') => quote = Some(c),
            (None, ' ') if command[at..].starts_with(" --") => {
                parts.push(&command[from..at]);
                from = at + 1;
            }
            (None, _) => {}
        }
    }
    parts.push(&command[from..]);
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_not_taken_apart_within_quotes() {
        let command = r#"pmdscope run --guest 'a --b' --entry "it's --c" --pmd \' --d"#;
        let parts = ["pmdscope run", "--guest 'a --b'", r#"--entry "it's --c""#, r"--pmd \'", "--d"];
        assert_eq!(options(command), parts);
    }
}
