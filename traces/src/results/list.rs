//! Lists of what is expected: one line for each, of words in which `*` matches any run of characters.
//!
//! `#` begins a comment, also within a line. Blank lines are ignored. A line has at most [`MAX_LINE`] bytes, and a
//! list [`MAX_LINES`] lines.

use wildmatch::WildMatchPattern;

use crate::words;

/// The most bytes that a line of a list may have.
pub const MAX_LINE: usize = 1_000;
/// The most lines that a list may have.
pub const MAX_LINES: usize = 4_000;

/// A word in which `*` matches any run of characters.
///
/// There is no wildcard for a single character: it is set to NUL, which no word contains.
pub(crate) type Pattern = WildMatchPattern<'*', '\0'>;

/// An error in a list.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}, line {line}: {fault}", words::one_line(.file))]
pub struct ListError<Fault> {
    /// The name of the file, as the caller gave it.
    pub file: String,
    /// The line, counted from 1.
    pub line: usize,
    /// What is wrong with the line, and what would work.
    pub fault: Fault,
}

/// What is wrong with a line of any list.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LineFault {
    /// The list has more than [`MAX_LINES`] lines.
    #[error("a list has at most {MAX_LINES} lines; use * in a word in place of several lines")]
    TooManyLines,
    /// The line has more than [`MAX_LINE`] bytes.
    #[error("{0} bytes, of which a line has at most {MAX_LINE}")]
    TooLong(usize),
    /// The line contains a character that no name may contain.
    #[error("character {}, which is in no name", .0.escape_default())]
    Unprintable(char),
}

/// Parses each line of a list that is neither blank nor a comment. `read` gets its number and its words.
pub(crate) fn parse<Line, Fault: From<LineFault>>(
    file: &str,
    text: &str,
    read: impl Fn(usize, &[&str]) -> Result<Line, Fault>,
) -> Result<Vec<Line>, ListError<Fault>> {
    let mut lines = Vec::new();
    // Some editors put a byte order mark before all text.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    for (line, written) in (1..).zip(text.lines()) {
        let at = |fault| ListError { file: file.to_owned(), line, fault };
        let words = words_of(line, written).map_err(|fault| at(fault.into()))?;
        if !words.is_empty() {
            lines.push(read(line, &words).map_err(at)?);
        }
    }
    Ok(lines)
}

fn words_of(line: usize, written: &str) -> Result<Vec<&str>, LineFault> {
    if line > MAX_LINES {
        return Err(LineFault::TooManyLines);
    }
    if written.len() > MAX_LINE {
        return Err(LineFault::TooLong(written.len()));
    }
    let before_comment = written.split_once('#').map_or(written, |(before, _)| before);
    let words: Vec<&str> = before_comment.split_whitespace().collect();
    match words.iter().flat_map(|word| word.chars()).find(|c| words::is_unprintable(*c)) {
        Some(unprintable) => Err(LineFault::Unprintable(unprintable)),
        None => Ok(words),
    }
}

/// Returns the three names that are most similar to a word, the nearest first.
pub(crate) fn nearest(word: &str, names: impl IntoIterator<Item = &'static str>) -> Vec<&'static str> {
    let mut names: Vec<_> = names.into_iter().collect();
    let likeness = |name: &&str| strsim::jaro_winkler(word, name);
    names.sort_by(|a, b| likeness(b).total_cmp(&likeness(a)));
    names.dedup();
    names.truncate(3);
    names
}

/// Converts a word of a report into one that a list can contain.
///
/// `*`, which matches any run of characters, replaces each character that would end the word, begin a comment or be
/// escaped.
pub(crate) fn listed(word: &str) -> String {
    let held = |c: char| !(c.is_whitespace() || words::is_unprintable(c) || c == '#');
    let word: String = word.chars().map(|c| if held(c) { c } else { '*' }).collect();
    if word.is_empty() { "*".to_owned() } else { word }
}

/// Writes the first word of a line: the architecture, with a slash and the kind of MMU where it has several.
pub(crate) fn platform(arch: &str, mmu: Option<&str>) -> String {
    mmu.map_or(arch.to_owned(), |mmu| format!("{arch}/{mmu}"))
}
