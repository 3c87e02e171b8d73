//! A KUnit test for the kernel tree, which asserts on a real machine what a run found under emulation.
//!
//! Findings in which a walker goes wrong depend on one step: `pmdp_invalidate()` turned a migration entry into
//! something that it should not be. That step needs only one CPU and no race, so a test can repeat it. The
//! test does not run walkers.

mod c;
mod names;
mod refusal;
mod seen;

use crate::report::{RunReport, Trace};

pub use names::FILE;
pub(crate) use names::is_by_mkinvalid;
pub use refusal::NoKunit;

/// Returns the C source of a test of what the walker saw in this behaviour of the run.
///
/// The test passes where the machine does what was seen, and its comment says so.
///
/// # Errors
/// [`NoKunit`] if no single step on one CPU shows the finding, or the kernel's own helpers cannot build the
/// entry.
pub fn test(report: &RunReport, trace: &Trace) -> Result<String, NoKunit> {
    let seen = seen::seen(report, trace)?;
    let names = names::of(report)?;
    Ok(c::file(report, &seen, &names))
}
