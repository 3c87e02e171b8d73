//! The report of a run. Field names are the JSON contract; see the schemas.

use pmdscope_arches::EntryKind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::count::Count;
use crate::entry::{Entry, Hex, Value};
use crate::entry_name::EntryName;
use crate::findings::Finding;
use crate::judge::{SerialOrder, Severity};
use crate::outcome::{Outcome, RoutineResult};
use crate::view::View;

mod guest;
mod kernel;
mod trace;
mod verdict;

pub use guest::{GuestInfo, GuestKind, PredicatesFrom, TypesInfo};
pub use kernel::{Control, Invalidated, KernelFacts, KernelWarning, SplitGuard, Stub};
pub use trace::{AccessKind, Event, EventKind, References, Trace};
pub use verdict::Verdict;

/// The name and number of the report of one run. A change that breaks a reader raises the number.
pub const RUN_SCHEMA: &str = "pmdscope.run/1";
/// The name and number of the report of decoded values. A change that breaks a reader raises the number.
pub const DECODE_SCHEMA: &str = "pmdscope.decode/1";

/// One writer against one walker on one entry, at every interleaving.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RunReport {
    /// `pmdscope.run/1`.
    pub schema: String,
    /// The program that ran it, with its version.
    pub made_by: String,
    /// The architecture.
    pub arch: String,
    /// The kind of MMU, where the architecture has several.
    pub mmu: Option<String>,
    /// The Linux version whose encoding and check order was run.
    pub linux: String,
    /// The encoding, and the versions over which it is known to hold.
    pub encoding: String,
    /// The machine code that was run.
    pub guest: GuestInfo,
    /// The kind of entry, or `pmd` for one given by value.
    pub entry: EntryName,
    /// The page frame number, if the run was asked for one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pfn: Option<Hex>,
    /// The marks of the entry: `young`, `dirty`, `soft-dirty`, `uffd-wp`.
    pub marks: Vec<String>,
    /// The writer.
    pub writer: String,
    /// The walker.
    pub walker: String,
    /// Further routines that ran with them, from CPU2 on.
    pub with: Vec<String>,
    /// Who answered the predicates of all entries in this report: `guest`, with its own compiled functions; or
    /// `model`, for a kernel, which has its predicates inlined everywhere.
    pub predicates: PredicatesFrom,
    /// The entry before the writer.
    pub before: Entry,
    /// The expectations of the kernel that `before` does not meet.
    pub contract: Vec<String>,
    /// The entry when the writer is done; null if schedules end differently.
    pub after: Option<Entry>,
    /// The entries that the writer stored, in order.
    pub stored: Vec<Stored>,
    /// The distinct entries that the walker's loads returned.
    pub views: Vec<View>,
    /// The outcome of the walker's baseline run: alone, on the original entry.
    pub alone: Outcome,
    /// The walker's outcomes under the schedules.
    pub outcomes: Vec<Outcome>,
    /// The writer's outcomes under the schedules.
    pub writer_outcomes: Vec<Outcome>,
    /// The outcomes of each further routine.
    pub with_outcomes: Vec<Vec<Outcome>>,
    /// The outcomes of one routine after the other, if a finding rests on them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub orders: Vec<SerialOutcomes>,
    /// The points where the walker's machine code left the path of its baseline run.
    pub divergences: Vec<Divergence>,
    /// Entries that the guest's `VM_WARN_ON_ONCE()` warned of.
    pub warnings: Vec<Warning>,
    /// The faults that were found.
    pub findings: Vec<Finding>,
    /// How many schedules there are.
    pub schedules: Schedules,
    /// The schedules that a machine excludes, which nothing else in this report counts. Null if there are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub excluded: Option<Excluded>,
    /// Why not every schedule was run to its end; null if every one was.
    pub incomplete: Option<String>,
    /// Whether it is incomplete because time ran out, so that another machine might get further.
    #[serde(skip)]
    pub out_of_time: bool,
    /// Entries on which the guest's compiled functions and the model disagree. This is the control that the
    /// guest has this encoding: any disagreement makes the verdict unknown.
    pub disagreements: Vec<String>,
    /// The precondition that the entry breaks: the guest declares that no caller passes such an entry to the
    /// routine. Null if it breaks none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub precondition: Option<String>,
    /// Facts about a run of a real kernel; null for other guests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kernel: Option<KernelFacts>,
    /// The result in one word.
    pub verdict: Verdict,
    /// The command that runs it again; it names a user's kernel or guest by its file name alone.
    pub command: String,
    /// One trace for each behaviour. Left out in comparisons.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub traces: Vec<Trace>,
    /// Every entry in these traces once, decoded, so that the values of events can be read. Left out with the
    /// traces.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub entries: Vec<Entry>,
}

