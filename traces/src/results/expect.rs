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

use crate::judge::FindingName;
use crate::results::list::{self, LineFault, ListError, Pattern};
pub use crate::results::list::{MAX_LINE, MAX_LINES};
use crate::results::row_key::RowKey;
use crate::words;

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
pub type ExpectError = ListError<ExpectFault>;

/// What is wrong with a line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExpectFault {
    /// No list may have such a line.
    #[error(transparent)]
    Line(#[from] LineFault),
    /// The line does not have six words.
    #[error("{} where six are needed: PLATFORM LINUX ENTRY WRITER WALKER FINDING", words::counted(.0, "word"))]
    Words(usize),
    /// No finding has this name.
    #[error("no finding is named {name}; the nearest are {}", .nearest.join(", "))]
    UnknownFinding {
        /// The word in the list.
        name: String,
        /// The names most similar to the word, the nearest first.
        nearest: Vec<&'static str>,
    },
}

impl Expectations {
    /// Parses a list. Errors name its `file`.
    ///
    /// # Errors
    /// [`ExpectError`] with the first line that is neither an expectation nor a comment nor blank.
    pub fn parse(file: &str, text: &str) -> Result<Expectations, ExpectError> {
        let lines = list::parse(file, text, Expectation::parse)?;
        Ok(Expectations { lines })
    }

    /// Returns the expectations, in the order of the list.
    pub fn lines(&self) -> &[Expectation] {
        &self.lines
    }
}

impl Expectation {
    /// Parses the words of a line.
    fn parse(line: usize, words: &[&str]) -> Result<Expectation, ExpectFault> {
        let [row @ .., finding] = words else { return Err(ExpectFault::Words(0)) };
        let row: [&str; 5] = row.try_into().map_err(|_| ExpectFault::Words(words.len()))?;
        let known = Pattern::new(finding);
        if !FindingName::ALL.iter().any(|name| known.matches(name.name())) {
            let nearest = list::nearest(finding, FindingName::ALL.map(FindingName::name));
            return Err(ExpectFault::UnknownFinding { name: (*finding).to_owned(), nearest });
        }
        Ok(Expectation { line, row: row.map(Pattern::new), finding: known })
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
