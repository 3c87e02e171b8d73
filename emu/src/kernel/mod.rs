//! Real kernels: the writers and walkers of a distribution's own image.

mod baseline;
mod fields;
mod machine;
mod platform;
mod routine;
mod seeker;
mod space;
mod stage;
mod world;

use std::rc::Rc;

use pmdscope_arches::{Arch, Encoding};
use pmdscope_explore::Schedule;
use pmdscope_guest::Kernel;

use crate::EmuError;
use crate::end::{CallBounds, End, Ended};
use crate::exploration::{Bounds, Exploration, Reduction, WALKER, WRITER};
use crate::explore;
use crate::kernel::platform::platform;
use crate::kernel::routine::Routine;
use crate::kernel::seeker::present_huge;
use crate::kernel::stage::OnKernel;
use crate::kernel::world::{KEEPS_YOUNG_DIRTY, REFERENCES, World};
use crate::stage::Stage;
use crate::trace::Event;

pub use machine::Stub;
pub use routine::{Given, RECIPES, Recipe, Role};

/// A machine with a kernel in memory, whose environment was found and set up.
pub struct KernelMachine {
    world: World,
    /// Words outside of the PMD table that are watched, since both routines use them.
    shared: Vec<u64>,
}

/// Where the huge page of a kernel's machine is. How large pages are is known only when the machine is built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HugePage {
    /// Where it usually is.
    Usual,
    /// At a page frame number.
    At(u64),
    /// Where an entry of this value has it, or where it usually is if the entry has none.
    Of(u64),
}

impl HugePage {
    /// Its page frame number in an encoding, if it is not where it usually is.
    fn pfn(self, encoding: &Encoding) -> Option<u64> {
        match self {
            HugePage::Usual => None,
            HugePage::At(pfn) => Some(pfn),
            HugePage::Of(entry) => encoding.huge_page_of(entry),
        }
    }
}

/// A run that shows whether the environment is right: what it must come to is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Control {
    /// What is run on what.
    pub what: String,
    /// What it came to.
    pub came_to: String,
    /// Whether that is what it must come to.
    pub passed: bool,
}

/// How many words beside the entry two routines may use together before it is too much to explore: a page table, and
/// some.
const MOST_SHARED: usize = 640;

/// How many accesses more a routine may make for each such word: it may go through them, and look at each more
/// than once.
const ACCESSES_OF_SHARED: u64 = 8;

const fn adjacent(one: &u64, next: &u64) -> bool {
    *one + 8 == *next
}

/// What came of a routine that ran alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RanAlone {
    /// How it ended.
    pub ended: Ended,
    /// Everything that happened, in order.
    pub events: Vec<Event>,
    /// The entry in the end.
    pub after: u64,
    /// Pages whose references are not what they were, and how many they have.
    pub references: Vec<(u64, u64)>,
    /// The entries of the page table that it changed, as a split does that fills it.
    pub filled: Vec<u64>,
}

impl KernelMachine {
    /// A machine with `kernel` in memory, and a huge page.
    ///
    /// # Errors
    /// If kernels of this architecture cannot be run, or the environment cannot be set up: then what is
    /// missing. An encoding that is not the kernel's own is such a case.
    pub fn new(kernel: Rc<Kernel>, encoding: Encoding, page: HugePage) -> Result<Self, EmuError> {
        let arch = kernel.arch();
        let platform = platform(arch).ok_or(EmuError::NotExecuted(arch))?;
        let world = World::new(kernel, platform, encoding, page)?;
        Ok(KernelMachine { world, shared: Vec::new() })
    }

    /// Whether kernels of an architecture can be run.
    pub fn runs(arch: Arch) -> bool {
        platform(arch).is_some()
    }

    /// The kernel.
    pub fn kernel(&self) -> &Kernel {
        &self.world.machine.kernel
    }

    /// The encoding, for this kernel's own size of pages and with its own migration types.
    pub fn encoding(&self) -> &Encoding {
        &self.world.encoding
    }

    /// Whether this kernel, as it was set up, keeps accessed and dirty in migration entries.
    pub fn keeps_young_dirty(&self) -> bool {
        self.world.encoding.keeps_young_dirty() && self.kernel().symbol(KEEPS_YOUNG_DIRTY).is_some()
    }

