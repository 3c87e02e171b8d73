//! The faults that have a name.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::count::Count;
use crate::entry::Value;

/// The kinds of finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum FindingName {
    /// A swap entry satisfies `pmd_present()` as the kernel builds it.
    SwapBuiltPresent,
    /// The entry was a swap entry, no one installed a mapping, and a view is present.
    SwapBecomesPresent,
    /// A view is still a swap entry, but its type or offset is not the one that was there.
    SwapDecodesDifferently,
    /// A walker went past its present check on a swap entry that had become present.
    WalkerPastPresent,
    /// A walker returned a page from a swap entry that had become present.
    WalkerTookPage,
    /// A walker overwrote the entry because of a swap entry that had become present.
    WalkerClearedEntry,
    /// A mapped entry looks empty or not present while it is changed.
    PresentLost,
    /// Accessed or dirty, set by another CPU meanwhile, is lost.
    BitsLost,
}

impl FindingName {
    /// Every kind.
    pub const ALL: [FindingName; 8] = [
        FindingName::SwapBuiltPresent,
        FindingName::SwapBecomesPresent,
        FindingName::SwapDecodesDifferently,
        FindingName::WalkerPastPresent,
        FindingName::WalkerTookPage,
        FindingName::WalkerClearedEntry,
        FindingName::PresentLost,
        FindingName::BitsLost,
    ];

    /// Its name in reports.
    pub const fn name(self) -> &'static str {
        match self {
            FindingName::SwapBuiltPresent => "swap-built-present",
            FindingName::SwapBecomesPresent => "swap-becomes-present",
            FindingName::SwapDecodesDifferently => "swap-decodes-differently",
            FindingName::WalkerPastPresent => "walker-past-present",
            FindingName::WalkerTookPage => "walker-took-page",
            FindingName::WalkerClearedEntry => "walker-cleared-entry",
            FindingName::PresentLost => "present-lost",
            FindingName::BitsLost => "bits-lost",
        }
    }

    /// What it says, in one sentence.
    pub const fn meaning(self) -> &'static str {
        match self {
            FindingName::SwapBuiltPresent => {
                "a swap entry is pmd_present() as the kernel builds it, with nothing invalidated"
            }
            FindingName::SwapBecomesPresent => {
                "the entry was a swap entry, no one installed a mapping, and a walker saw one that is pmd_present()"
            }
            FindingName::SwapDecodesDifferently => {
                "a walker saw a swap entry whose type or offset is not the one that was there"
            }
            FindingName::WalkerPastPresent => {
                "a walker went past its present check on a swap entry that is or had become present, \
                 and took it for a mapping or was stopped by a later check"
            }
            FindingName::WalkerTookPage => {
                "a walker took a page from a swap entry that is or had become present"
            }
            FindingName::WalkerClearedEntry => {
                "a walker took a swap entry that is or had become present for a damaged one and overwrote it (pmd_clear_bad())"
            }
            FindingName::PresentLost => {
                "a mapped entry looked empty or not present to a walker, while the kernel's contract keeps it present"
            }
            FindingName::BitsLost => {
                "accessed or dirty, set by another CPU meanwhile, is in neither the returned nor the stored entry \
                 (looked for where an agent plays the MMU: --with mmu-store)"
            }
        }
    }
}

impl FindingName {
    /// Whether it says what a walker did, not only what it could see.
    pub const fn is_deed(self) -> bool {
        matches!(
            self,
            FindingName::WalkerPastPresent | FindingName::WalkerTookPage | FindingName::WalkerClearedEntry
        )
    }
}

/// Of several findings the one to name first: the last that says what a walker did, or else the first.
pub fn most_telling<'a>(findings: impl IntoIterator<Item = &'a Finding>) -> Option<&'a Finding> {
    let findings: Vec<&Finding> = findings.into_iter().collect();
    findings.iter().rfind(|finding| finding.name.is_deed()).or(findings.first()).copied()
}

/// A fault that was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Finding {
    /// Its kind.
    pub name: FindingName,
    /// The view that shows it.
    pub view: Value,
    /// What happened, in one sentence.
    pub explanation: String,
    /// Under how many schedules.
    pub schedules: Count,
    /// The shortest of them: with the fewest switches, then the fewest accesses.
    pub schedule: String,
}
