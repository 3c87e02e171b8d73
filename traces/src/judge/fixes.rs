//! Kernel commits that are known to fix a finding.

use std::fmt;

use pmdscope_guest::routine::writers::SPLIT_UNGUARDED;

use crate::findings::Finding;
use crate::report::{RunReport, SplitGuard};

/// A commit of Linux that fixes a cause of findings.
#[derive(Debug)]
pub struct KnownFix {
    /// The first twelve digits of its hash.
    pub commit: &'static str,
    /// Its subject.
    pub subject: &'static str,
    /// The first version that has it.
    pub version: &'static str,
    /// The commit that introduced the cause; `None` where that is not known for sure.
    pub introduced_by: Option<&'static str>,
    /// Whether it fixes what was found in a report.
    applies: fn(&RunReport, &Finding) -> bool,
}

/// Every fix that is known.
const ALL: &[KnownFix] = &[KnownFix {
    commit: "3a5a8d343e1c",
    subject: "mm: Fix race between __split_huge_pmd_locked() and GUP-fast",
    version: "v6.10",
    introduced_by: None,
    applies: |report, finding| {
        splits_without_guard(report) && report.is_of_swap_entry() && finding.view != report.before.value
    },
}];

/// The fix of a finding, if one is known.
pub(crate) fn known_fix(report: &RunReport, finding: &Finding) -> Option<&'static KnownFix> {
    ALL.iter().find(|fix| (fix.applies)(report, finding))
}

/// Whether the writer is a split that invalidates whatever the entry is: a guest's by its code, a kernel's by what it did.
fn splits_without_guard(report: &RunReport) -> bool {
    match &report.kernel {
        Some(kernel) => kernel.split == SplitGuard::Vulnerable,
        None => report.writer == SPLIT_UNGUARDED.name,
    }
}

impl fmt::Display for KnownFix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (\"{}\") (in {})", self.commit, self.subject, self.version)
    }
}
