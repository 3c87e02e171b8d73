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
    /// A walker took a page or a mapping from an entry that the writer had invalidated and not yet replaced.
    TookInvalidated,
    /// A routine that only reads by its role overwrote a mapping, a swap entry or a pointer to a page table.
    EntryDestroyed,
    /// A mapped entry looks empty or not present while it is changed.
    PresentLost,
    /// A mapping that the writer invalidated is still valid to the hardware.
    StillValid,
    /// The writer itself lost marks of a mapping: accessed, dirty, soft-dirty, uffd-wp.
    MarksLost,
    /// Accessed or dirty, set by another CPU meanwhile, is lost.
    BitsLost,
}

impl FindingName {
    /// Every kind.
    pub const ALL: [FindingName; 11] = [
        FindingName::SwapBuiltPresent,
        FindingName::SwapBecomesPresent,
        FindingName::SwapDecodesDifferently,
        FindingName::WalkerPastPresent,
        FindingName::WalkerTookPage,
        FindingName::TookInvalidated,
        FindingName::EntryDestroyed,
        FindingName::PresentLost,
        FindingName::StillValid,
        FindingName::MarksLost,
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
            FindingName::TookInvalidated => "took-invalidated",
            FindingName::EntryDestroyed => "entry-destroyed",
            FindingName::PresentLost => "present-lost",
            FindingName::StillValid => "still-valid",
            FindingName::MarksLost => "marks-lost",
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
            FindingName::TookInvalidated => {
                "a walker took a page or a mapping from an entry that the writer had invalidated and not yet replaced"
            }
            FindingName::EntryDestroyed => {
                "a routine that only reads by its role overwrote a mapping, a swap entry or a pointer to a page table, \
                 present or not (pmd_clear_bad())"
            }
            FindingName::PresentLost => {
                "a mapped entry looked empty or not present to a walker, while the kernel's contract keeps it present"
            }
            FindingName::StillValid => {
                "a mapping that the writer invalidated is still valid to the hardware when the writer replaces it or returns"
            }
            FindingName::MarksLost => {
                "the writer lost accessed, dirty, soft-dirty or uffd-wp of a mapping: it did not store, return or install \
                 what it had read"
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
            FindingName::WalkerPastPresent
                | FindingName::WalkerTookPage
                | FindingName::TookInvalidated
                | FindingName::EntryDestroyed
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
