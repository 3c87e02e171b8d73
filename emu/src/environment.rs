//! Environments: one interface to bundled guests, guest files and kernels, ready to be explored.

use std::rc::Rc;

use pmdscope_arches::{Encoding, EntryMarks};
use pmdscope_explore::Schedule;
use pmdscope_guest::Routine;
use pmdscope_guest::abi::Answers;

use crate::EmuError;
use crate::end::{CallBounds, CallExit};
use crate::exploration::{Bounds, Exploration, Reduction};

/// The routines to run against each other, and the entry that they all begin with.
#[derive(Debug, Clone, Copy)]
pub struct Job<'a> {
    /// The entry, in CPU order.
    pub entry: u64,
    /// Page frame number of the entry's page, whose struct page must exist.
    ///
    /// A kernel ignores it: its page was chosen when its environment was set up.
    pub pfn: u64,
    /// The routine of CPU 0.
    pub writer: &'static Routine,
    /// The routine of CPU 1; `None` to run the writer alone.
    pub walker: Option<&'static Routine>,
    /// The routines of CPU 2 and above.
    pub others: &'a [&'static Routine],
}

/// Which schedules to run.
#[derive(Debug, Clone, Copy)]
pub enum Schedules<'a> {
    /// Every schedule.
    All(Reduction),
    /// Only this schedule.
    One(&'a Schedule),
}

/// Describes the addresses of a guest or kernel.
pub trait Inspect {
    /// Returns the function that contains `pc`, and the distance of `pc` from its start.
    fn symbol_at(&self, pc: u64) -> Option<(&str, u64)>;
    /// Returns the text of the instruction at `pc`, or says that no memory is there.
    fn instruction(&self, pc: u64) -> Rc<str>;
    /// Whether an accessed address is in the PMD table.
    fn is_in_table(&self, address: u64) -> bool;
    /// Whether an accessed address is in the entry. A walk may read entries beside it.
    fn is_in_entry(&self, address: u64) -> bool {
        self.is_in_table(address)
    }
    /// Returns a word at an address, given as in events, as it is compared: a lock that nobody holds may have one of many
    /// values, and an entry may lead to one of many new tables.
    fn comparable(&self, _address: u64, word: u64) -> u64 {
        word
    }
    /// Describes in words what lies at an address, given as in events.
    fn describe(&self, address: u64) -> String;
    /// Describes in words how a call ended.
    fn explain(&self, end: CallExit) -> String;
    /// Whether a routine crashed that ended so. If not, memory may just lack its setup.
    fn is_crash(&self, cpu: u8, end: CallExit) -> bool {
        end.is_crash_of(cpu)
    }
    /// Returns the page whose number of references is in a word at an address, given as in events, and that number.
    fn references_in(&self, _address: u64, _word: u64) -> Option<(u64, u32)> {
        None
    }
    /// Returns the number of references that a page has before a run.
    fn references_of(&self, pfn: u64) -> u64;
}

/// Machine code in memory, with everything that its routines work on.
pub trait Environment: Inspect {
    /// Returns the encoding of its entries. For a kernel, it has the page size and the migration types found in
    /// that kernel.
    fn encoding(&self) -> &Encoding;

    /// Returns the address of the entry, as in events.
    fn entry_address(&self) -> u64;

    /// Returns the entry that a split stores to install its page table, in CPU order.
    fn installed_table(&self) -> u64;

    /// Returns the only entry of kind `table` to begin with, if routines walk the table that it points to; `None`
    /// if any such entry will do.
    fn only_table(&self) -> Option<u64>;

    /// Runs the controls, which are runs with known outcomes. If a control fails, no other result counts.
    ///
    /// # Errors
    /// If the engine fails.
    fn controls(&mut self) -> Result<Vec<Control>, EmuError>;

    /// Runs a job under every schedule, or under one.
    ///
    /// # Errors
    /// - [`EmuError::Guest`] or [`EmuError::Environment`] if a routine is missing.
    /// - [`EmuError::NotAsRecorded`] if a routine does not repeat itself.
    /// - [`EmuError::ScheduleMisfit`] or [`EmuError::ScheduleEnds`] if the one schedule does not fit the routines.
    ///   They name the turn, and the CPUs that could go on there.
    fn explore(
        &mut self,
        job: &Job<'_>,
        bounds: &Bounds,
        schedules: Schedules<'_>,
    ) -> Result<Exploration, EmuError>;

    /// Runs a job's writer alone, and returns the page-table entries that it fills, in CPU order.
    ///
    /// Entries that it leaves unchanged are not returned.
    ///
    /// # Errors
    /// If the routine is missing, or the engine fails.
    fn filled(&mut self, job: &Job<'_>, bounds: CallBounds) -> Result<Vec<u64>, EmuError>;

    /// Returns the answers of a guest's compiled predicates for each entry; `None` for a kernel, which has its
    /// predicates inlined everywhere.
    ///
    /// # Errors
    /// If the guest's survey function does not return.
    fn survey(&mut self, entries: &[u64]) -> Result<Option<Vec<Answers>>, EmuError>;

    /// Returns the marks of the original entry that a writer may drop from the entry it installs: it keeps them
    /// elsewhere, or drops them on purpose.
    fn may_drop(&self, writer: &Routine, entry: u64) -> EntryMarks;

    /// Whether a walker only reads entries by its role, and does not change them.
    fn only_reads(&self, _: &Routine) -> bool {
        true
    }

    /// Whether an entry that a routine left is one that it installs, not a changed form of what was there.
    ///
    /// For a function that is called by its types this is seen: the entry leads to memory that the process has, or the
    /// function stores the same over entries that differ.
    fn installs(&self, _: &Routine, _: u64) -> bool {
        true
    }

    /// Returns what was set up and assumed for a kernel's routines; `None` for a guest, for which nothing is.
    fn setup(&self) -> Option<Setup>;
}

/// A control: a run with a known outcome. It shows whether the environment is right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Control {
    /// The routine and the entry that it runs on, in words.
    pub what: String,
    /// The observed outcome, in words.
    pub outcome: String,
    /// Whether the observed outcome is the known one.
    pub passed: bool,
}

/// A stub: a kernel function that is not run, but returns at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stub {
    /// Symbol of the function.
    pub symbol: &'static str,
    /// The value that it returns; `None` if it returns nothing.
    pub returns: Option<u64>,
    /// Whether its calls are recorded as flushes of translations.
    pub flushes: bool,
    /// Why it is not run.
    pub why: &'static str,
}

/// What was set up for a kernel's routines.
#[derive(Debug, Clone)]
pub struct Setup {
    /// The functions that are not run.
    pub stubs: Vec<Stub>,
    /// Everything that was set up, found out or assumed, in words.
    pub assumptions: Vec<String>,
    /// Descriptions of the words outside the PMD table that both routines use. Schedules also order the accesses to
    /// these.
    pub shared: Vec<String>,
}
