//! Errors of the watch.

use pmdscope_engine::EngineError;

/// Errors of attaching a watch, and of reporting an access.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WatchError {
    /// The engine refused a request.
    #[error("the engine refused to {doing}: {error}")]
    Engine {
        /// The request, as a verb phrase.
        doing: &'static str,
        /// The engine's error.
        error: EngineError,
    },
    /// Capstone could not be opened.
    #[error("the disassembler cannot be opened: {0}")]
    Disassembler(String),
}

impl WatchError {
    pub(crate) fn engine(doing: &'static str, error: EngineError) -> Self {
        WatchError::Engine { doing, error }
    }
}
