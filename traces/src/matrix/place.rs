//! Errors with their position in a matrix.

use crate::words;

/// A mistake in a matrix, because of which it is not run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}:{line}:{column}: {fault}", words::one_line(.file))]
pub struct MatrixError {
    /// The name of the file, as the caller gave it.
    pub file: String,
    /// The line, counted from 1.
    pub line: usize,
    /// The column, in characters, counted from 1.
    pub column: usize,
    /// What is wrong, and what would work.
    pub fault: String,
}

impl MatrixError {
    /// Makes an error at a byte offset of a text.
    ///
    /// The fault may quote any text of the file, so it is put on one line.
    pub(super) fn new(file: &str, text: &str, byte: usize, fault: String) -> Self {
        // An offset beyond the text, such as the end of a text that was cut off, means its end.
        let before = text.get(..byte).unwrap_or(text);
        let line = before.rsplit('\n').next().unwrap_or_default();
        MatrixError {
            file: file.to_owned(),
            line: before.matches('\n').count() + 1,
            column: line.chars().count() + 1,
            fault: words::one_line(&fault),
        }
    }
}
