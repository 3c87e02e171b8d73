//! What can go wrong.

use unicorn_engine::uc_error;

/// Why a watch cannot be attached, or cannot tell of an access.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WatchError {
    /// The engine refused something.
    #[error("the engine refused to {doing}: {error:?}")]
    Engine {
        /// What was tried.
        doing: &'static str,
        /// What the engine said.
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
