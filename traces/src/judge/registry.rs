//! The registry of findings: each entry defines one kind, except for the code of its rule.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::definition::{Definition, Evidence, KunitAssertion, Severity, SummaryGrouping, SummarySection};
use super::{destroyed, serial, views, walker, writer};

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
        consequence: "walkers go wrong without a race, and no fix of the writer helps",
        severity: Severity::OddView,
        severity_if_refused: None,
        evidence: Evidence::View,
        rule: views::swap_built_present,
        sweep_rule: Some(|class| class.built_as_swap && class.before.present),
        summary: Some(SummarySection {
            title: "A swap entry is present as the kernel builds it",
            grouping: SummaryGrouping::PresentSwapEntry,
        }),
        subject: |parts| format!("{} is present as the kernel builds it", parts.entry),
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
        consequence: "every lockless walker can take the entry for a mapping",
        severity: Severity::OddView,
        severity_if_refused: None,
        evidence: Evidence::View,
        rule: views::swap_becomes_present,
        sweep_rule: Some(|class| class.before.swap && class.after.present),
        summary: Some(SummarySection {
            title: "A swap entry became present",
            grouping: SummaryGrouping::ChangedSwapEntry,
        }),
        subject: |parts| format!("{} makes {} present", parts.writer, parts.entry),
        bug_report: |parts| format!("{} sees {}", parts.during, parts.present),
        kunit: Some(KunitAssertion::Present),
    },
    /// A view is still a swap entry, but its type or offset differs from the original one.
    SwapDecodesDifferently = Definition {
        name: "swap-decodes-differently",
        meaning: "a walker saw a swap entry whose type or offset is not the one that was there",
        consequence: "whoever waits for the migration waits for another page",
        severity: Severity::OddView,
        severity_if_refused: None,
        evidence: Evidence::View,
        rule: views::swap_decodes_differently,
        sweep_rule: Some(|class| class.is_redirected),
        summary: Some(SummarySection {
            title: "A swap entry stayed one, but decodes to another page",
            grouping: SummaryGrouping::RedirectedSwapEntry,
        }),
        subject: |parts| format!("{} makes {} decode to another page", parts.writer, parts.entry),
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
        consequence: "the present check did not keep the swap entry out",
        severity: Severity::WrongAnswer,
        severity_if_refused: Some(Severity::OddView),
        evidence: Evidence::Walker,
        rule: walker::walker_past_present,
        sweep_rule: None,
        summary: None,
        subject: |parts| parts.present("goes past its present check"),
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
        consequence: "a reference to a page that the entry does not map, or no longer maps",
        severity: Severity::WrongPage,
        severity_if_refused: None,
        evidence: Evidence::Walker,
        rule: walker::walker_took_page,
        sweep_rule: None,
        summary: None,
        subject: |parts| parts.present("takes a page from it"),
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
        consequence: "the page is in use while the writer takes it for unused, unless a reference count or a notifier catches that",
        severity: Severity::WrongPage,
        severity_if_refused: None,
        evidence: Evidence::Walker,
        rule: walker::took_invalidated,
        sweep_rule: None,
        summary: Some(SummarySection {
            title: "Walkers that took a mapping which was invalidated and not yet replaced",
            grouping: SummaryGrouping::Walker,
        }),
        subject: |parts| format!("{} uses an entry that {} has invalidated", parts.walker, parts.writer),
        bug_report: |parts| {
            let (during, view, outcome) = (parts.during, parts.view, parts.outcome);
            format!(
                "{during} sees {view}, which is invalidated and not yet replaced, and decides on it{outcome}"
            )
        },
        kunit: None,
    },
    /// A walker took a page by an entry that was replaced meanwhile, and did not look at the entry again.
    TookUnmapped = Definition {
        name: "took-unmapped",
        meaning: "a walker took a page by an entry that the writer replaced before the walker had its \
              reference, and did not read the entry again",
        consequence: "a reference to a page that is not mapped any longer, and may be another's by then",
        severity: Severity::WrongPage,
        severity_if_refused: None,
        evidence: Evidence::Walker,
        rule: walker::took_unmapped,
        sweep_rule: None,
        summary: Some(SummarySection {
            title: "Walkers that took a page by an entry which was replaced meanwhile",
            grouping: SummaryGrouping::Walker,
        }),
        subject: |parts| format!("{} takes a page that {} has unmapped", parts.walker, parts.writer),
        // The explanation names the walker and both entries.
        bug_report: |parts| format!("{} takes a page without looking again: {}", parts.during, parts.explanation),
        kunit: None,
    },
    /// A routine whose role is only to read overwrote a mapping, a swap entry or a pointer to a page table.
    EntryDestroyed = Definition {
        name: "entry-destroyed",
        meaning: "a routine that only reads by its role overwrote a mapping, a swap entry or a pointer to \
              a page table, present or not (pmd_clear_bad())",
        consequence: "a mapping, a migration entry or a page table is lost",
        severity: Severity::MemoryLost,
        severity_if_refused: None,
        evidence: Evidence::Walker,
        rule: destroyed::entry_destroyed,
        sweep_rule: None,
        summary: Some(SummarySection {
            title: "Walkers that destroyed an entry",
            grouping: SummaryGrouping::Walker,
        }),
        subject: |parts| format!("{} destroys {} while {} runs", parts.walker, parts.entry, parts.writer),
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
        consequence: "a walker misses a mapped page, which the contract of pmdp_invalidate() excludes",
        severity: Severity::OddView,
        severity_if_refused: None,
        evidence: Evidence::View,
        rule: views::present_lost,
        sweep_rule: Some(|class| class.is_mapping() && !class.after.present),
        summary: Some(SummarySection {
            title: "A mapping was not present for a moment",
            grouping: SummaryGrouping::ChangedMapping,
        }),
        subject: |parts| format!("{} makes {} not present for a moment", parts.writer, parts.entry),
        bug_report: |parts| {
            let (during, view) = (parts.during, parts.view);
            format!(
                "{during} sees {view}, which is not pmd_present(), though the entry was a mapping all the time"
            )
        },
        kunit: None,
    },
    /// A mapping that the writer invalidated is still valid to the hardware.
    StillValid = Definition {
        name: "still-valid",
        meaning: "a mapping that the writer invalidated is still valid to the hardware when the writer \
              replaces it or returns",
        consequence: "the MMU goes on using a page that the kernel takes for unused",
        severity: Severity::MemoryLost,
        severity_if_refused: None,
        evidence: Evidence::Writer,
        rule: writer::still_valid,
        sweep_rule: None,
        summary: Some(SummarySection {
            title: "Writers that left a mapping valid to the hardware",
            grouping: SummaryGrouping::Writer,
        }),
        subject: |parts| format!("{} leaves {} valid to the hardware", parts.writer, parts.entry),
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
        severity_if_refused: None,
        evidence: Evidence::Writer,
        rule: writer::marks_lost,
        sweep_rule: None,
        summary: Some(SummarySection {
            title: "Writers that lost marks",
            grouping: SummaryGrouping::Writer,
        }),
        subject: |parts| format!("{} loses marks of {}", parts.writer, parts.entry),
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
        severity_if_refused: None,
        evidence: Evidence::Agent,
        rule: writer::bits_lost,
        sweep_rule: None,
        summary: None,
        subject: |parts| format!("{} loses accessed or dirty bits of {}", parts.writer, parts.entry),
        bug_report: |parts| {
            let (place, writer, view) = (parts.place, parts.writer, parts.view);
            format!(
                "On {place}, while {writer} runs, the accessed or dirty bits of {view} are lost"
            )
        },
        kunit: None,
    },
    /// Together the routines did what they do in neither order of one after the other.
    NotSerializable = Definition {
        name: "not-serializable",
        meaning: "together the routines do what they do in neither order of one after the other: an outcome, a word \
              that both use, or a number of references is of neither. A routine may refuse, retry or wait",
        consequence: "a routine acted on what was half done",
        severity: Severity::WrongAnswer,
        severity_if_refused: None,
        evidence: Evidence::Both,
        rule: serial::not_serializable,
        sweep_rule: None,
        summary: Some(SummarySection {
            title: "Routines that do together what they do in no order",
            grouping: SummaryGrouping::Walker,
        }),
        subject: |parts| format!("{} and {} do together what they do in no order", parts.writer, parts.walker),
        bug_report: |parts| parts.of_writer(),
        kunit: None,
    },
    /// A routine crashed, or the kernel warned, as in no order of one routine after the other.
    CrashInRace = Definition {
        name: "crash-in-race",
        meaning: "a routine crashed, or the kernel warned, and does so in no order of one routine after the other",
        consequence: "the kernel stops or warns when the routines meet",
        severity: Severity::Crash,
        severity_if_refused: None,
        evidence: Evidence::Both,
        rule: serial::crash_in_race,
        sweep_rule: None,
        summary: Some(SummarySection {
            title: "Crashes and warnings that only happen at once",
            grouping: SummaryGrouping::Walker,
        }),
        subject: |parts| format!("{} and {} crash or warn when they meet", parts.writer, parts.walker),
        bug_report: |parts| parts.of_writer(),
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
