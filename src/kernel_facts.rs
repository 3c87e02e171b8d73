//! Facts that only runs of kernels have: controls, stubs, assumptions, and whether the split has the fix.

use std::collections::BTreeSet;

use pmdscope_arches::Encoding;
use pmdscope_emu::{self as emu, Action, Exploration, Setup};
use pmdscope_guest::Routine;
use pmdscope_traces::{Control, Hex, Invalidated, KernelFacts, SplitGuard, Stub, Value};

use crate::subject::Subject;
use crate::tally::Tally;

/// Returns the facts that are known before anything runs: the functions of the routines.
pub fn of_functions(subject: &Subject, writer: &Routine, walker: Option<&Routine>) -> KernelFacts {
    KernelFacts {
        writer_function: subject.function_of(writer).to_owned(),
        walker_function: walker.map(|walker| subject.function_of(walker).to_owned()),
        split: SplitGuard::Unknown,
        invalidated: Vec::new(),
        controls: Vec::new(),
        stubs: Vec::new(),
        assumptions: match subject {
            Subject::Kernel(kernel) => kernel.assumption().into_iter().collect(),
            Subject::Guest(_) => Vec::new(),
        },
        shared: Vec::new(),
    }
}

/// The observations of a kernel beside its entry.
pub struct KernelObservation<'a> {
    /// What was set up for its routines.
    pub setup: Setup,
    /// The results of the controls.
    pub controls: Vec<emu::Control>,
    /// The explored runs.
    pub exploration: &'a Exploration,
}

impl KernelObservation<'_> {
    /// Returns the facts for a report.
    ///
    /// `beyond_callers` is a note that the writer was given an entry that no caller gives it. `split` says whether
    /// a split ran on a migration entry under every schedule.
    pub fn facts(
        self,
        functions: KernelFacts,
        beyond_callers: Option<String>,
        encoding: &Encoding,
        split: bool,
    ) -> KernelFacts {
        let KernelObservation { setup: Setup { stubs, assumptions, shared }, controls, exploration } = self;
        let invalidated = invalidated(exploration, encoding);
        let trusted = controls.iter().all(|control| control.passed);
        KernelFacts {
            split: match split && trusted {
                false => SplitGuard::Unknown,
                true if invalidated.iter().any(|entry| !entry.present) => SplitGuard::Vulnerable,
                true => SplitGuard::Guarded,
            },
            invalidated,
            controls: controls
                .into_iter()
                .map(|emu::Control { what, outcome, passed }| Control { what, outcome, passed })
                .collect(),
            stubs: stubs
                .iter()
                .map(|stub| Stub {
                    function: stub.symbol.to_owned(),
                    returns: stub.returns.map(Hex),
                    why: stub.why.to_owned(),
                })
                .collect(),
            assumptions: functions.assumptions.into_iter().chain(beyond_callers).chain(assumptions).collect(),
            shared,
            writer_function: functions.writer_function,
            walker_function: functions.walker_function,
        }
    }
}

/// Returns the calls of functions that invalidate an entry, with the entry at the time of the call.
fn invalidated(exploration: &Exploration, encoding: &Encoding) -> Vec<Invalidated> {
    let mut calls = Tally::default();
    for run in &exploration.runs {
        let mut seen = BTreeSet::new();
        for event in &run.events {
            if let Action::Call { function, entry } = &event.what
                && seen.insert((function.to_string(), *entry))
            {
                calls.add((function.to_string(), *entry), run);
            }
        }
    }
    calls
        .into_iter()
        .map(|((function, entry), schedules, _)| Invalidated {
            function,
            entry: Value(entry),
            present: (encoding.layout().predicates.present)(entry),
            schedules,
        })
        .collect()
}
