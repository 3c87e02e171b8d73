//! Where a mistake in a matrix is.

use crate::words;

/// Why a matrix is not run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}:{line}:{column}: {fault}", words::one_line(.file))]
pub struct MatrixError {
    /// The file, as it was named.
    pub file: String,
    /// The line, counted from 1.
    pub line: usize,
    /// The column, in characters, counted from 1.
    pub column: usize,
    /// What is wrong, and what would work.
    pub fault: String,
}

impl MatrixError {
    /// An error at a byte of a text.
    ///
    /// The fault may quote the text there, which can be anything: the fault is put on one line.
    pub(super) fn new(file: &str, text: &str, byte: usize, fault: String) -> Self {
        // The end of a text that was cut off is a place as well.
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
