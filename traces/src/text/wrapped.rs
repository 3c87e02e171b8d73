//! Plain text that fits a mail: no line of it is longer than [`WIDTH`].

use anstyle::Style;
use textwrap::{Options, WordSeparator, WordSplitter};

use crate::text::style::paint;

/// The columns of a line of a kernel mail: room is left for `> ` before it when it is quoted.
pub const WIDTH: usize = 75;

/// Lines that are put together.
#[derive(Default)]
pub(crate) struct Lines(String);

impl Lines {
    /// A paragraph behind a label, under which its further lines are indented.
    pub(crate) fn labelled(&mut self, label: &str, text: &str) {
        let indent = " ".repeat(label.chars().count());
        self.paragraph(label, &indent, text);
    }

    /// A paragraph, its first line and its further ones begun by these.
    pub(crate) fn paragraph(&mut self, first: &str, further: &str, text: &str) {
        for line in wrapped(first, further, text, WIDTH) {
            self.line(&line);
        }
    }

    /// A paragraph in a style of its own.
    pub(crate) fn styled(&mut self, style: Style, further: &str, text: &str) {
        for line in wrapped("", further, text, WIDTH) {
            self.line(&paint(style, &line));
        }
    }

    /// A command behind a label, to be copied as it is: a line of it that goes on ends with a backslash.
    pub(crate) fn command(&mut self, label: &str, command: &str) {
        for line in command_lines(label, command, WIDTH) {
            self.line(&line);
        }
    }

    /// A line as it is.
    pub(crate) fn line(&mut self, line: &str) {
        self.0.push_str(line.trim_end());
        self.0.push('\n');
    }

    /// An empty line.
    pub(crate) fn gap(&mut self) {
        self.0.push('\n');
    }

    /// All of them.
    pub(crate) fn into_text(self) -> String {
        self.0
    }
}

/// The lines of a paragraph that is `width` columns wide. What has no blanks is broken only if it does not fit a line.
pub(crate) fn wrapped(first: &str, further: &str, text: &str, width: usize) -> Vec<String> {
    let options = Options::new(width)
        .initial_indent(first)
        .subsequent_indent(further)
        // A name or a number is found again only if it is whole.
        .word_splitter(WordSplitter::NoHyphenation)
        .word_separator(WordSeparator::AsciiSpace);
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

/// The parts of a command, each of which begins with an option. What is quoted is not taken apart.
fn options(command: &str) -> Vec<&str> {
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
