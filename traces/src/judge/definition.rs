//! The definition of a kind of finding.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::observed::Observed;
use super::sightings::Sightings;
use crate::entry::{Predicates, Value};

/// Everything about one kind of finding. `registry.rs` has one for each.
#[derive(Debug)]
pub struct Definition {
    /// Its name in reports. `docs/reference.md` explains it under a heading of this name.
    pub name: &'static str,
    /// The meaning of the finding, in one sentence.
    pub meaning: &'static str,
    /// The consequence for a kernel.
    pub consequence: &'static str,
    /// The severity of that consequence.
    pub severity: Severity,
    /// How bad it is where a later check refused the walker every time; `None` where that makes no difference.
    pub severity_if_refused: Option<Severity>,
    /// What shows it.
    pub evidence: Evidence,
    /// The rule that recognises it in the observations of a run.
    pub(crate) rule: fn(&Observed<'_>, &mut Sightings),
    /// The rule that recognises it in a class of entries that a sweep's writer changed. `None` if sweeps do not
    /// look for it, for example because it needs a walker.
    pub(crate) sweep_rule: Option<fn(&SweptClass<'_>) -> bool>,
    /// The section of a comparison's summary that lists it; `None` if none does.
    pub summary: Option<SummarySection>,
    /// What the subject of a bug report says after the platform.
    pub(crate) subject: fn(&SubjectParts<'_>) -> String,
    /// The first sentence of a bug report.
    pub(crate) bug_report: fn(&BugReportParts<'_>) -> String,
    /// The assertion of a KUnit test of it; `None` if a single step on the entry does not show it.
    pub(crate) kunit: Option<KunitAssertion>,
}

/// The severity of a finding's consequence, the worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// Memory or a mapping is corrupted or lost.
    MemoryLost,
    /// A wrong page is taken or counted.
    WrongPage,
    /// The kernel crashes.
    Crash,
    /// A routine gives a wrong answer.
    WrongAnswer,
    /// A walker sees an odd view, and no more is known.
    OddView,
}

impl Severity {
    /// The consequence in two words.
    pub const fn words(self) -> &'static str {
        match self {
            Severity::MemoryLost => "memory lost",
            Severity::WrongPage => "wrong page",
            Severity::Crash => "crash",
            Severity::WrongAnswer => "wrong answer",
            Severity::OddView => "odd view",
        }
    }
}

/// What shows a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Evidence {
    /// An entry that a walker could see.
    View,
    /// An action of a walker.
    Walker,
    /// An action of the writer, with or without a walker.
    Writer,
    /// The remains of an agent's stores.
    Agent,
    /// The joint result of two routines, whichever of the two is to blame.
    Both,
}

/// A section of the summary of a comparison.
#[derive(Debug)]
pub struct SummarySection {
    /// Its title.
    pub title: &'static str,
    /// The grouping of its rows.
    pub(crate) grouping: SummaryGrouping,
}

/// The grouping of a section's rows: rows with the same sentence form one group. The summary has its sections
/// in the order of these variants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SummaryGrouping {
    /// By swap entry. Another section has the walkers' outcomes on it.
    PresentSwapEntry,
    /// By writer, swap entry and changed bits. Another section has the walkers' outcomes on it.
    ChangedSwapEntry,
    /// By writer, swap entry, changed bits, and the type or offset before and after.
    RedirectedSwapEntry,
    /// By walker, writer and entry.
    Walker,
    /// By writer and entry.
    Writer,
    /// By writer, mapping and changed bits.
    ChangedMapping,
}

/// The assertion of a KUnit test about an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KunitAssertion {
    /// The entry is `pmd_present()`.
    Present,
    /// The entry is a swap entry of another type or offset.
    AnotherSwapEntry,
}

/// A class of entries that a sweep's writer changes alike.
pub(crate) struct SweptClass<'a> {
    /// The predicates before the writer runs.
    pub before: &'a Predicates,
    /// The predicates after the writer has run.
    pub after: &'a Predicates,
    /// Whether the writer changed the type or offset of a swap entry.
    pub is_redirected: bool,
    /// Whether the entries were built as swap entries.
    pub built_as_swap: bool,
}

impl SweptClass<'_> {
    /// Whether the entries are mappings before the writer.
    pub fn is_mapping(&self) -> bool {
        self.before.present && self.before.leaf && !self.built_as_swap
    }
}

/// What the subject of a bug report is made of.
pub(crate) struct SubjectParts<'a> {
    /// The writer: `split`.
    pub writer: &'a str,
    /// The walker.
    pub walker: &'a str,
    /// The entry before the writer: `a migration entry`.
    pub entry: &'a str,
    /// Whether the view is the entry as it was before the writer.
    pub as_built: bool,
    /// What the walker does with the entry: `takes it for a mapping`. `None` if it did nothing that is known.
    pub deed: Option<&'a str>,
}

impl SubjectParts<'_> {
    /// A swap entry is present, and what the walker does with it.
    pub fn present(&self, or_else: &str) -> String {
        let (entry, writer, walker) = (self.entry, self.writer, self.walker);
        let cause = match self.as_built {
            true => format!("{entry} is present as the kernel builds it"),
            false => format!("{writer} makes {entry} present"),
        };
        format!("{cause}; {walker} {}", self.deed.unwrap_or(or_else))
    }
}

/// What the first sentence of a bug report is made of.
pub(crate) struct BugReportParts<'a> {
    /// The kernel or the platform.
    pub place: &'a str,
    /// The writer.
    pub writer: &'a str,
    /// The entry before the writer.
    pub entry: &'a str,
    /// `On PLACE, while WRITER runs on ENTRY, WALKER`.
    pub during: &'a str,
    /// The present entry that the walker saw, and the reason why it is present.
    pub present: &'a str,
    /// The view.
    pub view: Value,
    /// `: ` and the walker's outcome; empty if the walker has no outcome on this view.
    pub outcome: &'a str,
    /// The finding's explanation.
    pub explanation: &'a str,
}

impl BugReportParts<'_> {
    /// Formats the sentence of a finding whose explanation names the walker, if there is one, and gives the details.
    pub fn of_writer(&self) -> String {
        format!("On {}, {} runs on {}: {}", self.place, self.writer, self.entry, self.explanation)
    }
}
