//! What is run, ready to be explored: the same for bundled guests, guest files and kernels.

use std::rc::Rc;

use pmdscope_arches::{Encoding, EntryMarks};
use pmdscope_explore::Schedule;
use pmdscope_guest::Routine;
use pmdscope_guest::abi::Answers;

use crate::EmuError;
use crate::end::{CallBounds, CallExit};
use crate::exploration::{Bounds, Exploration, Reduction};

/// The routines to run against each other, and the entry that all begin with.
#[derive(Debug, Clone, Copy)]
pub struct Job<'a> {
    /// The entry, in CPU order.
    pub entry: u64,
    /// The page that the entry is about, whose struct page must exist. A kernel has one such page, which was chosen
    /// when its environment was set up.
    pub pfn: u64,
    /// The routine of CPU 0.
    pub writer: &'static Routine,
    /// The routine of CPU 1; `None` if the writer is to run alone.
    pub walker: Option<&'static Routine>,
    /// The routines of the CPUs after these.
    pub others: &'a [&'static Routine],
}

/// Which schedules to run.
#[derive(Debug, Clone, Copy)]
pub enum Schedules<'a> {
    /// Every one.
    All(Reduction),
    /// This one only.
    One(&'a Schedule),
}

/// Names what is at addresses of a guest or kernel.
pub trait Inspect {
    /// The function that an address lies in, and how far from its start.
    fn symbol_at(&self, pc: u64) -> Option<(&str, u64)>;
    /// The text of the instruction at `pc`, or that no memory is there.
    fn instruction(&self, pc: u64) -> Rc<str>;
    /// Whether an address that was accessed is in the PMD table.
    fn is_in_table(&self, address: u64) -> bool;
    /// What lies at an address that events have, in words.
    fn describe(&self, address: u64) -> String;
    /// How a call ended, in words.
    fn explain(&self, end: CallExit) -> String;
    /// How many references a page has before anything runs.
    fn references_of(&self, pfn: u64) -> u64;
}

/// Machine code in memory, with all that its routines work on.
pub trait Environment: Inspect {
    /// The encoding of its entries. A kernel's has the size of pages and the migration types that were found in it.
    fn encoding(&self) -> &Encoding;

    /// The address of the entry, as events have it.
    fn entry_address(&self) -> u64;

    /// The entry that a split stores when it installs its page table, in CPU order.
    fn installed_table(&self) -> u64;

    /// The entry of kind `table` to begin with, where routines walk the table that it points to; `None` if any will do.
    fn only_table(&self) -> Option<u64>;

    /// Runs the controls: runs whose outcomes are known. If one fails, nothing else counts.
    ///
    /// # Errors
    /// If the engine fails.
    fn controls(&mut self) -> Result<Vec<Control>, EmuError>;

    /// Runs a job under every schedule, or under one.
    ///
    /// # Errors
    /// If it lacks a routine, a routine does not repeat itself, or the one schedule does not fit the routines: then
    /// which turn, and which CPUs could go on there.
    fn explore(
        &mut self,
        job: &Job<'_>,
        bounds: &Bounds,
        schedules: Schedules<'_>,
    ) -> Result<Exploration, EmuError>;

    /// The entries of the page table that a job's writer fills when it runs alone, in CPU order, without those that it
    /// leaves as they were.
    ///
    /// # Errors
    /// If it lacks the routine, or the engine fails.
    fn filled(&mut self, job: &Job<'_>, bounds: CallBounds) -> Result<Vec<u64>, EmuError>;

    /// What the compiled predicates of a guest answer about entries; `None` for a kernel, which has them inlined
    /// everywhere.
    ///
    /// # Errors
    /// If the guest's survey function does not return.
    fn survey(&mut self, entries: &[u64]) -> Result<Option<Vec<Answers>>, EmuError>;

    /// The marks of the entry before that what a writer installs need not have: they are kept elsewhere, or dropped on
    /// purpose.
    fn may_drop(&self, writer: &Routine) -> EntryMarks;

    /// What a kernel's routines rest on; `None` for a guest, for which nothing is set up or assumed.
    fn setup(&self) -> Option<Setup>;
}

/// A run whose outcome is known. It shows whether the environment is right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Control {
    /// What is run on what.
    pub what: String,
    /// Its outcome, in words.
    pub outcome: String,
    /// Whether that is the known outcome.
    pub passed: bool,
}

/// A function of a kernel that is answered for instead of being run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stub {
    /// Its symbol.
    pub symbol: &'static str,
    /// What it returns; `None` if nothing.
    pub returns: Option<u64>,
    /// Whether a call of it is recorded as a flush of translations.
    pub flushes: bool,
    /// Why it is not run.
    pub why: &'static str,
}

/// What was set up for a kernel's routines.
#[derive(Debug, Clone)]
pub struct Setup {
    /// Functions that are answered for instead of being run.
    pub stubs: Vec<Stub>,
    /// What was set up, found out or assumed, in words.
    pub assumptions: Vec<String>,
    /// Words beside the PMD table that both routines use, in words. Schedules go over their accesses as well.
    pub shared: Vec<String>,
}
