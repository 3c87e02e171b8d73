//! Real kernels: the writers and walkers of a distribution's own image.

mod allocator;
mod baseline;
mod checkpoints;
mod code_hooks;
mod fields;
mod huge_page;
mod kasan;
mod layout_probe;
mod machine;
mod observe;
mod platform;
mod printing;
mod process;
mod provide;
mod routine;
mod space;
mod stage;
mod start_values;

use std::collections::HashMap;
use std::ops::Range;
use std::rc::Rc;

use pmdscope_arches::{Arch, ByteOrder, Encoding, EntryMarks};
use pmdscope_guest::abi::Answers;
use pmdscope_guest::{Kernel, Role, Routine};

use crate::EmuError;
use crate::end::{CallBounds, CallExit, CallResult};
use crate::environment::{Control, Environment, Inspect, Job, Schedules, Setup};
use crate::exploration::{Bounds, Exploration, Incomplete, Reduction, WALKER, WRITER};
use crate::explore;
use crate::kernel::layout_probe::present_huge;
use crate::kernel::platform::platform;
use crate::kernel::process::{KernelProcess, REFERENCES};
use crate::kernel::routine::{PreparedCall, recipe_of};
use crate::kernel::stage::KernelStage;
use crate::stage::Stage;
use crate::trace::Event;

pub(crate) use space::Region;

pub use huge_page::HugePage;
pub use observe::{CLEARS_BAD, Observation, Seen};
pub use routine::{
    Contract, FunctionError, Passed, check_function_name, contract_of, declaration, flag_settings, function,
    functions, functions_above, kernel_routine, kernel_routines, recipe_calling, source_name, symbol_of,
};

/// A kernel in memory, with a process that its routines work on.
pub struct KernelEnvironment {
    process: KernelProcess,
    /// Watched words outside of the PMD table, which both routines use. Addresses are as the engine sees them, in
    /// order.
    shared: Vec<u64>,
    /// The controls, once they have run.
    controls: Option<Vec<Control>>,
    /// What routines were seen to do alone: by whether they are called by their types, and by name.
    observations: HashMap<(bool, &'static str), Rc<Observation>>,
    /// Routines that are ready to be called: by whether they are called by their types, and by name.
    prepared: HashMap<(bool, &'static str), PreparedCall>,
    /// The functions that take the address of an entry, by where calls enter them; `None` before it is asked for.
    entry_functions: Option<Rc<HashMap<u64, String>>>,
    /// What was provided for the routines of the last job, in words.
    provided: Vec<String>,
}

/// Minimum of the largest number of words beside the entry that two routines may share: a page table of 4 KiB, and some
/// more. With more than that largest number, there is too much to explore.
const MOST_SHARED: usize = 512 + MORE_SHARED;
/// Number of words beside the entry and the page table that two routines may share.
const MORE_SHARED: usize = 128;

/// Number of additional accesses that a routine may make for each such word, and for each small page of the huge one:
/// it may go through them, and look at each more than once.
const ACCESSES_OF_SHARED: u64 = 8;

const fn adjacent(one: &u64, next: &u64) -> bool {
    *one + 8 == *next
}

/// The run of one routine alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaselineRun {
    /// How the routine ended, and its outcome.
    pub ended: CallResult,
    /// Everything that happened, in order.
    pub events: Vec<Event>,
    /// The entry after the run, in CPU order.
    pub after: u64,
    /// The pages whose number of references changed, with the new number.
    pub references: Vec<(u64, u64)>,
    /// The page-table entries that it changed, such as those that a split fills, in CPU order.
    pub filled: Vec<u64>,
}

impl KernelEnvironment {
    /// Sets up a kernel in memory, with a huge page.
    ///
    /// # Errors
    /// [`EmuError::NoPlatform`] if kernels of this architecture cannot be run. [`EmuError::Environment`] if the
    /// environment cannot be set up: it says what is missing. An encoding that is not the kernel's own is such a
    /// case.
    pub fn new(kernel: Rc<Kernel>, encoding: Encoding, page: HugePage) -> Result<Self, EmuError> {
        let arch = kernel.arch();
        let platform = platform(arch).ok_or(EmuError::NoPlatform(arch))?;
        let process = KernelProcess::new(kernel, platform, encoding, page)?;
        Ok(KernelEnvironment {
            process,
            shared: Vec::new(),
            controls: None,
            observations: HashMap::new(),
            prepared: HashMap::new(),
            entry_functions: None,
            provided: Vec::new(),
        })
    }

