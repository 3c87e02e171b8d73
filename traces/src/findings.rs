//! The faults that have a name.
//!
//! Only the names are here. What is known of each finding is in `judge/registry.rs`: one entry for each.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::count::Count;
use crate::entry::Value;

/// Makes the enum of all findings, and the list of them, of one list.
macro_rules! finding_names {
    ($($(#[doc = $doc:literal])+ $name:ident,)+) => {
        /// The kinds of finding.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
        #[serde(rename_all = "kebab-case")]
        pub enum FindingName {
            $($(#[doc = $doc])+ $name,)+
        }

        impl FindingName {
            /// Every kind, in the order in which reports list them.
            pub const ALL: [FindingName; [$(FindingName::$name),+].len()] = [$(FindingName::$name),+];
        }
    };
}

finding_names! {
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