    /// Functions that are answered for instead of being run.
    pub fn stubs(&self) -> &[Stub] {
        &self.world.machine.stubs
    }

    /// What was set up or assumed, in words.
    pub fn assumptions(&self) -> &[String] {
        &self.world.machine.assumptions
    }

    /// The text of the instruction at `pc`, or that no memory is there.
    pub fn instruction(&self, pc: u64) -> Rc<str> {
        self.world.machine.vcpus[0].instruction_text(pc)
    }

    /// The address of the entry, as events have it.
    pub fn entry_address(&self) -> u64 {
        self.world.machine.isa.physical(self.world.tables.entry)
    }

    /// The addresses of the PMD table, as events have them.
    pub fn pmd_table(&self) -> std::ops::Range<u64> {
        let table = &self.world.tables.pmd_table;
        let start = self.world.machine.isa.physical(table.start);
        start..start + (table.end - table.start)
    }

    /// The entry that a split stores when it installs its page table.
    pub fn installed_table(&self) -> u64 {
        let physical = self.world.tables.pte_table.start.wrapping_sub(self.world.tables.linear);
        (self.world.encoding.layout().table)(physical)
    }

    /// What lies at an address that events have, in words.
    pub fn describe(&self, address: u64) -> String {
        self.world.machine.describe(address)
    }

    /// How a call ended, in words.
    pub fn explain(&self, end: End) -> String {
        self.world.machine.explain(end)
    }

    /// How many references a page has before anything is run.
    pub fn references_of(&self, pfn: u64) -> u64 {
        if pfn == self.world.pfn { REFERENCES } else { 1 }
    }

    /// The two controls: on an empty entry GUP-fast finds nothing, and it takes the page of a mapping, whose
    /// references are then one more.
    ///
    /// # Errors
    /// If the engine fails.
    pub fn controls(&mut self) -> Result<Vec<Control>, EmuError> {
        let encoding = self.world.encoding;
        let pfn = self.world.pfn;
        let none = encoding.layout().none;
        let huge = present_huge(&encoding, pfn)?;
        let recipe = Recipe::named("gup-fast-read", Role::Walker)
            .ok_or_else(|| EmuError::Environment("there is no recipe of GUP-fast".to_owned()))?;
        let mut controls = Vec::new();
        for (what, entry, wanted) in [
            ("gup-fast-read on an empty entry", none, None),
            ("gup-fast-read on a mapped huge page", huge, Some(pfn)),
        ] {
            let RanAlone { ended, references, .. } = self.run_alone(recipe, entry, CallBounds::default())?;
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
            let came_to = match (ended.end, taken) {
                (End::Returned, None) => "took nothing".to_owned(),
                (End::Returned, Some(pfn)) => format!("took page {pfn:#x}; {references}"),
                (end, _) => self.explain(end),
            };
            let passed = ended.end == End::Returned && taken == wanted && counted;
            controls.push(Control { what: what.to_owned(), came_to, passed });
        }
        Ok(controls)
    }

    /// Runs one routine alone on an entry: a writer on the writer's CPU, a walker on the walker's. Memory is
    /// put back before, so that each run begins with the same.
    ///
    /// Its events have the accesses to the PMD table, and to what [`explore`](Self::explore) found to be
    /// shared.
    ///
    /// # Errors
    /// If the kernel lacks the routine, or the engine fails. A routine that does not return is none: what
    /// came of it says so.
    pub fn run_alone(
        &mut self,
        recipe: &'static Recipe,
        entry: u64,
        bounds: CallBounds,
    ) -> Result<RanAlone, EmuError> {
        let cpu = match recipe.role {
            Role::Writer => WRITER,
            Role::Walker => WALKER,
        };
        let routines = vec![Routine::new(recipe, &self.world)?; 2];
        // This puts memory back.
        let mut stage = OnKernel::new(&mut self.world, routines, entry, bounds, &self.shared)?;
        let before = stage.world.page_table();
        let (ended, events) = stage.run_alone(cpu)?;
        let filled = stage.world.page_table().into_iter().zip(before).filter(|(now, before)| now != before);
        let filled = filled.map(|(now, _)| now).collect();
        Ok(RanAlone { ended, events, after: stage.entry()?, references: stage.references()?, filled })
    }

