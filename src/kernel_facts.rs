//! Facts that only runs of kernels have: controls, stubs, assumptions, and whether the split has the fix.

use std::collections::BTreeSet;

use pmdscope_arches::{Encoding, Form};
use pmdscope_emu::{self as emu, Action, CallExit, Exploration, Setup, WRITER};
use pmdscope_guest::Routine;
use pmdscope_traces::{Control, Hex, Invalidated, KernelFacts, KernelWarning, SplitGuard, Stub, Value};

use crate::reporter::accesses;
use crate::subject::Subject;
use crate::tally::Tally;

/// Returns the facts that are known before anything runs: the functions of the routines.
pub fn of_functions(subject: &Subject, writer: &Routine, walker: Option<&Routine>) -> KernelFacts {
    KernelFacts {
        writer_function: subject.function_of(writer).to_owned(),
        walker_function: walker.map(|walker| subject.function_of(walker).to_owned()),
        split: SplitGuard::Unknown,
        stored_before_table: Vec::new(),
        invalidated: Vec::new(),
        warnings: Vec::new(),
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
    /// Address of the entry, as in events.
    pub entry_address: u64,
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
        let KernelObservation { setup, controls, exploration, entry_address } = self;
        let Setup { stubs, assumptions, shared } = setup;
        // A split that reached a BUG() did not show what it would have stored.
        let ended = exploration.runs.iter().all(|run| run.writer.end == CallExit::Returned);
        let stored_before_table = match split && ended && controls.iter().all(|control| control.passed) {
            true => Some(stored_before_table(exploration, entry_address, encoding)),
            false => None,
        };
        KernelFacts {
            split: match &stored_before_table {
                None => SplitGuard::Unknown,
                Some(stored) if stored.is_empty() => SplitGuard::Guarded,
                Some(_) => SplitGuard::Vulnerable,
            },
            stored_before_table: stored_before_table.unwrap_or_default(),
            invalidated: invalidated(exploration, encoding),
            warnings: warnings(exploration),
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

/// Returns the values other than a page table that the writer stored to the entry, each once, in order.
///
/// Atomics that stored the value they had read count as well: what matters is that the entry was not left alone.
fn stored_before_table(exploration: &Exploration, entry_address: u64, encoding: &Encoding) -> Vec<Value> {
    let is_table = |entry: &u64| encoding.form(*entry) == Form::Table;
    let stores = exploration.runs.iter().flat_map(accesses).filter(|(cpu, access)| {
        *cpu == WRITER && access.store_pc.is_some() && access.address & !7 == entry_address
    });
    let mut stored = Vec::new();
    for value in stores.map(|(_, access)| access.after).filter(|after| !is_table(after)).map(Value) {
        if !stored.contains(&value) {
            stored.push(value);
        }
    }
    stored
}

/// Returns the places of the kernel's own warnings.
fn warnings(exploration: &Exploration) -> Vec<KernelWarning> {
    let mut warnings = Tally::default();
    for run in &exploration.runs {
        let places: BTreeSet<&str> = run
            .events
            .iter()
            .filter_map(|event| match &event.what {
                Action::KernelWarning { place } => Some(&**place),
                _ => None,
            })
            .collect();
        for place in places {
            warnings.add(place.to_owned(), run);
        }
    }
    warnings.into_iter().map(|(place, schedules, _)| KernelWarning { place, schedules }).collect()
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
            present: encoding.is_present(entry),
            schedules,
        })
        .collect()
}