    /// Forgets what the last job found out, so that the next is like the first: the words that its routines share are
    /// no longer watched.
    ///
    /// # Errors
    /// If the engine fails.
    pub fn forget_job(&mut self) -> Result<(), EmuError> {
        self.shared.clear();
        self.process.machine.unwatch_all_but_first()
    }

    /// Whether kernels of an architecture can be run.
    pub fn runs(arch: Arch) -> bool {
        platform(arch).is_some()
    }

    /// Returns the kernel.
    pub fn kernel(&self) -> &Kernel {
        &self.process.machine.kernel
    }

    /// Returns the kernel, to be kept.
    pub fn kernel_rc(&self) -> Rc<Kernel> {
        Rc::clone(&self.process.machine.kernel)
    }

    /// Returns the addresses of the PMD table, as in events.
    fn pmd_table(&self) -> Range<u64> {
        let table = &self.process.tables.pmd_table;
        let start = self.process.machine.isa.physical(table.start);
        start..start + (table.end - table.start)
    }

    /// Runs one routine alone on an entry: a writer on the writer's CPU, a walker on the walker's. Memory is
    /// restored first, so that each run begins with the same state.
    ///
    /// Its events contain the accesses to the PMD table, and to the words that [`explore`](Environment::explore)
    /// found to be shared.
    ///
    /// # Errors
    /// [`EmuError::Environment`] if the kernel lacks the routine, or another error if the engine fails. A routine
    /// that does not return is no error: the run says how it ended.
    pub fn run_alone(
        &mut self,
        routine: &Routine,
        entry: u64,
        bounds: CallBounds,
    ) -> Result<BaselineRun, EmuError> {
        let cpu = if routine.role == Role::Writer { WRITER } else { WALKER };
        let calls = vec![self.prepared(routine)?; 2];
        // This restores memory.
        let mut stage = KernelStage::new(&mut self.process, calls, entry, bounds, &self.shared)?;
        let before = stage.process.page_table();
        let (ended, events) = stage.run_alone(cpu)?;
        let filled = stage.process.page_table().into_iter().zip(before).filter(|(now, before)| now != before);
        let filled = filled.map(|(now, _)| now).collect();
        Ok(BaselineRun { ended, events, after: stage.entry()?, references: stage.references()?, filled })
    }

    /// Returns the largest number of words beside the entry that two routines may share.
    fn most_shared(&self) -> usize {
        let layout = self.process.encoding.layout();
        MOST_SHARED.max((1 << (layout.pmd_shift - layout.page_shift)) + MORE_SHARED)
    }

    /// Runs a job under every schedule of its routines' accesses to the PMD table and to all other memory that they
    /// share.
    fn explore_all(
        &mut self,
        job: &Job<'_>,
        bounds: &Bounds,
        reduction: Reduction,
    ) -> Result<Exploration, EmuError> {
        // All rounds together: each finds words that the routines share, until none is left.
        let deadline = explore::deadline(bounds);
        self.process.machine.sharing.reset();
        let conflicts = explore::conflicts_in_order(&mut self.stage(job, bounds)?)?;
        if self.shared.len() + conflicts.len() <= self.most_shared() {
            self.watch_words(&conflicts)?;
        }
        loop {
            let mut stage = self.stage(job, bounds)?;
            let exploration = explore::explore(&mut stage, bounds, deadline, Reduction::Joined);
            // A record of each routine alone is wrong about words that both use, so these come before its result.
            let conflicts = stage.conflicts();
            if conflicts.is_empty() && reduction == Reduction::None {
                return explore::explore(&mut stage, bounds, deadline, reduction);
            }
            if conflicts.is_empty() {
                return exploration;
            }
            if self.shared.len() + conflicts.len() > self.most_shared() {
                let mut exploration = Exploration::nothing();
                exploration.note(Some(Incomplete::Shared { address: conflicts[0] }));
                return Ok(exploration);
            }
            self.watch_words(&conflicts)?;
        }
    }

    /// Returns a routine, ready to be called. A function that is called by its types is observed first.
    fn prepared(&mut self, routine: &Routine) -> Result<PreparedCall, EmuError> {
        let observation = routine.declared.then(|| self.observe(routine)).transpose()?;
        for one in observation.iter().flat_map(|observation| &observation.provided) {
            if !self.provided.contains(one) {
                self.provided.push(one.clone());
            }
        }
        let key = (routine.declared, routine.name);
        if let Some(known) = self.prepared.get(&key) {
            return Ok(known.clone());
        }
        let (locks, provisions) = observation.map_or_else(Default::default, |observation| {
            (observation.locks(), Rc::clone(&observation.provisions))
        });
        let call = PreparedCall::new(routine, &self.process, locks, &provisions)?;
        self.prepared.insert(key, call.clone());
        Ok(call)
    }