/// The outcomes of a writer and a walker of which one ran after the other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SerialOutcomes {
    /// Which of them ran first.
    pub order: SerialOrder,
    /// The writer's outcome.
    pub writer: Outcome,
    /// The walker's outcome.
    pub walker: Outcome,
}

/// An entry that the writer stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Stored {
    /// The entry.
    #[serde(flatten)]
    pub entry: Entry,
    /// The address of the instruction that stored it.
    pub pc: Hex,
    /// Symbol and offset of that address.
    pub symbol: String,
    /// The instruction.
    pub instruction: String,
    /// The bits that changed.
    pub changes: Vec<String>,
}

/// A point where the walker's machine code left the path of its baseline run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Divergence {
    /// The entry that the walker's decision rests on.
    pub decided_on: Option<Value>,
    /// The address of the first instruction that the baseline run did not execute there; null if the walker
    /// returned instead.
    pub pc: Option<Hex>,
    /// Symbol and offset of that instruction.
    pub symbol: Option<String>,
    /// The instruction.
    pub instruction: Option<String>,
    /// The address of the instruction that the baseline run executed there; null if it returned.
    pub instead_of: Option<Hex>,
    /// The number of schedules with this divergence.
    pub schedules: Count,
}

/// Schedules that a machine excludes: a CPU would have gone on there, although it waits for another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Excluded {
    /// How many there are.
    pub schedules: Count,
    /// Whether no other is left: the report is about these then.
    pub none_left: bool,
    /// What excludes them, by the names of `--context`.
    pub by: Vec<Exclusion>,
    /// One of them, with few switches. Null if each has the behaviour of one that is possible.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule: Option<String>,
    /// Where that does not go on: the routine, and symbol and offset of the access that cannot follow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
    /// The findings that they alone show.
    pub findings: Vec<Finding>,
}

/// What excludes schedules.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Exclusion {
    /// Its name: `irq` or `rcu`.
    pub context: String,
    /// The reason, in words.
    pub reason: String,
}

/// A warning by the guest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Warning {
    /// The entry it warned of.
    pub entry: Value,
    /// The number of schedules with this warning.
    pub schedules: Count,
}

/// The numbers of schedules, behaviours and machine-code runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Schedules {
    /// How many there are; if the run is incomplete, how many were run.
    pub total: Count,
    /// How many distinct behaviours they fall into: what each routine read and stored, and its outcome.
    pub behaviours: u64,
    /// How often machine code was run to find them.
    pub machine_runs: u64,
}

impl RunReport {
    /// Returns the name of the entry and its marks: `migration-read soft-dirty`.
    pub fn marked_entry(&self) -> String {
        let words: Vec<&str> =
            std::iter::once(self.entry.name()).chain(self.marks.iter().map(String::as_str)).collect();
        words.join(" ")
    }

    /// Whether a walker was run. A kernel's writer may run alone.
    pub fn has_walker(&self) -> bool {
        self.kernel.as_ref().is_none_or(|kernel| kernel.walker_function.is_some())
    }

    /// Whether the entry was a swap entry before the writer: by the name it was built by, or else by its value.
    pub(crate) fn is_of_swap_entry(&self) -> bool {
        self.entry.kind().map_or(self.before.predicates.swap, EntryKind::is_swap)
    }

