//! Lists of expected findings.
//!
//! A list is UTF-8 text with one finding a line, of six words: PLATFORM LINUX ENTRY WRITER WALKER FINDING.
//!
//! ```text
//! # The defect of migration entries, until the fix is in.
//! arm64       6.1             migration-write  split-unguarded gup-fast-read swap-becomes-present
//! ppc64/hash  *               migration-*      split-unguarded *             walker-past-present
//! kernel      5.10.0-30-arm64 migration-read   split           gup-fast-read swap-becomes-present
//! ```
//!
//! - PLATFORM is the architecture, with a slash and the kind of MMU where it has several. For a kernel it is
//!   `kernel`, and LINUX is its label, or the release, as `uname -r` prints it.
//! - Marks are joined to ENTRY by plus, in the order of reports: `migration-write+dirty`.
//! - `*` in a word matches any run of characters, including none. A word of `*` alone matches any word.
//! - FINDING is the name of a finding, or matches at least one by `*`.
//! - `#` begins a comment, also within a line. Blank lines are ignored.
//!
//! A line has at most [`MAX_LINE`] bytes, and a list [`MAX_LINES`] lines.

use wildmatch::WildMatchPattern;

use crate::judge::FindingName;
use crate::results::row_key::RowKey;
use crate::words;

/// The most bytes that a line of a list may have.
pub const MAX_LINE: usize = 1_000;
/// The most lines that a list may have.
pub const MAX_LINES: usize = 4_000;

/// A word in which `*` matches any run of characters.
///
/// There is no wildcard for a single character: it is set to NUL, which no word contains.
type Pattern = WildMatchPattern<'*', '\0'>;

/// A list of expected findings. The default expects none.
#[derive(Debug, Clone, Default)]
pub struct Expectations {
    lines: Vec<Expectation>,
}

/// One line of a list.
#[derive(Debug, Clone)]
pub struct Expectation {
    line: usize,
    row: [Pattern; 5],
    finding: Pattern,
}

/// An error in a list of expected findings.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}, line {line}: {fault}", words::one_line(.file))]
pub struct ExpectError {
    /// The name of the file, as the caller gave it.
    pub file: String,
    /// The line, counted from 1.
    pub line: usize,
    /// What is wrong with the line, and what would work.
    pub fault: ExpectFault,
}

/// What is wrong with a line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExpectFault {
    /// The list has more than [`MAX_LINES`] lines.
    #[error("a list has at most {MAX_LINES} lines; use * in a word in place of several lines")]
    TooManyLines,
    /// The line has more than [`MAX_LINE`] bytes.
    #[error("{0} bytes, of which a line has at most {MAX_LINE}")]
    TooLong(usize),
    /// The line contains a character that no name may contain.
    #[error("character {}, which is in no name", .0.escape_default())]
    Unprintable(char),
    /// The line does not have six words.
    #[error("{} where six are needed: PLATFORM LINUX ENTRY WRITER WALKER FINDING", words::counted(.0, "word"))]
    Words(usize),
    /// No finding has this name.
    #[error("no finding is named {name}; the nearest are {}", .nearest.map(FindingName::name).join(", "))]
    UnknownFinding {
        /// The word in the list.
        name: String,
        /// The names most similar to the word, the nearest first.
        nearest: [FindingName; 3],
    },
}

impl Expectations {
    /// Parses a list. Errors name its `file`.
    ///
    /// # Errors
    /// [`ExpectError`] with the first line that is neither an expectation nor a comment nor blank.
    pub fn parse(file: &str, text: &str) -> Result<Expectations, ExpectError> {
        let mut lines = Vec::new();
        // Some editors put a byte order mark before all text.
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        for (line, written) in (1..).zip(text.lines()) {
            let at = |fault| ExpectError { file: file.to_owned(), line, fault };
            lines.extend(Expectation::parse(line, written).map_err(at)?);
        }
        Ok(Expectations { lines })
    }

    /// Returns the expectations, in the order of the list.
    pub fn lines(&self) -> &[Expectation] {
        &self.lines
    }
}

impl Expectation {
    /// Parses a line. `None` if it is blank or a comment.
    fn parse(line: usize, written: &str) -> Result<Option<Expectation>, ExpectFault> {
        if line > MAX_LINES {
            return Err(ExpectFault::TooManyLines);
        }
        if written.len() > MAX_LINE {
            return Err(ExpectFault::TooLong(written.len()));
        }
        let said = written.split_once('#').map_or(written, |(said, _)| said);
        let words: Vec<&str> = said.split_whitespace().collect();
        let mut characters = words.iter().flat_map(|word| word.chars());
        if let Some(unprintable) = characters.find(|c| words::is_unprintable(*c)) {
            return Err(ExpectFault::Unprintable(unprintable));
        }
        let [row @ .., finding] = &words[..] else { return Ok(None) };
        let row: [&str; 5] = row.try_into().map_err(|_| ExpectFault::Words(words.len()))?;
        let known = Pattern::new(finding);
        if !FindingName::ALL.iter().any(|name| known.matches(name.name())) {
            let (name, nearest) = ((*finding).to_owned(), nearest(finding));
            return Err(ExpectFault::UnknownFinding { name, nearest });
        }
        Ok(Some(Expectation { line, row: row.map(Pattern::new), finding: known }))
    }

    /// Returns the number of its line in the list, counted from 1.
    pub fn line(&self) -> usize {
        self.line
    }

    /// Whether the expectation applies to this row.
    pub(crate) fn applies_to(&self, row: &RowKey) -> bool {
        let matches =
            |words: [&str; 5]| self.row.iter().zip(words).all(|(pattern, word)| pattern.matches(word));
        matches(row.words()) || row.words_by_release().is_some_and(matches)
    }

    /// Whether the expectation expects this finding of the rows it applies to.
    pub(crate) fn expects(&self, finding: FindingName) -> bool {
        self.finding.matches(finding.name())
    }
}

impl std::fmt::Display for Expectation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.row.iter().try_for_each(|word| write!(f, "{word} "))?;
        self.finding.fmt(f)
    }
}

/// Returns the findings whose names are most similar to this one, the nearest first.
fn nearest(name: &str) -> [FindingName; 3] {
    let mut names = FindingName::ALL;
    let likeness = |known: &FindingName| strsim::jaro_winkler(name, known.name());
    names.sort_by(|a, b| likeness(b).total_cmp(&likeness(a)));
    let [first, second, third, ..] = names;
    [first, second, third]
}
