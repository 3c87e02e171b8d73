//! Outcomes of routines: each distinct one once.

use std::collections::BTreeSet;

use pmdscope_emu::{Action, CallExit, CallResult, Run, WALKER, WRITER};
use pmdscope_guest::abi::Outcome as GuestOutcome;
use pmdscope_guest::{Check, PastPresent, WalkResult};
use pmdscope_traces::{Count, Divergence, Hex, Outcome, RoutineResult, Value, Warning};

use super::Reporter;
use crate::tally::Tally;

impl Reporter<'_> {
    pub(super) fn outcomes(&self, cpu: u8) -> Vec<Outcome> {
        self.outcomes_in(cpu, |_, _| true)
    }

    /// Returns the outcomes of some runs.
    pub(super) fn outcomes_in(&self, cpu: u8, counts: impl Fn(&Run, &Outcome) -> bool) -> Vec<Outcome> {
        let mut outcomes = Tally::default();
        for run in &self.exploration.runs {
            let outcome = self.outcome_of(run, cpu);
            if counts(run, &outcome) {
                outcomes.add(outcome, run);
            }
        }
        outcomes
            .into_iter()
            .map(|(outcome, schedules, schedule)| Outcome { schedules, schedule, ..outcome })
            .collect()
    }

    pub(super) fn outcome_of(&self, run: &Run, cpu: u8) -> Outcome {
        let loads = self.accesses(run).filter(|(who, access)| *who == cpu && access.loads);
        let last = loads.last().map(|(_, access)| Value(access.before));
        self.outcome(cpu, ended(run, cpu), last, Some(run))
    }

    pub(super) fn outcome(
        &self,
        cpu: u8,
        ended: &CallResult,
        last_view: Option<Value>,
        run: Option<&Run>,
    ) -> Outcome {
        let none = Outcome {
            result: match ended.end {
                CallExit::Sleeps { .. } => RoutineResult::Wait,
                end if end.is_bound() => RoutineResult::Unknown,
                _ => RoutineResult::Crash,
            },
            stopped_by: None,
            pfn: None,
            size: None,
            returned: None,
            decided_on: None,
            last_view,
            ended: Some(self.inspect.explain(ended.end)),
            past_present: false,
            schedules: Count::default(),
            schedule: String::new(),
        };
        let Some(outcome) = &ended.outcome else { return none };
        if self.is_called_by_type(cpu) && outcome.result == WalkResult::Old {
            return Outcome {
                result: RoutineResult::Returned,
                returned: Some(Hex(outcome.size)),
                decided_on: Some(Value(outcome.entry)),
                last_view: None,
                ended: None,
                past_present: self.is_past_present(run, outcome),
                ..none
            };
        }
        Outcome {
            result: result_of(outcome.result, self.writer.returns_entry),
            stopped_by: Some(outcome.check).filter(|check| *check != Check::NoCheck),
            pfn: outcome.pfn.map(Hex),
            size: (outcome.size != 0).then_some(outcome.size),
            decided_on: Some(Value(outcome.entry)),
            last_view: None,
            ended: None,
            past_present: self.is_past_present(run, outcome),
            ..none
        }
    }

    /// Whether the routine of a CPU is a function of a kernel that is called by its types: unless its name says how that
    /// reads, nothing is known of what it returns.
    fn is_called_by_type(&self, cpu: u8) -> bool {
        let routine = if cpu == WRITER { Some(self.writer) } else { self.walker.filter(|_| cpu == WALKER) };
        routine.is_some_and(|routine| routine.declared && routine.past_present == PastPresent::Path)
    }

    /// Whether the walker went past its present check.
    fn is_past_present(&self, run: Option<&Run>, outcome: &GuestOutcome) -> bool {
        let Some(walker) = self.walker else { return false };
        match walker.past_present {
            PastPresent::Checks(checks) => checks.contains(&outcome.check),
            PastPresent::Path => {
                let present = |entry| self.encoding.is_present(entry);
                let left = run.is_some_and(|run| run.divergence.is_some());
                let decided_on = outcome.entry;
                left && !present(self.start.value) && present(decided_on) && !self.is_installed(decided_on)
            }
        }
    }

    pub(super) fn divergences(&self) -> Vec<Divergence> {
        let mut divergences = Tally::default();
        for run in &self.exploration.runs {
            if let Some(divergence) = run.divergence {
                let decided_on = run.walker.outcome.map(|outcome| Value(outcome.entry));
                divergences.add((decided_on, divergence), run);
            }
        }
        divergences
            .into_iter()
            .map(|((decided_on, divergence), schedules, _)| Divergence {
                decided_on,
                pc: divergence.pc.map(Hex),
                symbol: divergence.pc.map(|pc| self.symbol(pc)),
                instruction: divergence.pc.map(|pc| self.instruction(pc)),
                instead_of: divergence.instead_of.map(Hex),
                schedules,
            })
            .collect()
    }

    pub(super) fn warnings(&self) -> Vec<Warning> {
        let mut warnings = Tally::default();
        for run in &self.exploration.runs {
            let warned: BTreeSet<u64> = run
                .events
                .iter()
                .filter_map(|event| match event.what {
                    Action::Warning { entry } => Some(entry),
                    _ => None,
                })
                .collect();
            for entry in warned {
                warnings.add(entry, run);
            }
        }
        warnings.into_iter().map(|(entry, schedules, _)| Warning { entry: Value(entry), schedules }).collect()
    }
}

/// Converts the result of a guest's or kernel's routine to the result in reports.
const fn result_of(result: WalkResult, returns_entry: bool) -> RoutineResult {
    match result {
        WalkResult::Refused => RoutineResult::Refused,
        WalkResult::Page => RoutineResult::Page,
        WalkResult::Leaf => RoutineResult::Leaf,
        WalkResult::Table => RoutineResult::Table,
        WalkResult::Wait => RoutineResult::Wait,
        WalkResult::Fault => RoutineResult::Fault,
        WalkResult::Retry => RoutineResult::Retry,
        WalkResult::Old if returns_entry => RoutineResult::Old,
        WalkResult::Old => RoutineResult::Returned,
        WalkResult::Mapped => RoutineResult::Mapped,
        WalkResult::Migrating => RoutineResult::Migrating,
        WalkResult::Unsplit => RoutineResult::Unsplit,
        WalkResult::Marked => RoutineResult::Marked,
    }
}

/// Returns how the call on a CPU ended.
fn ended(run: &Run, cpu: u8) -> &CallResult {
    match cpu {
        WRITER => &run.writer,
        WALKER => &run.walker,
        other => &run.others[usize::from(other - WALKER - 1)],
    }
}
