//! Why there is no test.

use pmdscope_arches::VersionError;

use crate::entry_name::EntryName;
use crate::judge::FindingName;

/// The architectures of which `pmdp_invalidate()` was read, for messages.
const ARCHES: &str = "arm64, x86_64, ppc64 and ppc64le";

/// Why a behaviour makes no KUnit test.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoKunit {
    /// The run does not count.
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
        /// One that shows the first finding.
        shown_by: String,
    },
    /// What was found is no matter of one step.
    #[error("{name} is not what one step makes of an entry, and a KUnit test does one step on one CPU", name = .0.name())]
    NotOneStep(FindingName),
    /// The entry is none that the kernel's own helpers build.
    #[error(
        "the entry is '{0}', and a KUnit test builds migration entries only, by the kernel's own helpers"
    )]
    NotMigration(EntryName),
    /// The entry is marked.
    #[error("the entry is marked {0}, and where that is kept depends on the machine: run it without")]
    Marked(String),
    /// Something else than `pmdp_invalidate()` led to what the walker saw.
    #[error("what the walker saw is not what pmdp_invalidate() alone made of the entry")]
    NotInvalidated,
    /// How this architecture's `pmdp_invalidate()` is called in safety is not known here.
    #[error("calling pmdp_invalidate() of {0} on a live kernel is not known to be safe: known are {known}", known = ARCHES)]
    Arch(String),
    /// The report's version is none.
    #[error(transparent)]
    Version(#[from] VersionError),
    /// A report that contradicts itself.
    #[error("the report lacks {0}")]
    Lacks(&'static str),
}
