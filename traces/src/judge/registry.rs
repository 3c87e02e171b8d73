//! The registry of findings: each entry defines one kind, except for the code of its rule.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::definition::{Definition, Evidence, KunitAssertion, Severity, SummaryGrouping, SummarySection};
use super::{destroyed, views, walker, writer};

/// Generates [`FindingName`] from the entries.
macro_rules! findings {
    ($($(#[doc = $doc:literal])+ $finding:ident = $definition:expr,)+) => {
        /// The kinds of finding.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
        #[serde(rename_all = "kebab-case")]
        pub enum FindingName {
            $($(#[doc = $doc])+ $finding,)+
        }

        impl FindingName {
            /// Every kind, in the order in which reports list them.
            pub const ALL: [FindingName; [$(FindingName::$finding),+].len()] = [$(FindingName::$finding),+];

            /// Returns the definition of this kind.
            pub const fn definition(self) -> &'static Definition {
                match self {
                    $(FindingName::$finding => const { &$definition },)+
                }
            }
        }
    };
}

findings! {
    /// A swap entry satisfies `pmd_present()` as the kernel builds it.
    SwapBuiltPresent = Definition {
        name: "swap-built-present",
        meaning: "a swap entry is pmd_present() as the kernel builds it, with nothing invalidated",
        consequence: "the encoding itself makes walkers go wrong, with no race; a fix of the writer does \
                  not help",
        severity: Severity::OddView,
        evidence: Evidence::View,
        rule: views::swap_built_present,
        sweep_rule: Some(|class| class.built_as_swap && class.before.present),
        summary: Some(SummarySection {
            title: "A swap entry is present as the kernel builds it",
            grouping: SummaryGrouping::PresentSwapEntry,
        }),
        bug_report: |parts| {
            format!(
                "On {}, {} is pmd_present() as the kernel builds it",
                parts.place, parts.entry
            )
        },
        kunit: None,
    },
    /// The entry was a swap entry, no one installed a mapping, and a view is present.
    SwapBecomesPresent = Definition {
        name: "swap-becomes-present",
        meaning: "the entry was a swap entry, no one installed a mapping, and a walker saw one that is \
              pmd_present()",
        consequence: "for a moment every walker without the lock can take the entry for a mapping",
        severity: Severity::OddView,
        evidence: Evidence::View,
        rule: views::swap_becomes_present,
        sweep_rule: Some(|class| class.before.swap && class.after.present),
        summary: Some(SummarySection {
            title: "A swap entry became present",
            grouping: SummaryGrouping::ChangedSwapEntry,
        }),
        bug_report: |parts| format!("{} sees {}", parts.during, parts.present),
        kunit: Some(KunitAssertion::Present),
    },
    /// A view is still a swap entry, but its type or offset differs from the original one.
    SwapDecodesDifferently = Definition {
        name: "swap-decodes-differently",
        meaning: "a walker saw a swap entry whose type or offset is not the one that was there",
        consequence: "whoever waits for the migration at that moment waits for another page's",
        severity: Severity::OddView,
        evidence: Evidence::View,
        rule: views::swap_decodes_differently,
        sweep_rule: Some(|class| class.is_redirected),
        summary: Some(SummarySection {
            title: "A swap entry stayed one, but decodes to another page",
            grouping: SummaryGrouping::RedirectedSwapEntry,
        }),
        bug_report: |parts| {
            format!(
                "{} sees {}, which decodes to another swap entry",
                parts.during, parts.view
            )
        },
        kunit: Some(KunitAssertion::AnotherSwapEntry),
    },
    /// A walker went past its present check on a swap entry that had become present.
    WalkerPastPresent = Definition {
        name: "walker-past-present",
        meaning: "a walker went past its present check on a swap entry that is or had become present, and \
              took it for a mapping or was stopped by a later check",
        consequence: "the present check, which is to keep swap entries out, did not",
        severity: Severity::WrongAnswer,
        evidence: Evidence::Walker,
        rule: walker::walker_past_present,
        sweep_rule: None,
        summary: None,
        bug_report: |parts| {
            let (during, present, outcome) = (parts.during, parts.present, parts.outcome);
            format!("{during} sees {present}, and goes past its present check{outcome}")
        },
        kunit: None,
    },
    /// A walker returned a page from a swap entry that had become present.
    WalkerTookPage = Definition {
        name: "walker-took-page",
        meaning: "a walker took a page from a swap entry that is or had become present",
        consequence: "a reference to a page that the entry does not map, or not any more",
        severity: Severity::WrongPage,
        evidence: Evidence::Walker,
        rule: walker::walker_took_page,
        sweep_rule: None,
        summary: None,
        bug_report: |parts| {
            let (during, present, outcome) = (parts.during, parts.present, parts.outcome);
            format!("{during} sees {present}, and takes it for a mapping{outcome}")
        },
        kunit: None,
    },
    /// A walker took a page or a mapping from an entry that the writer had invalidated and not yet replaced.
    TookInvalidated = Definition {
        name: "took-invalidated",
        meaning: "a walker took a page or a mapping from an entry that the writer had invalidated and not \
              yet replaced",
        consequence: "while pmdp_invalidate() has the entry, its caller takes nobody for a user of it; \
                  what the walker took must be dropped again, or be caught by a reference count or a \
                  notifier",
        severity: Severity::WrongPage,
        evidence: Evidence::Walker,
        rule: walker::took_invalidated,
        sweep_rule: None,
        summary: Some(SummarySection {
            title: "Walkers that took a mapping which was invalidated and not yet replaced",
            grouping: SummaryGrouping::Walker,
        }),
        bug_report: |parts| {
            let (during, view, outcome) = (parts.during, parts.view, parts.outcome);
            format!(
                "{during} sees {view}, which is invalidated and not yet replaced, and decides on it{outcome}"
            )
        },
        kunit: None,
    },
    /// A routine whose role is only to read overwrote a mapping, a swap entry or a pointer to a page table.
    EntryDestroyed = Definition {
        name: "entry-destroyed",
        meaning: "a routine that only reads by its role overwrote a mapping, a swap entry or a pointer to \
              a page table, present or not (pmd_clear_bad())",
        consequence: "pmd_clear_bad() emptied an entry that was not damaged, so that a mapping, a migration \
                  or a page table is lost",
        severity: Severity::MemoryLost,
        evidence: Evidence::Walker,
        rule: destroyed::entry_destroyed,
        sweep_rule: None,
        summary: Some(SummarySection {
            title: "Walkers that destroyed an entry",
            grouping: SummaryGrouping::Walker,
        }),
        // The explanation names the routine and the entry.
        bug_report: |parts| {
            format!("{} destroys an entry: {}", parts.during, parts.explanation)
        },
        kunit: None,
    },
    /// A mapped entry looks empty or not present while it is changed.
    PresentLost = Definition {
        name: "present-lost",
        meaning: "a mapped entry looked empty or not present to a walker, while the kernel's contract \
              keeps it present",
        consequence: "a walker takes a mapped page for one that is not there, while the contract of \
                  pmdp_invalidate() keeps it present",
        severity: Severity::OddView,
        evidence: Evidence::View,
        rule: views::present_lost,
        sweep_rule: Some(|class| class.is_mapping() && !class.after.present),
        summary: Some(SummarySection {
            title: "A mapping was not present for a moment",
            grouping: SummaryGrouping::ChangedMapping,
        }),
        bug_report: |parts| {
            let (during, view) = (parts.during, parts.view);
            format!(
                "{during} sees {view}, which is not pmd_present(), where a mapping stood all the time"
            )
        },
        kunit: None,
    },
    /// A mapping that the writer invalidated is still valid to the hardware.
    StillValid = Definition {
        name: "still-valid",
        meaning: "a mapping that the writer invalidated is still valid to the hardware when the writer \
              replaces it or returns",
        consequence: "the MMU goes on using and marking the page, while the kernel takes it for out of use",
        severity: Severity::MemoryLost,
        evidence: Evidence::Writer,
        rule: writer::still_valid,
        sweep_rule: None,
        summary: Some(SummarySection {
            title: "Writers that left a mapping valid to the hardware",
            grouping: SummaryGrouping::Writer,
        }),
        bug_report: |parts| parts.of_writer(),
        kunit: None,
    },
    /// The writer itself lost marks of a mapping: accessed, dirty, soft-dirty, uffd-wp.
    MarksLost = Definition {
        name: "marks-lost",
        meaning: "the writer lost accessed, dirty, soft-dirty or uffd-wp of a mapping: it did not store, \
              return or install what it had read",
        consequence: "a page is not written back, or not reported as written to",
        severity: Severity::MemoryLost,
        evidence: Evidence::Writer,
        rule: writer::marks_lost,
        sweep_rule: None,
        summary: Some(SummarySection {
            title: "Writers that lost marks",
            grouping: SummaryGrouping::Writer,
        }),
        bug_report: |parts| parts.of_writer(),
        kunit: None,
    },
    /// An accessed or dirty bit that another CPU set in the meantime is lost.
    BitsLost = Definition {
        name: "bits-lost",
        meaning: "accessed or dirty, set by another CPU meanwhile, is in neither the returned nor the \
              stored entry (looked for where an agent plays the MMU: --with mmu-store)",
        consequence: "an access or a write to the page is forgotten",
        severity: Severity::MemoryLost,
        evidence: Evidence::Agent,
        rule: writer::bits_lost,
        sweep_rule: None,
        summary: None,
        bug_report: |parts| {
            let (place, writer, view) = (parts.place, parts.writer, parts.view);
            format!(
                "On {place}, while {writer} runs, the accessed or dirty bits of {view} are lost"
            )
        },
        kunit: None,
    },
}

impl FindingName {
    /// Returns the name in reports.
    pub const fn name(self) -> &'static str {
        self.definition().name
    }

    /// Returns the meaning, in one sentence.
    pub const fn meaning(self) -> &'static str {
        self.definition().meaning
    }

    /// Returns the finding with this name.
    pub fn of_name(name: &str) -> Option<FindingName> {
        FindingName::ALL.into_iter().find(|finding| finding.name() == name)
    }

    /// Whether it says what a walker did, not only what it could see.
    pub const fn is_deed(self) -> bool {
        matches!(self.definition().evidence, Evidence::Walker)
    }

    /// Whether it says that a walker destroyed an entry.
    pub(crate) const fn is_lost_entry(self) -> bool {
        self.is_deed() && matches!(self.definition().severity, Severity::MemoryLost)
    }
}
