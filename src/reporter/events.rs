//! Traces: one for each behaviour.

use num_bigint::BigUint;
use pmdscope_arches::{ByteOrder, Encoding};
use pmdscope_emu::{self as emu, Access, AccessKind, Action, CallResult, Run, WALKER, WRITER};
use pmdscope_traces as traces;
use pmdscope_traces::{Count, Event, Hex, References, Trace, Value};

use super::{Reporter, accesses};
use crate::tally::Tally;

impl Reporter<'_> {
    /// Returns one trace for each behaviour, that of its shortest schedule.
    ///
    /// Two runs have the same behaviour if each routine read the same values and had the same outcome, and the
    /// entry had the same value in the end, whatever the order.
    pub(super) fn behaviours(&self) -> Vec<Trace> {
        let mut behaviours = Tally::default();
        for (at, run) in self.exploration.runs.iter().enumerate() {
            let mut reads: Vec<(u8, u64)> = accesses(run)
                .filter(|(_, access)| access.loads)
                .map(|(cpu, access)| (cpu, access.before))
                .collect();
            reads.sort_by_key(|(cpu, _)| *cpu);
            let ends: Vec<CallResult> =
                [run.writer, run.walker].into_iter().chain(run.others.iter().copied()).collect();
            behaviours.add_as((reads, ends, run.after), run, at);
        }
        behaviours
            .into_entries()
            .map(|entry| self.trace(&self.exploration.runs[entry.of], entry.schedules))
            .collect()
    }

    fn trace(&self, run: &Run, schedules: BigUint) -> Trace {
        Trace {
            schedule: run.schedule.to_string(),
            schedules: Count(schedules),
            events: run.events.iter().map(|event| self.event(event)).collect(),
            writer: self.outcome_of(run, WRITER),
            walker: self.outcome_of(run, WALKER),
            with: self.others().map(|cpu| self.outcome_of(run, cpu)).collect(),
            references: run
                .references
                .iter()
                .map(|(pfn, references)| References {
                    pfn: Hex(*pfn),
                    before: self.inspect.references_of(*pfn),
                    references: *references,
                })
                .collect(),
        }
    }

    fn event(&self, event: &emu::Event) -> Event {
        let what = match &event.what {
            Action::Flush => traces::EventKind::Flush,
            Action::KernelWarning { place } => traces::EventKind::KernelWarning { place: place.to_string() },
            Action::Warning { entry } => traces::EventKind::Warning { entry: Value(*entry) },
            Action::Call { function, entry } => {
                traces::EventKind::Call { function: function.to_string(), entry: Value(*entry) }
            }
            Action::Access(access) if !self.inspect.is_in_table(access.address) => {
                traces::EventKind::Elsewhere {
                    place: self.inspect.describe(access.address),
                    access: match access.kind {
                        AccessKind::Load => traces::AccessKind::Load,
                        AccessKind::Store => traces::AccessKind::Store,
                        AccessKind::Atomic => traces::AccessKind::Atomic,
                    },
                    before: Value(access.before),
                    after: Value(access.after),
                }
            }
            Action::Access(access) => {
                let changes = || traces::changes(self.encoding, access.before, access.after);
                let (before, after) = (Value(access.before), Value(access.after));
                let raw = |entry| Value(raw_order(self.encoding, entry));
                match access.kind {
                    AccessKind::Load => traces::EventKind::Load { raw: raw(access.before), entry: before },
                    AccessKind::Store => {
                        traces::EventKind::Store { raw: raw(access.after), before, after, changes: changes() }
                    }
                    AccessKind::Atomic => traces::EventKind::Atomic {
                        raw: raw(access.after),
                        store_pc: access.store_pc.map(Hex),
                        before,
                        after,
                        changes: changes(),
                    },
                }
            }
        };
        let mut instruction = self.instruction(event.pc);
        if let Action::Access(Access { store_pc: Some(second), .. }) = event.what
            && second != event.pc
        {
            instruction = format!("{instruction} .. {}", self.instruction(second));
        }
        Event { cpu: event.cpu, pc: Hex(event.pc), symbol: self.symbol(event.pc), instruction, what }
    }
}

/// Converts an entry to the byte order of the CPU's own load: `pmd_raw()`.
fn raw_order(encoding: &Encoding, entry: u64) -> u64 {
    let arch = encoding.arch();
    if ByteOrder::of(arch) == ByteOrder::of_entries(arch) { entry } else { entry.swap_bytes() }
}
