//! What a function does to an entry when it runs alone, which nobody has to say.

use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;

use pmdscope_arches::{EntryKind, EntrySpec};
use pmdscope_guest::Routine;

use crate::EmuError;
use crate::end::{CallBounds, CallExit};
use crate::exploration::WRITER;
use crate::kernel::KernelEnvironment;
use crate::kernel::process::{is_held, number};
use crate::kernel::provide::{Provision, sources};
use crate::kernel::routine::{
    Locks, PreparedCall, flag_settings, function, functions, source_name, symbol_of,
};
use crate::kernel::stage::KernelStage;
use crate::trace::{Access, Action, Event};
use crate::vcpu::mixed;
use pmdscope_watch::AccessKind;

/// The function by which routines clear an entry that they take for bad.
pub const CLEARS_BAD: &str = "pmd_clear_bad";

/// Maximum number of words that are made to point to something, for one function.
const MOST_PROVIDED: usize = 16;
/// Maximum number of words that are tried, for one fault.
const MOST_TRIED: usize = 24;
/// Maximum number of instructions of a function that runs alone.
const INSTRUCTIONS: u64 = 200_000;

/// What a function does to entries of each kind when it runs alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observation {
    /// What it does to an entry of each kind that this kernel can have, in the order of kinds.
    pub seen: Vec<Seen>,
    /// Whether its callers hold the lock of the PMD table: it stores to the entry, and takes that lock nowhere.
    pub locked_by_caller: bool,
    /// Whether it releases the lock that its callers hold.
    pub releases_lock: bool,
    /// Whether it can return with the lock of a table held.
    pub returns_locked: bool,
    /// The function that calls it, if it is not called directly.
    pub through: Option<&'static str>,
    /// What was provided for it, in words.
    pub provided: Vec<String>,
    pub(crate) provisions: Rc<Vec<Provision>>,
}

/// What a function does to one entry when it runs alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// The kind of the entry.
    pub kind: EntryKind,
    /// The entry, in CPU order.
    pub entry: u64,
    /// How the function ended.
    pub end: CallExit,
    /// How the function ended, in words.
    pub ended: String,
    /// Whether it loaded the entry.
    pub reads: bool,
    /// Whether it accessed the entry by its own instructions, and not just by those of functions that it called.
    pub itself: bool,
    /// The entries that it stored, in order, in CPU order. A store of what was there does not count.
    pub stores: Vec<u64>,
    /// Whether it cleared the entry for bad, by [`CLEARS_BAD`].
    pub clears_bad: bool,
    /// Whether it took the lock of the PMD table.
    pub locks: bool,
    /// Whether it released that lock while nobody had it.
    pub releases: bool,
    /// Whether it stored to the entry while nobody had that lock. An atomic that changed nothing does not count.
    pub unlocked: bool,
    /// Whether it returned with the lock of a table held.
    pub keeps_lock: bool,
    /// The places of the warnings that it gave, in order.
    pub warnings: Vec<Rc<str>>,
    /// A hash of the addresses of its instructions, in order.
    pub path: u64,
    /// The other functions that take the address of an entry and that it called, by name.
    pub calls: BTreeSet<String>,
}

/// A run of a function alone.
struct Tried {
    seen: Seen,
    /// Addresses of the words that it read as 0, in order.
    zeroes: Vec<u64>,
    /// Addresses of its instructions, in order.
    path: Vec<u64>,
}

impl Seen {
    /// Whether it ran to an end: it returned, or it went to sleep.
    pub const fn is_whole(&self) -> bool {
        matches!(self.end, CallExit::Returned | CallExit::Sleeps { .. })
    }
}

impl Observation {
    pub(crate) const fn locks(&self) -> Locks {
        let (by_caller, returned) = (self.locked_by_caller, self.returns_locked);
        Locks { by_caller, released: self.releases_lock, returned }
    }

    /// Whether it never stores to an entry, other than to clear one that it takes for bad.
    pub fn only_reads(&self) -> bool {
        self.seen.iter().all(|seen| seen.stores.is_empty())
    }

    /// Whether it stores this entry, last, in the place of entries that differ.
    pub(crate) fn stores_over_any(&self, entry: u64) -> bool {
        let over = self.seen.iter().filter(|seen| seen.stores.last() == Some(&entry));
        over.map(|seen| seen.entry).collect::<BTreeSet<u64>>().len() > 1
    }

    /// Whether it ran to an end on an entry of some kind.
    pub fn runs(&self) -> bool {
        self.seen.iter().any(Seen::is_whole)
    }
}

