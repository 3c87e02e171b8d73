//! Lists of helpers that are expected to break a rule.
//!
//! A list is UTF-8 text with one helper a line, of three words: PLATFORM LINUX HELPER.
//!
//! ```text
//! # The MMU and the kernel use the same bit, until the fix is in.
//! x86_64       6.12  pud_mkinvalid
//! ppc64le/hash *     pmd_*
//! ```
//!
//! - PLATFORM is the architecture, with a slash and the kind of MMU where it has several.
//! - LINUX is the version, as in the name of the column.
//! - `*` in a word matches any run of characters, including none. A word of `*` alone matches any word.
//! - HELPER is the name of a helper that has rules, or matches at least one by `*`. Any of its rules may be broken.
//! - `#` begins a comment, also within a line. Blank lines are ignored.
//!
//! A line has at most [`MAX_LINE`] bytes, and a list [`MAX_LINES`] lines.

use super::rules::rules;
use crate::results::list::{self, LineFault, ListError, Pattern};
pub use crate::results::list::{MAX_LINE, MAX_LINES};
use crate::words;

/// A list of helpers that are expected to break a rule. The default expects none.
#[derive(Debug, Clone, Default)]
pub struct ContractExpectations {
    lines: Vec<ContractExpectation>,
}

/// One line of a list.
#[derive(Debug, Clone)]
pub struct ContractExpectation {
    line: usize,
    words: [Pattern; 3],
}

/// An error in a list of expected helpers.
pub type ContractExpectError = ListError<ContractExpectFault>;

/// What is wrong with a line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ContractExpectFault {
    /// No list may have such a line.
    #[error(transparent)]
    Line(#[from] LineFault),
    /// The line does not have three words.
    #[error("{} where three are needed: PLATFORM LINUX HELPER", words::counted(.0, "word"))]
    Words(usize),
    /// No helper with rules has this name.
    #[error("no helper is named {name}; the nearest are {}", .nearest.join(", "))]
    UnknownHelper {
        /// The word in the list.
        name: String,
        /// The names most similar to the word, the nearest first.
        nearest: Vec<&'static str>,
    },
}

impl ContractExpectations {
    /// Parses a list. Errors name its `file`.
    ///
    /// # Errors
    /// [`ContractExpectError`] with the first line that is neither an expectation nor a comment nor blank.
    pub fn parse(file: &str, text: &str) -> Result<ContractExpectations, ContractExpectError> {
        Ok(ContractExpectations { lines: list::parse(file, text, ContractExpectation::parse)? })
    }

    /// Returns the expectations, in the order of the list.
    pub fn lines(&self) -> &[ContractExpectation] {
        &self.lines
    }
}

impl ContractExpectation {
    /// Parses the words of a line.
    fn parse(line: usize, words: &[&str]) -> Result<ContractExpectation, ContractExpectFault> {
        let three: [&str; 3] = words.try_into().map_err(|_| ContractExpectFault::Words(words.len()))?;
        let [_, _, helper] = three;
        let patterns = three.map(Pattern::new);
        let [_, _, known] = &patterns;
        if !rules().iter().any(|rule| known.matches(&rule.helper)) {
            let nearest = list::nearest(helper, rules().iter().map(|rule| rule.helper.as_str()));
            return Err(ContractExpectFault::UnknownHelper { name: helper.to_owned(), nearest });
        }
        Ok(ContractExpectation { line, words: patterns })
    }

    /// Returns the number of its line in the list, counted from 1.
    pub fn line(&self) -> usize {
        self.line
    }

    /// Whether the expectation applies to some helper of a column.
    pub(super) fn applies_to_column(&self, platform: &str, linux: &str) -> bool {
        let [of_platform, of_linux, _] = &self.words;
        of_platform.matches(platform) && of_linux.matches(linux)
    }

    /// Whether the expectation applies to a helper of a column.
    pub(super) fn applies_to(&self, platform: &str, linux: &str, helper: &str) -> bool {
        let [_, _, of_helper] = &self.words;
        self.applies_to_column(platform, linux) && of_helper.matches(helper)
    }
}

impl std::fmt::Display for ContractExpectation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let [platform, linux, helper] = &self.words;
        write!(f, "{platform} {linux} {helper}")
    }
}
