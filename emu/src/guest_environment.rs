//! The environment of a bundled guest or of a guest file.

use std::rc::Rc;

use pmdscope_arches::{Encoding, EntryMarks};
use pmdscope_guest::abi::Answers;
use pmdscope_guest::{Guest, Routine};

use crate::EmuError;
use crate::end::{CallBounds, CallExit};
use crate::engine_kind::EngineKind;
use crate::environment::{Control, Environment, Inspect, Job, Schedules, Setup};
use crate::exploration::{Bounds, Exploration};
use crate::machine::{self, Calls, Machine};

/// A guest on its machine, with the encoding of its entries.
pub struct GuestEnvironment {
    machine: Machine,
    encoding: Encoding,
}

impl GuestEnvironment {
    /// Creates a machine with a guest in memory, run by an engine.
    ///
    /// # Errors
    /// [`EmuError::NoCpu`] if the engine has no such CPU, [`EmuError::Guest`] if the guest lacks a function
    /// that every guest must have.
    pub fn new(guest: Guest, encoding: Encoding, engine: EngineKind) -> Result<Self, EmuError> {
        Ok(GuestEnvironment { machine: Machine::on(Some(engine), guest)?, encoding })
    }

    /// Converts a job to calls, and passes them to `run` with the machine.
    fn with_calls<T>(
        &mut self,
        job: &Job<'_>,
        run: impl FnOnce(&mut Machine, &Calls<'_>) -> Result<T, EmuError>,
    ) -> Result<T, EmuError> {
        let walker = job.walker.ok_or_else(|| {
            EmuError::Environment("a guest runs a writer against a walker, never a writer alone".to_owned())
        })?;
        let others: Vec<&str> = job.others.iter().map(|routine| routine.symbol()).collect();
        let calls = Calls {
            entry: job.entry,
            writer: job.writer.symbol(),
            walker: walker.symbol(),
            others: &others,
            env: machine::env(&self.encoding),
            pmd_shift: self.encoding.layout().pmd_shift,
            pfn: job.pfn,
        };
        run(&mut self.machine, &calls)
    }
}

impl Inspect for GuestEnvironment {
    fn symbol_at(&self, pc: u64) -> Option<(&str, u64)> {
        self.machine.guest().symbol_at(pc)
    }

    fn instruction(&self, pc: u64) -> Rc<str> {
        self.machine.instruction(pc)
    }

    fn is_in_table(&self, _: u64) -> bool {
        // Nothing else is watched.
        true
    }

    fn describe(&self, address: u64) -> String {
        format!("the word at {address:#x}")
    }

    fn explain(&self, end: CallExit) -> String {
        end.to_string()
    }

    fn references_of(&self, _: u64) -> u64 {
        1
    }
}

impl Environment for GuestEnvironment {
    fn encoding(&self) -> &Encoding {
        &self.encoding
    }

    fn entry_address(&self) -> u64 {
        self.machine.entry_address()
    }

    fn installed_table(&self) -> u64 {
        machine::installed_table(&self.encoding)
    }

    fn only_table(&self) -> Option<u64> {
        None
    }

    /// Returns no controls. Instead, the guest's own predicates are compared with the model on every entry that
    /// occurs.
    fn controls(&mut self) -> Result<Vec<Control>, EmuError> {
        Ok(Vec::new())
    }

    fn explore(
        &mut self,
        job: &Job<'_>,
        bounds: &Bounds,
        schedules: Schedules<'_>,
    ) -> Result<Exploration, EmuError> {
        self.with_calls(job, |machine, calls| match schedules {
            Schedules::All(reduction) => machine.explore(calls, bounds, reduction),
            Schedules::One(schedule) => machine.explore_one(calls, bounds, schedule),
        })
    }

    /// See [`Environment::filled`]. Bundled guests fill nothing: nobody can see the table before it is installed.
    fn filled(&mut self, job: &Job<'_>, bounds: CallBounds) -> Result<Vec<u64>, EmuError> {
        self.with_calls(job, |machine, calls| machine.filled(calls, bounds))
    }

    fn survey(&mut self, entries: &[u64]) -> Result<Option<Vec<Answers>>, EmuError> {
        self.machine.survey(entries, &machine::env(&self.encoding)).map(Some)
    }

    /// Returns no marks for bundled writers: a split hands them on in the old entry that it returns.
    ///
    /// Returns all marks for a declared writer. Its declaration does not say which marks it drops, so it is not
    /// judged by them.
    fn may_drop(&self, writer: &Routine, _: u64) -> EntryMarks {
        if writer.declared { EntryMarks::ALL } else { EntryMarks::default() }
    }

    fn setup(&self) -> Option<Setup> {
        None
    }
}