impl KernelEnvironment {
    /// Runs a function alone on an entry of each kind, and returns what it does. Each is run once.
    ///
    /// A function that uses what a pointer of zero points to is run again with zeroes there: the word that it had read
    /// is found by what happens when it is set.
    ///
    /// # Errors
    /// If the engine fails, or a structure is unknown that the function takes.
    pub fn observe(&mut self, routine: &Routine) -> Result<Rc<Observation>, EmuError> {
        if let Some(known) = self.observations.get(&(routine.declared, routine.name)) {
            return Ok(Rc::clone(known));
        }
        let observation = Rc::new(self.apart(|kernel| kernel.observe_anew(routine))?);
        self.observations.insert((routine.declared, routine.name), Rc::clone(&observation));
        Ok(observation)
    }

    /// Runs a function alone on the mapping of a page, and returns whether its own instructions access the entry, and
    /// not just those of functions that it calls; `None` if it stopped before an access.
    ///
    /// # Errors
    /// If the engine fails, or a structure is unknown that the function takes.
    pub fn accesses_itself(&mut self, routine: &Routine) -> Result<Option<bool>, EmuError> {
        self.apart(|kernel| {
            let call = PreparedCall::new(routine, &kernel.process, Locks::default(), &Rc::default())?;
            let entry = kernel.present_huge_without_marks()?;
            let seen = kernel.see(&call, EntryKind::PresentHuge, entry, &mut Vec::new())?;
            Ok((seen.itself || seen.is_whole()).then_some(seen.itself))
        })
    }

    /// Does something while nothing that is watched for the job at hand is watched, so that all is the same whatever ran
    /// before.
    fn apart<T>(
        &mut self,
        what: impl FnOnce(&mut KernelEnvironment) -> Result<T, EmuError>,
    ) -> Result<T, EmuError> {
        let watched = std::mem::take(&mut self.shared);
        self.process.machine.unwatch_all_but_first()?;
        let done = what(self);
        self.shared.clear();
        self.process.machine.unwatch_all_but_first()?;
        self.process.machine.space.borrow().restore();
        self.watch_words(&watched)?;
        done
    }

    fn observe_anew(&mut self, routine: &Routine) -> Result<Observation, EmuError> {
        let isa = self.process.machine.isa;
        let mut words: Vec<u64> = self.process.locks().map(|lock| isa.physical(lock) & !7).collect();
        words.sort_unstable();
        words.dedup();
        self.watch_words(&words)?;
        let call = PreparedCall::new(routine, &self.process, Locks::default(), &Rc::default())?;
        let (mut seen, mut provisions) = self.see_all(&call)?;
        let by_recipe = call.locked_by_caller(&self.process).is_some();
        let takes = seen.iter().any(|seen| seen.locks);
        // Whoever walks a table calls a callback without the lock.
        let is_callback = call.through().is_some();
        let mut locked_by_caller =
            by_recipe || !takes && !is_callback && seen.iter().any(|seen| seen.unlocked);
        if !takes && !is_callback && !locked_by_caller {
            // One that only marks a page as accessed stores nothing where that is marked.
            let unmarked = self.present_huge_without_marks()?;
            let of_unmarked = self.see(&call, EntryKind::PresentHuge, unmarked, &mut provisions.clone())?;
            locked_by_caller = of_unmarked.unlocked && !of_unmarked.locks;
        }
        if !takes && !is_callback && !locked_by_caller {
            locked_by_caller = self.needs_lock_with_flags(routine)?;
        }
        let releases_lock = !by_recipe && seen.iter().any(|seen| seen.releases);
        // A function that stops without the lock checks that its caller has it. One that releases it, whoever took it,
        // has it from its caller.
        if releases_lock || !takes && seen.iter().any(|seen| matches!(seen.end, CallExit::Bug { .. })) {
            let locks = Locks { by_caller: true, released: releases_lock, returned: false };
            let (seen_with, provisions_with) = self.see_all(&call.clone().knowing(locks, &Rc::default()))?;
            let ends = |seen: &[Seen]| seen.iter().filter(|seen| seen.is_whole()).count();
            if releases_lock || ends(&seen_with) > ends(&seen) {
                (seen, provisions, locked_by_caller) = (seen_with, provisions_with, true);
            }
        }
        Ok(Observation {
            locked_by_caller,
            releases_lock,
            returns_locked: !locked_by_caller && seen.iter().any(|seen| seen.keeps_lock),
            through: call.through(),
            provided: provisions.iter().map(|one: &Provision| one.describe(&self.process, WRITER)).collect(),
            provisions: Rc::new(provisions),
            seen,
        })
    }