    fn stage(&mut self, job: &Job<'_>, bounds: &Bounds) -> Result<KernelStage<'_>, EmuError> {
        if !job.others.is_empty() {
            return Err(EmuError::Environment(
                "a kernel has two CPUs, so two routines run at most".to_owned(),
            ));
        }
        let routines = [job.writer].into_iter().chain(job.walker);
        let calls = routines.map(|routine| self.prepared(routine)).collect::<Result<_, _>>()?;
        let layout = self.process.encoding.layout();
        let pages = 1 << (layout.pmd_shift - layout.page_shift);
        let more = match self.shared.len() as u64 {
            0 => 0,
            shared => ACCESSES_OF_SHARED * (shared + pages),
        };
        let call = CallBounds { accesses: bounds.call.accesses.saturating_add(more), ..bounds.call };
        KernelStage::new(&mut self.process, calls, job.entry, call, &self.shared)
    }

    /// Watches further words. Their addresses are as the engine sees them, in ascending order.
    fn watch_words(&mut self, words: &[u64]) -> Result<(), EmuError> {
        // Neighbouring words are watched as one range: each access is compared with every range.
        for run in words.chunk_by(adjacent) {
            let (Some(first), bytes) = (run.first(), 8 * run.len() as u64) else { continue };
            let found = {
                let space = self.process.machine.space.borrow();
                space
                    .at_physical(self.process.machine.isa, *first)
                    .map(|(region, offset)| region.start + offset)
            };
            let Some(address) = found else {
                return Err(EmuError::Environment(format!("the word at {first:#x} cannot be watched")));
            };
            let tables = &self.process.tables;
            let order = if tables.pte_table.contains(&address) {
                ByteOrder::of_entries(self.process.encoding.arch())
            } else {
                self.process.machine.order
            };
            self.process.machine.watch(address..address + bytes, order)?;
        }
        self.shared.extend(words);
        self.shared.sort_unstable();
        Ok(())
    }

    /// Describes the words outside of the PMD table that both routines were found to use.
    fn shared(&self) -> Vec<String> {
        let run = |run: &[u64]| match run {
            [only] => self.describe(*only),
            run => format!("{} and the {} words after it", self.describe(run[0]), run.len() - 1),
        };
        self.shared.chunk_by(adjacent).map(run).collect()
    }
}

impl Inspect for KernelEnvironment {
    fn symbol_at(&self, pc: u64) -> Option<(&str, u64)> {
        let agent = self.process.agents.iter().find(|(_, code)| code.contains(&pc));
        agent.map(|(symbol, code)| (*symbol, pc - code.start)).or_else(|| self.kernel().symbol_at(pc))
    }

    fn instruction(&self, pc: u64) -> Rc<str> {
        self.process.machine.vcpus[0].instruction_text(pc)
    }

    fn is_in_table(&self, address: u64) -> bool {
        self.pmd_table().contains(&address)
    }

    fn is_in_entry(&self, address: u64) -> bool {
        address & !7 == self.process.machine.isa.physical(self.process.tables.entry)
    }

    fn comparable(&self, address: u64, word: u64) -> u64 {
        self.process.comparable(address, word)
    }

    fn is_crash(&self, _: u8, end: CallExit) -> bool {
        self.process.is_crash(end)
    }

    fn references_in(&self, address: u64, word: u64) -> Option<(u64, u32)> {
        self.process.references_in(address, word)
    }

    fn describe(&self, address: u64) -> String {
        self.process.machine.describe(address)
    }

    fn explain(&self, end: CallExit) -> String {
        self.process.machine.explain(end)
    }

    fn references_of(&self, pfn: u64) -> u64 {
        if pfn == self.process.pfn { REFERENCES } else { 1 }
    }
}

impl Environment for KernelEnvironment {
    fn encoding(&self) -> &Encoding {
        &self.process.encoding
    }

    fn entry_address(&self) -> u64 {
        self.process.machine.isa.physical(self.process.tables.entry)
    }

