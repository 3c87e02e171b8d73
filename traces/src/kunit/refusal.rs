//! The reasons why a behaviour makes no KUnit test.

use pmdscope_arches::VersionError;

use crate::entry_name::EntryName;
use crate::judge::FindingName;

/// The architectures whose `pmdp_invalidate()` was read in the kernel's source, for messages.
const ARCHES: &str = "arm64, x86_64, ppc64 and ppc64le";

/// The reason why a behaviour makes no KUnit test.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoKunit {
    /// A control of the run failed, so that no finding counts.
    #[error("a control of the run failed, so that nothing it shows counts")]
    ControlFailed,
    /// The run found nothing.
    #[error("nothing was found, so there is nothing to assert")]
    NothingFound,
    /// The run has findings, but this behaviour shows none.
    #[error("by schedule {schedule} the walker saw nothing of what was found; {shown_by} shows it")]
    NotShown {
        /// The schedule of the behaviour.
        schedule: String,
        /// The schedule of the first finding that a test can assert.
        shown_by: String,
    },
    /// No finding is the result of one step.
    #[error("{name} is not what one step makes of an entry, and a KUnit test does one step on one CPU", name = .0.name())]
    NotOneStep(FindingName),
    /// The kernel's own helpers do not build this kind of entry.
    #[error(
        "the entry is '{0}', and a KUnit test builds migration entries only, by the kernel's own helpers"
    )]
    NotMigration(EntryName),
    /// The entry carries marks.
    #[error("the entry is marked {0}, and where that is kept depends on the machine: run it without")]
    Marked(String),
    /// Something other than `pmdp_invalidate()` made the entry that the walker saw.
    #[error("what the walker saw is not what pmdp_invalidate() alone made of the entry")]
    NotInvalidated,
    /// This program does not know how to call this architecture's `pmdp_invalidate()` safely.
    #[error("calling pmdp_invalidate() of {0} on a live kernel is not known to be safe: known are {known}", known = ARCHES)]
    Arch(String),
    /// The report's Linux version cannot be parsed.
    #[error(transparent)]
    Version(#[from] VersionError),
    /// The report contradicts itself: something that it must have is missing.
    #[error("the report lacks {0}")]
    Lacks(&'static str),
}