    /// Whether a function that is called by its types stores to a mapping without the lock with one of its flags: its
    /// callers hold the lock whichever flags they pass.
    fn needs_lock_with_flags(&mut self, routine: &Routine) -> Result<bool, EmuError> {
        let symbol = symbol_of(routine.name);
        let kernel = Rc::clone(&self.process.machine.kernel);
        let Some(prototype) = kernel.prototype(symbol).filter(|_| routine.declared) else { return Ok(false) };
        let entry = self.present_huge_without_marks()?;
        let names: Vec<String> =
            flag_settings(&prototype).map(|setting| format!("{symbol}:{setting}")).collect();
        for name in names {
            let Ok(variant) = function(&kernel, routine.role, &name) else { continue };
            let call = PreparedCall::new(variant, &self.process, Locks::default(), &Rc::default())?;
            let seen = self.see(&call, EntryKind::PresentHuge, entry, &mut Vec::new())?;
            if seen.unlocked && !seen.locks {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Returns the functions that take the address of an entry, by where calls enter them.
    fn entry_functions(&mut self) -> Result<&Rc<HashMap<u64, String>>, EmuError> {
        if self.entry_functions.is_none() {
            let kernel = &self.process.machine.kernel;
            let entry = |function: pmdscope_guest::kernel::TypedFunction| {
                Some((kernel.find(&function.name)?.local_entry, function.name))
            };
            self.entry_functions = Some(Rc::new(functions(kernel)?.into_iter().filter_map(entry).collect()));
        }
        Ok(self.entry_functions.get_or_insert_default())
    }

    /// Returns an entry of each kind that this kernel can have: accessed and dirty if it can be.
    pub fn entries(&self) -> Vec<(EntryKind, u64)> {
        let encoding = &self.process.encoding;
        let pfn = self.process.pfn;
        let entry = |kind| {
            if kind == EntryKind::Table {
                return Some(crate::Environment::installed_table(self));
            }
            let spec =
                |young, dirty| EntrySpec { kind, pfn, young, dirty, soft_dirty: false, uffd_wp: false };
            encoding.build(&spec(true, true)).or_else(|_| encoding.build(&spec(false, false))).ok()
        };
        EntryKind::ALL.into_iter().filter_map(|kind| Some((kind, entry(kind)?))).collect()
    }

    fn present_huge_without_marks(&self) -> Result<u64, EmuError> {
        let spec = EntrySpec {
            kind: EntryKind::PresentHuge,
            pfn: self.process.pfn,
            young: false,
            dirty: false,
            soft_dirty: false,
            uffd_wp: false,
        };
        self.process.encoding.build(&spec).map_err(|error| EmuError::Environment(error.to_string()))
    }

    /// Runs a function alone on an entry of each kind; returns what it did, and what it needs.
    fn see_all(&mut self, call: &PreparedCall) -> Result<(Vec<Seen>, Vec<Provision>), EmuError> {
        let (mut seen, mut provisions) = (Vec::new(), Vec::new());
        for (kind, entry) in self.entries() {
            seen.push(self.see(call, kind, entry, &mut provisions)?);
        }
        Ok((seen, provisions))
    }

    /// Runs a function alone on one entry, and adds to `provisions` what it needs.
    fn see(
        &mut self,
        call: &PreparedCall,
        kind: EntryKind,
        entry: u64,
        provisions: &mut Vec<Provision>,
    ) -> Result<Seen, EmuError> {
        let mut tried = self.try_with(call, kind, entry, provisions)?;
        'faults: while let CallExit::Fault { address: Some(address), .. } = tried.seen.end
            && provisions.len() < MOST_PROVIDED
        {
            let words = sources(&self.process, WRITER, address, &tried.zeroes, provisions);
            for word in words.into_iter().take(MOST_TRIED) {
                provisions.push(word);
                let with = self.try_with(call, kind, entry, provisions)?;
                // Only the pointer itself leaves everything before the fault as it was, and the fault behind.
                if with.path.len() > tried.path.len() && with.path.starts_with(&tried.path) {
                    tried = with;
                    continue 'faults;
                }
                provisions.pop();
            }
            break;
        }
        Ok(tried.seen)
    }

    /// Runs a function alone on one entry.
    fn try_with(
        &mut self,
        call: &PreparedCall,
        kind: EntryKind,
        entry: u64,
        provisions: &[Provision],
    ) -> Result<Tried, EmuError> {
        let calls = vec![call.clone().knowing(call.locks(), &Rc::new(provisions.to_vec()))];
        let bounds = CallBounds { instructions: INSTRUCTIONS, ..CallBounds::default() };
        let shared = self.shared.clone();
        let entered = Rc::clone(self.entry_functions()?);
        let (ended, events, held, zeroes, path) = {
            let mut stage = KernelStage::new(&mut self.process, calls, entry, bounds, &shared)?;
            stage.process.machine.begin_probe();
            let ran = stage.run_alone(WRITER);
            let read = stage.process.machine.end_probe();
            let (ended, events) = ran?;
            let process = &*stage.process;
            let held = process.locks().try_fold(false, |held, lock| -> Result<bool, EmuError> {
                Ok(held || is_held(process.machine.get(lock, 4)?))
            })?;
            let zeroes = read.iter().filter(|access| !access.writes && access.size >= 8 && access.value == 0);
            let zeroes = zeroes.map(|access| access.address).collect();
            let path = process.machine.vcpus[usize::from(WRITER)].with_path(|path, _| path.to_vec());
            (ended, events, held, zeroes, path)
        };
        let mut seen = self.seen_in(call, &events, kind, entry)?;
        seen.end = ended.end;
        seen.ended = self.process.machine.explain(ended.end);
        seen.path = path.iter().fold(0, |hash, pc| mixed(hash, *pc));
        seen.calls = path.iter().filter_map(|pc| entered.get(pc).cloned()).collect();
        seen.calls.remove(call.symbol());
        seen.keeps_lock = held && ended.end == CallExit::Returned;
        Ok(Tried { seen, zeroes, path })
    }

    /// Gathers what a function did from its events.
    fn seen_in(
        &self,
        call: &PreparedCall,
        events: &[Event],
        kind: EntryKind,
        entry: u64,
    ) -> Result<Seen, EmuError> {
        let name = call.symbol();
        // Its caller takes the lock first, and that is not what the function does.
        let mut of_caller = call.locks().by_caller;
        let mut seen = Seen {
            kind,
            entry,
            end: CallExit::Returned,
            ended: String::new(),
            reads: false,
            itself: false,
            stores: Vec::new(),
            clears_bad: false,
            locks: false,
            releases: false,
            unlocked: false,
            keeps_lock: false,
            warnings: Vec::new(),
            path: 0,
            calls: BTreeSet::new(),
        };
        let machine = &self.process.machine;
        let lock = machine.isa.physical(self.process.table_lock);
        let of_entry = machine.isa.physical(self.process.tables.entry);
        let mut held = false;
        for event in events {
            match &event.what {
                Action::KernelWarning { place } => seen.warnings.push(Rc::clone(place)),
                Action::Access(access @ Access { address, .. }) if address & !7 == of_entry => {
                    seen.reads |= access.loads;
                    seen.itself |= machine
                        .kernel
                        .symbol_at(event.pc)
                        .is_some_and(|(of, _)| source_name(of) == source_name(name));
                    let changes = access.before != access.after;
                    // Who stores what was there would undo a change that somebody makes meanwhile.
                    seen.unlocked |= access.kind == AccessKind::Store && !changes && !held;
                    let Some(pc) = access.store_pc.filter(|_| changes) else { continue };
                    // Whoever clears a bad entry does so by chance, and whether or not somebody has the lock.
                    let clears = machine.kernel.symbol_at(pc).is_some_and(|(name, _)| name == CLEARS_BAD);
                    if clears && name != CLEARS_BAD {
                        seen.clears_bad = true;
                    } else {
                        seen.stores.push(access.after);
                        seen.unlocked |= !held;
                    }
                }
                // The word of the lock may hold something else as well.
                Action::Access(Access { kind, address, size, after, store_pc: Some(_), .. })
                    if *address < lock + 4 && lock < address + *size as u64 =>
                {
                    let bytes = machine.order.encode(*after);
                    let at = usize::try_from(lock & 7).unwrap_or(0);
                    let of_lock = bytes.get(at..at + 4).unwrap_or_default();
                    let is_held = is_held(number(machine.order, of_lock).into());
                    // Only atomics take a lock. A store to one that nobody has releases it, which makes a ticket lock one
                    // that seems to be held.
                    let releases = !held && *kind == AccessKind::Store;
                    seen.releases |= releases;
                    let is_held = is_held && !releases;
                    seen.locks |= !held && is_held && !std::mem::take(&mut of_caller);
                    held = is_held;
                }
                _ => {}
            }
        }
        Ok(seen)
    }
}
