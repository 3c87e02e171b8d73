//! Error messages, and whose fault an error is.

use pmdscope_arches::EntryError;
use pmdscope_emu::{Blame, EmuError};
use serde::{Deserialize, Serialize};

use crate::exit::Exit;
use crate::output::NotTheSame;

/// Formats an error and its causes as one line, each cause once; escapes what is not printable.
pub fn one_line(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain().map(ToString::to_string) {
        // Some errors end in the text of their cause.
        if text.is_empty() {
            text = cause;
        } else if !text.ends_with(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    pmdscope_traces::one_line(&text)
}

/// A fault of this program. Nothing is recorded of the work that it interrupted.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Fault(pub String);

/// An error that a confined process reported, in its own words.
#[derive(Debug, thiserror::Error)]
#[error("{why}")]
pub struct Failed {
    pub why: String,
    /// The exit status for this error.
    pub exit: Exit,
    /// What it failed at.
    pub kind: FailureKind,
}

/// What a study failed at, as far as a command decides by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum FailureKind {
    /// The schedule does not fit the accesses of the machine code.
    ScheduleMisfit,
    /// The kernel cannot express the entry, as is known only when it is set up.
    NoSuchEntry,
    /// Anything else.
    Other,
}

impl FailureKind {
    /// Returns the kind of an error.
    pub fn of(error: &anyhow::Error) -> Self {
        if let Some(failed) = error.chain().find_map(|cause| cause.downcast_ref::<Failed>()) {
            return failed.kind;
        }
        let is_misfit = |cause: &(dyn std::error::Error + 'static)| {
            matches!(
                cause.downcast_ref(),
                Some(EmuError::ScheduleMisfit { .. } | EmuError::ScheduleEnds { .. })
            )
        };
        if error.chain().any(is_misfit) {
            FailureKind::ScheduleMisfit
        } else if error.chain().any(|cause| cause.is::<EntryError>()) {
            FailureKind::NoSuchEntry
        } else {
            FailureKind::Other
        }
    }
}

/// Returns the exit status that says whose fault an error is.
pub fn status_of(error: &anyhow::Error) -> Exit {
    if error.chain().any(|cause| cause.is::<NotTheSame>() || cause.is::<Fault>()) {
        return Exit::Internal;
    }
    if let Some(failed) = error.chain().find_map(|cause| cause.downcast_ref::<Failed>()) {
        return failed.exit;
    }
    match error.chain().find_map(|cause| cause.downcast_ref::<EmuError>()).map(EmuError::blame) {
        Some(Blame::Program) => Exit::Internal,
        Some(Blame::Memory) => Exit::Inconclusive,
        Some(Blame::Input) | None => Exit::Usage,
    }
}
