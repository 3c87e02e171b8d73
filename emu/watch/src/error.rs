//! Errors of the watch.

use unicorn_engine::uc_error;

/// Errors of attaching a watch, and of reporting an access.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WatchError {
    /// The engine refused a request.
    #[error("the engine refused to {doing}: {error:?}")]
    Engine {
        /// The request, as a verb phrase.
        doing: &'static str,
        /// The engine's error.
        error: uc_error,
    },
    /// Capstone could not be opened.
    #[error("the disassembler cannot be opened: {0}")]
    Disassembler(String),
}

impl WatchError {
    pub(crate) fn engine(doing: &'static str, error: uc_error) -> Self {
        WatchError::Engine { doing, error }
    }
}