    /// An entry of the report's own, by its value.
    pub fn entry_of(&self, value: Value) -> Option<&Entry> {
        let views = self.views.iter().map(|view| &view.entry);
        let stored = self.stored.iter().map(|stored| &stored.entry);
        let all = self.entries.iter().chain([&self.before]).chain(views).chain(stored).chain(&self.after);
        all.into_iter().find(|entry| entry.value == value)
    }

    /// Returns the failed controls in words. If any control failed, no finding counts.
    pub fn failed_controls(&self) -> Vec<String> {
        let of_guest =
            self.disagreements.iter().map(|disagreement| format!("control failed: {disagreement}"));
        let of_kernel = self.kernel.iter().flat_map(|kernel| &kernel.controls);
        let of_kernel = of_kernel
            .filter(|control| !control.passed)
            .map(|control| format!("control failed: {}: {}", control.what, control.outcome));
        of_guest.chain(of_kernel).collect()
    }

    /// Returns the reasons why the result is not fully known; empty if it is.
    ///
    /// The findings of an incomplete run are valid, but there may be more.
    pub(crate) fn why_unknown(&self) -> Vec<String> {
        why_unknown(self.failed_controls(), self.incomplete.as_deref(), self.verdict)
    }

    /// Returns the findings whose shortest schedule this is.
    pub fn findings_under(&self, schedule: &str) -> Vec<&Finding> {
        self.findings.iter().filter(|finding| finding.schedule == schedule).collect()
    }

    /// The finding with the worst consequence; of several one of what a walker did, then the first.
    pub(crate) fn worst_finding(&self) -> Option<&Finding> {
        self.findings.iter().min_by_key(|finding| (self.severity_of(finding), !finding.name.is_deed()))
    }

    /// How bad the consequence of a finding is here.
    pub(crate) fn severity_of(&self, finding: &Finding) -> Severity {
        if let Some(severity) = finding.severity {
            return severity;
        }
        let definition = finding.name.definition();
        let mut on_view = self.outcomes_on(finding.view).peekable();
        let refused = on_view.peek().is_some() && on_view.all(|one| one.result == RoutineResult::Refused);
        definition.severity_if_refused.filter(|_| refused).unwrap_or(definition.severity)
    }

    /// The outcomes of the walker that rest on an entry.
    pub(crate) fn outcomes_on(&self, view: Value) -> impl Iterator<Item = &Outcome> + Clone {
        self.outcomes.iter().filter(move |outcome| outcome.decided_on.or(outcome.last_view) == Some(view))
    }

    /// The outcome of the walker on the view of a finding.
    pub(crate) fn outcome_on_view_of(&self, finding: &Finding) -> Option<&Outcome> {
        let mut outcomes = self.outcomes_on(finding.view);
        outcomes.clone().find(|outcome| outcome.schedule == finding.schedule).or_else(|| outcomes.next())
    }

    /// Returns the trace of a schedule, if the report has it: it has one for each behaviour.
    pub fn trace_under(&self, schedule: &str) -> Option<&Trace> {
        self.traces.iter().find(|trace| trace.schedule == schedule)
    }

    /// Returns the report with only the traces of its findings, each under the finding's shortest schedule.
    #[must_use]
    pub fn with_traces_of_findings(mut self) -> RunReport {
        let mut traces = std::mem::take(&mut self.traces);
        traces.retain(|trace| !self.findings_under(&trace.schedule).is_empty());
        if traces.is_empty() {
            self.entries.clear();
        }
        self.traces = traces;
        self
    }

    /// Returns the report without its traces, as comparisons list it.
    #[must_use]
    pub fn without_traces(&self) -> RunReport {
        RunReport { traces: Vec::new(), entries: Vec::new(), ..self.clone() }
    }
}

/// Returns the reasons why the result of a run or a sweep is not fully known.
///
/// If a control failed, only that is returned: the report may also be incomplete for the same reason.
pub(crate) fn why_unknown(failed: Vec<String>, incomplete: Option<&str>, verdict: Verdict) -> Vec<String> {
    if !failed.is_empty() {
        return failed;
    }
    match incomplete {
        Some(reason) => vec![format!("incomplete: {reason}")],
        None if verdict == Verdict::Unknown => vec!["the verdict is unknown".to_owned()],
        None => Vec::new(),
    }
}
