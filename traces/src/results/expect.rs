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
//!   `kernel`, and LINUX is the release, as `uname -r` says it.
//! - Marks are joined to ENTRY by plus, in the order of reports: `migration-write+dirty`.
//! - `*` in a word matches any run of characters, including none. A word of `*` alone matches any word.
//! - FINDING is the name of a finding, or with `*` of one at least.
//! - `#` begins a comment, also within a line. Blank lines say nothing.
//!
//! A line has at most [`MAX_LINE`] bytes, and a list [`MAX_LINES`] lines.

use wildmatch::WildMatchPattern;

use crate::judge::FindingName;
use crate::results::row_key::RowKey;
use crate::words;

/// How many bytes a line of a list can have.
pub const MAX_LINE: usize = 1_000;
/// How many lines a list can have.
pub const MAX_LINES: usize = 4_000;

/// A word in which `*` matches any run of characters.
///
/// No wildcard matches a single character: it would be NUL, which is in no word.
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

/// Why a list cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}, line {line}: {fault}", words::one_line(.file))]
pub struct ExpectError {
    /// The file, as it was named.
    pub file: String,
    /// The line, counted from 1.
    pub line: usize,
    /// What is wrong with it, and what would work.
    pub fault: ExpectFault,
}

/// What is wrong with a line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExpectFault {
    /// The list goes on.
    #[error("a list has at most {MAX_LINES} lines; use * in a word in place of several lines")]
    TooManyLines,
    /// It is too long.
    #[error("{0} bytes, of which a line has at most {MAX_LINE}")]
    TooLong(usize),
    /// It has a character that is in no name.
    #[error("character {}, which is in no name", .0.escape_default())]
    Unprintable(char),
    /// It has another number of words.
    #[error("{} where six are needed: PLATFORM LINUX ENTRY WRITER WALKER FINDING", words::counted(.0, "word"))]
    Words(usize),
    /// There is no such finding.
    #[error("no finding is named {name}; the nearest are {}", .nearest.map(FindingName::name).join(", "))]
    UnknownFinding {
        /// What was asked for.
        name: String,
        /// The names most like it, the nearest first.
        nearest: [FindingName; 3],
    },
}

impl Expectations {
    /// Reads a list; the name of its file is said in errors.
    ///
    /// # Errors
    /// At the first line that says no expectation.
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

    /// Its lines, in order.
    pub fn lines(&self) -> &[Expectation] {
        &self.lines
    }
}

impl Expectation {
    /// Reads a line; one that is blank or a comment says nothing.
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

    /// The number of its line in the list, counted from 1.
    pub fn line(&self) -> usize {
        self.line
    }

    /// Whether the expectation applies to this row.
    pub(crate) fn applies_to(&self, row: &RowKey) -> bool {
        self.row.iter().zip(row.words()).all(|(pattern, word)| pattern.matches(word))
    }

    /// Whether it expects this finding of the rows it applies to.
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

/// The findings whose names are most like this one.
fn nearest(name: &str) -> [FindingName; 3] {
    let mut names = FindingName::ALL;
    let likeness = |known: &FindingName| strsim::jaro_winkler(name, known.name());
    names.sort_by(|a, b| likeness(b).total_cmp(&likeness(a)));
    let [first, second, third, ..] = names;
    [first, second, third]
}