    fn installed_table(&self) -> u64 {
        let physical = self.process.tables.pte_table.start.wrapping_sub(self.process.tables.linear);
        (self.process.encoding.layout().table)(physical)
    }

    /// Returns the table that a split installs: walkers go on to the table, so it must exist.
    fn only_table(&self) -> Option<u64> {
        Some(self.installed_table())
    }

    /// Runs GUP-fast. On an empty entry it must take nothing; on a mapping it must take the page, which then has
    /// one more reference.
    ///
    /// They are run once: each run begins with the same memory.
    fn controls(&mut self) -> Result<Vec<Control>, EmuError> {
        if let Some(controls) = &self.controls {
            return Ok(controls.clone());
        }
        let encoding = self.process.encoding;
        let pfn = self.process.pfn;
        let none = encoding.none();
        let huge = present_huge(&encoding, pfn)?;
        let mut controls = Vec::new();
        for (what, entry, wanted) in [
            ("gup-fast-read on an empty entry", none, None),
            ("gup-fast-read on a mapped huge page", huge, Some(pfn)),
        ] {
            let gup_fast = &routine::GUP_FAST_READ.routine;
            let BaselineRun { ended, references, .. } =
                self.run_alone(gup_fast, entry, CallBounds::default())?;
            let taken = ended.outcome.and_then(|outcome| outcome.pfn);
            let counted = match wanted {
                None => references.is_empty(),
                Some(pfn) => references == [(pfn, REFERENCES + 1)],
            };
            let references = references
                .iter()
                .map(|(pfn, count)| format!("page {pfn:#x} has {count} references"))
                .collect::<Vec<_>>()
                .join(", ");
            let outcome = match (ended.end, taken) {
                (CallExit::Returned, None) => "took nothing".to_owned(),
                (CallExit::Returned, Some(pfn)) => format!("took page {pfn:#x}; {references}"),
                (end, _) => self.explain(end),
            };
            let passed = ended.end == CallExit::Returned && taken == wanted && counted;
            controls.push(Control { what: what.to_owned(), outcome, passed });
        }
        self.controls = Some(controls.clone());
        Ok(controls)
    }

    fn explore(
        &mut self,
        job: &Job<'_>,
        bounds: &Bounds,
        schedules: Schedules<'_>,
    ) -> Result<Exploration, EmuError> {
        // Functions that are called by their types are run alone first. What these runs do is not the job's: it must not
        // matter whether an earlier job made them.
        for routine in [job.writer].into_iter().chain(job.walker) {
            self.prepared(routine)?;
        }
        self.process.machine.forget_entered();
        self.provided.clear();
        match (job.walker, schedules) {
            (None, _) => explore::explore_alone(&mut self.stage(job, bounds)?),
            (Some(_), Schedules::All(reduction)) => self.explore_all(job, bounds, reduction),
            (Some(_), Schedules::One(schedule)) => {
                // Exploring finds the shared words. A schedule orders the accesses to all of them.
                self.explore_all(job, bounds, Reduction::Joined)?;
                explore::explore_one(&mut self.stage(job, bounds)?, schedule, bounds.context)
            }
        }
    }

    fn filled(&mut self, job: &Job<'_>, bounds: CallBounds) -> Result<Vec<u64>, EmuError> {
        Ok(self.run_alone(job.writer, job.entry, bounds)?.filled)
    }

    fn survey(&mut self, _: &[u64]) -> Result<Option<Vec<Answers>>, EmuError> {
        Ok(None)
    }

    fn only_reads(&self, walker: &Routine) -> bool {
        // A walker that a recipe calls only reads by its role.
        let observation = self.observations.get(&(true, walker.name)).filter(|_| walker.declared);
        observation.is_none_or(|observation| observation.only_reads())
    }

    fn installs(&self, routine: &Routine, entry: u64) -> bool {
        let observation = self.observations.get(&(true, routine.name)).filter(|_| routine.declared);
        observation.is_none_or(|observation| self.process.has(entry) || observation.stores_over_any(entry))
    }

    fn may_drop(&self, writer: &Routine, entry: u64) -> EntryMarks {
        recipe_of(writer).map_or(EntryMarks::ALL, |recipe| (recipe.may_drop)(&self.process, entry))
    }

    fn setup(&self) -> Option<Setup> {
        Some(Setup {
            stubs: self.process.machine.stubs(),
            assumptions: self.process.machine.assumptions.iter().chain(&self.provided).cloned().collect(),
            shared: self.shared(),
        })
    }
}
