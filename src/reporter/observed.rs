//! The observations that findings are judged from, gathered over all runs.

use std::collections::BTreeSet;

use pmdscope_emu::{Access, AccessKind, CLEARS_BAD, CallExit, Run, WALKER, WRITER};
use pmdscope_guest::Role;
use pmdscope_traces as traces;
use pmdscope_traces::{Marked, Overwritten, Value, View, WriterChange, WriterSteps};

use super::Reporter;
use crate::tally::Tally;

impl Reporter<'_> {
    /// Returns the stores of walkers, which should only read.
    pub(super) fn overwritten(&self, walker: &str) -> Vec<Overwritten> {
        let further = (WALKER + 1..).zip(self.with).filter(|(_, with)| with.role == Role::Walker);
        let readers: Vec<(u8, &str)> =
            [(WALKER, walker)].into_iter().chain(further.map(|(cpu, with)| (cpu, with.name))).collect();
        let mut overwritten = Tally::default();
        for run in &self.exploration.runs {
            for (reader, name) in &readers {
                let mut seen = Vec::new();
                for (_, access) in self.accesses(run).filter(|(cpu, _)| cpu == reader) {
                    if access.loads {
                        seen.push(Value(access.before));
                    }
                    let Some(pc) = access.store_pc.filter(|_| access.before != access.after) else {
                        continue;
                    };
                    if *reader != WALKER || self.walker_only_reads || self.clears_bad(pc) {
                        overwritten.add((*name, seen.clone(), access.before, access.after), run);
                    }
                }
            }
        }
        overwritten
            .into_iter()
            .map(|((by, seen, found, after), schedules, schedule)| Overwritten {
                by: by.to_owned(),
                seen,
                installed: found != self.start.value && self.is_installed(found),
                found: self.entry(found),
                after: self.entry(after),
                schedules,
                schedule,
            })
            .collect()
    }

    /// Whether an instruction clears an entry that the walker takes for bad.
    fn clears_bad(&self, pc: u64) -> bool {
        let by_role = self.walker.is_some_and(|walker| walker.symbols.contains(&CLEARS_BAD));
        !by_role && self.inspect.symbol_at(pc).is_some_and(|(symbol, _)| symbol == CLEARS_BAD)
    }

    /// Returns the changes that the writer made to the entry.
    pub(super) fn writer_changes(&self) -> Vec<WriterChange> {
        let mut changes = Tally::default();
        for run in &self.exploration.runs {
            changes.add(self.writer_steps(run), run);
        }
        changes
            .into_iter()
            .map(|(steps, schedules, schedule)| WriterChange { steps, schedules, schedule })
            .collect()
    }

    fn writer_steps(&self, run: &Run) -> WriterSteps {
        // The writer computes its store from the value that it loaded before, if it loaded one. An atomic also
        // returns bits that others have set meanwhile.
        let mut read = None;
        let mut steps = WriterSteps {
            read: Value(self.start.value),
            found: None,
            stored: Vec::new(),
            installed: None,
            returned: self.returned(run),
            ended: run.writer.end == CallExit::Returned,
        };
        for (_, access) in self.accesses(run).filter(|(cpu, _)| *cpu == WRITER) {
            let (before, after) = (Value(access.before), Value(access.after));
            // A compare-and-exchange that fails stores nothing, though the engine reports a store.
            let stores = access.store_pc.is_some() && (before != after || access.kind == AccessKind::Store);
            if !stores {
                if steps.found.is_none() {
                    read = Some(before);
                }
                continue;
            }
            if steps.found.is_none() {
                steps.found = Some(before);
                steps.read = read.unwrap_or(before);
            }
            if after.0 != self.start.value && self.is_installed(after.0) {
                steps.installed = Some(after);
            } else {
                steps.stored.push(after);
            }
        }
        if steps.found.is_none() {
            steps.read = read.unwrap_or(steps.read);
        }
        steps
    }

    /// Returns the changes that agents made to the entry.
    ///
    /// An agent plays the MMU. Only its changes are ones that must not be lost.
    pub(super) fn marked(&self) -> Vec<Marked> {
        let mut marked = Tally::default();
        for run in &self.exploration.runs {
            let returned = self.returned(run);
            for (cpu, access) in self.accesses(run) {
                let is_agent = match cpu {
                    WRITER => false,
                    WALKER => self.walker_is_agent(),
                    other => self.with[usize::from(other) - 2].role == Role::Agent,
                };
                if is_agent && access.before != access.after {
                    let (before, after) = (Value(access.before), Value(access.after));
                    marked.add((before, after, returned, Value(run.after)), run);
                }
            }
        }
        marked
            .into_iter()
            .map(|((before, after, returned, in_the_end), schedules, schedule)| Marked {
                before,
                after,
                returned,
                in_the_end,
                schedules,
                schedule,
            })
            .collect()
    }

    /// Returns the distinct entries that the walker's loads returned, in the order in which runs first show them.
    pub(super) fn views(&self) -> Vec<View> {
        let mut views = Tally::default();
        // An agent is no code that could take an entry for something else.
        if self.walker_is_agent() {
            return Vec::new();
        }
        for run in &self.exploration.runs {
            let loads = self.accesses(run).filter(|(cpu, access)| *cpu == WALKER && access.loads);
            let seen: BTreeSet<u64> = loads.map(|(_, access)| access.before).collect();
            for value in seen {
                views.add(value, run);
            }
        }
        let start = self.start.value;
        views
            .into_iter()
            .map(|(value, schedules, schedule)| View {
                entry: self.entry(value),
                changes: traces::changes(self.encoding, start, value),
                schedules,
                schedule,
                by_walker: self.stored_by_walker(value),
                installed: value != start && self.is_installed(value),
            })
            .collect()
    }

    /// Returns the old entry that the writer returned, if it returns one.
    fn returned(&self, run: &Run) -> Option<Value> {
        let outcome = run.writer.outcome.filter(|_| self.writer.returns_entry)?;
        Some(Value(outcome.entry))
    }

    /// Whether a writer installed this entry in place of the original entry.
    ///
    /// An installed entry is not a changed form of the original one.
    pub(super) fn is_installed(&self, entry: u64) -> bool {
        self.installed.contains(&entry)
    }

    fn stored_by_walker(&self, value: u64) -> bool {
        let stores = |access: &Access| access.store_pc.is_some() && access.after == value;
        let by = |cpu| {
            self.exploration
                .runs
                .iter()
                .any(|run| self.accesses(run).any(|(who, access)| who == cpu && stores(access)))
        };
        by(WALKER) && !by(WRITER)
    }
}