    /// Runs a writer against a walker on an entry, under every schedule of their accesses to the PMD table and
    /// to all other memory that they share.
    ///
    /// # Errors
    /// If the kernel lacks a routine, or does not repeat itself.
    pub fn explore(
        &mut self,
        writer: &'static Recipe,
        walker: &'static Recipe,
        entry: u64,
        bounds: &Bounds,
        reduction: Reduction,
    ) -> Result<Exploration, EmuError> {
        self.world.machine.sharing.reset();
        loop {
            let mut stage = self.stage(writer, walker, entry, bounds)?;
            let exploration = explore::explore(&mut stage, bounds, Reduction::Joined);
            // What routines share is not what was recorded of each alone, so that comes first.
            let conflicts = stage.conflicts();
            if conflicts.is_empty() && reduction == Reduction::None {
                return explore::explore(&mut stage, bounds, reduction);
            }
            if conflicts.is_empty() || self.shared.len() + conflicts.len() > MOST_SHARED {
                return exploration;
            }
            self.join(&conflicts)?;
        }
    }

    /// Runs a writer alone on an entry.
    ///
    /// # Errors
    /// If the kernel lacks it.
    pub fn explore_alone(
        &mut self,
        writer: &'static Recipe,
        entry: u64,
        bounds: &Bounds,
    ) -> Result<Exploration, EmuError> {
        let routines = vec![Routine::new(writer, &self.world)?];
        let mut stage = OnKernel::new(&mut self.world, routines, entry, bounds.call, &self.shared)?;
        explore::explore_alone(&mut stage)
    }

    /// Runs one schedule.
    ///
    /// # Errors
    /// As [`explore`](Self::explore), and if the schedule does not fit the routines.
    pub fn explore_one(
        &mut self,
        writer: &'static Recipe,
        walker: &'static Recipe,
        entry: u64,
        bounds: &Bounds,
        schedule: &Schedule,
    ) -> Result<Exploration, EmuError> {
        // What is shared is found by exploring; a schedule is written over all of it.
        self.explore(writer, walker, entry, bounds, Reduction::Joined)?;
        explore::explore_one(&mut self.stage(writer, walker, entry, bounds)?, schedule)
    }

    fn stage(
        &mut self,
        writer: &'static Recipe,
        walker: &'static Recipe,
        entry: u64,
        bounds: &Bounds,
    ) -> Result<OnKernel<'_>, EmuError> {
        let routines = vec![Routine::new(writer, &self.world)?, Routine::new(walker, &self.world)?];
        let more = ACCESSES_OF_SHARED * self.shared.len() as u64;
        let call = CallBounds { accesses: bounds.call.accesses.saturating_add(more), ..bounds.call };
        OnKernel::new(&mut self.world, routines, entry, call, &self.shared)
    }

    /// Watches further words, given as the engine has them, in order.
    fn join(&mut self, words: &[u64]) -> Result<(), EmuError> {
        // Neighbours together: each access asks all that is watched apart.
        for run in words.chunk_by(adjacent) {
            let (Some(first), bytes) = (run.first(), 8 * run.len() as u64) else { continue };
            let found = {
                let space = self.world.machine.space.borrow();
                space
                    .at_physical(self.world.machine.isa, *first)
                    .map(|(region, offset)| region.start + offset)
            };
            let Some(address) = found else {
                return Err(EmuError::Environment(format!("the word at {first:#x} cannot be watched")));
            };
            let tables = &self.world.tables;
            let order = if tables.pte_table.contains(&address) {
                pmdscope_arches::ByteOrder::of_entries(self.world.encoding.arch())
            } else {
                self.world.machine.order
            };
            self.world.machine.watch(address..address + bytes, order)?;
        }
        self.shared.extend(words);
        self.shared.sort_unstable();
        Ok(())
    }

    /// Words beside the PMD table that were found to be used by both routines, in words.
    pub fn shared(&self) -> Vec<String> {
        let run = |run: &[u64]| match run {
            [only] => self.describe(*only),
            run => format!("{} and the {} words after it", self.describe(run[0]), run.len() - 1),
        };
        self.shared.chunk_by(adjacent).map(run).collect()
    }
}
