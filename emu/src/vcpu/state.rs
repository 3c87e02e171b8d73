//! The state that the hooks of one vCPU share: the bounds of a call, how far it has run, and what ended it.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Instant;

use corosensei::Yielder;
use pmdscope_engine::{Engine, EngineError};
use pmdscope_explore::{Fingerprint, Sections, Span};
use pmdscope_watch::Isa;
use rustc_hash::FxHashSet;

use super::call::NextCall;
use super::checkpoint::Checkpoint;
use super::path::Path;
use super::read_register;
use crate::EmuError;
use crate::context::{Section, SectionCall};
use crate::cpu::{CpuModel, Interrupts};
use crate::end::{CallBounds, CallExit};
use crate::trace::{Action, Recorder};

/// The state that the hooks of one vCPU share.
pub(super) struct State {
    pub(super) number: u8,
    pub(super) return_pad: u64,
    /// Shared by all vCPUs.
    pub(super) recorder: Rc<Recorder>,
    pub(super) yielder: Cell<*const Yielder<(), ()>>,
    pub(super) end: Cell<Option<CallExit>>,
    /// The call that follows when the call at hand returns.
    pub(super) next: RefCell<Option<Rc<NextCall>>>,
    /// The first error of a hook. A hook must not panic, and has no caller to return an error to.
    pub(super) fault: RefCell<Option<EmuError>>,
    pub(super) bounds: Cell<CallBounds>,
    pub(super) accesses: Cell<u64>,
    pub(super) instructions: Cell<u64>,
    /// Number of stores to all memory whose accesses are hooked.
    pub(super) stores: Cell<u64>,
    /// A hash of the path: see [`mixed`].
    pub(super) path_hash: Cell<u64>,
    /// The same before its last step.
    pub(super) path_hash_before: Cell<u64>,
    /// A hash of what memory holds that is neither watched nor read-only, against the beginning of the call.
    pub(super) memory_hash: Cell<u64>,
    /// A hash of the loads of entries.
    pub(super) loads_hash: Cell<u64>,
    /// The number of instructions when watched memory was last read.
    pub(super) last_read: Cell<u64>,
    /// The number of instructions at the last checkpoint.
    pub(super) last_checkpoint: Cell<u64>,
    /// Number of bytes of the access that faulted last.
    pub(super) fault_bytes: Cell<usize>,
    /// Whether code has said, by a hint, that it only waits.
    pub(super) spins: Cell<bool>,
    pub(super) deadline: Cell<Option<Instant>>,
    /// The sections that the CPU has been in all the time since its last access, or its beginning.
    pub(super) inside: Cell<Sections>,
    /// The sections of which it has waited for others since then.
    pub(super) awaits: Cell<Sections>,
    /// How many read-side sections of RCU it is in.
    pub(super) rcu_readers: Cell<u32>,
    pub(super) model: &'static CpuModel,
    pub(super) isa: &'static Isa,
    /// The path: the addresses of the blocks or instructions that ran, in order.
    pub(super) path: RefCell<Path>,
    /// The loads of watched memory, in order.
    pub(super) loads: RefCell<Vec<Load>>,
    /// The values for reads, if the call is followed.
    pub(super) replay: RefCell<Option<Replay>>,
    /// Tells what an instruction that raised an exception means; `None` if every exception ends the call.
    pub(super) traps: RefCell<Option<Traps>>,
}

/// Tells what a trapping instruction means, given its address and the value of the first argument's register; `None`
/// if the exception is no report of the program.
pub(crate) type Traps = Box<dyn Fn(u64, u64) -> Option<Trap>>;

/// A trap by which a program reports something.
pub(crate) enum Trap {
    /// A warning. The program goes on after the instruction.
    Warning {
        /// The place in the program, in words.
        place: Rc<str>,
        /// Bytes of the instruction.
        length: u64,
    },
    /// A bug. The program stops.
    Bug,
}

/// A load of watched memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Load {
    /// Index in the path of the call: that of its instruction, or of the block that contains it.
    pub(crate) place: usize,
    /// Address of the load.
    pub(crate) address: u64,
    /// Value of the whole word.
    pub(crate) value: u64,
}

/// A call that is followed up to a read, or further.
pub(super) struct Replay {
    /// The values for its first reads, in order.
    pub(super) values: Vec<u64>,
    /// Number of reads that were made.
    pub(super) made: usize,
    /// A hash of their values.
    pub(super) hash: u64,
    /// Whether the last of them has not returned its value yet.
    pub(super) reads_now: bool,
    /// Whether it was stopped, at the last of `reads`.
    pub(super) stopped: bool,
    /// The reads without a value.
    pub(super) reads: Vec<UnknownRead>,
    /// How far it goes on after the first of them; `None` if it stops there.
    pub(super) foresight: Option<Foresight>,
}

/// A read for which a call that is followed has no value.
#[derive(Debug, Clone)]
pub(crate) struct UnknownRead {
    /// The CPU's state: its registers, and its number of stores.
    ///
    /// If it is the same at two reads of a call, then what the call reads alone decides whether it repeats itself.
    /// `None` if the state is not known.
    pub(crate) state: Option<Fingerprint>,
    /// All that its future and its outcome depend on beside watched memory; see
    /// [`Segment::identity`](pmdscope_explore::Segment::identity). `None` if that is not
    /// known.
    pub(crate) identity: Option<Fingerprint>,
}

/// How far a call goes on with what its reads find in memory.
///
/// It stops at a read that is known, or that it has made in the same state before: then it waits.
#[derive(Clone)]
pub(crate) struct Foresight {
    /// The identities of all reads that were found so far.
    pub(crate) known: Rc<RefCell<FxHashSet<Fingerprint>>>,
    /// What the CPU did before this call, if it belongs to a sequence of calls: the beginning of each identity.
    pub(crate) earlier: Vec<u64>,
    /// Watched words, with what they hold when the last read with a value is made. Later reads find this.
    pub(super) memory: Vec<(u64, u64)>,
    /// Whether the call need not go on, since what follows would be worthless.
    in_vain: Rc<dyn Fn() -> bool>,
    /// Keeps the checkpoints of the call; `None` if it needs none.
    pub(crate) keep: Option<Rc<dyn Fn(Checkpoint)>>,
    /// The states of the reads of this call.
    states: FxHashSet<Fingerprint>,
}

impl Foresight {
    /// Returns a foresight that stops at the `known` reads, and adds those that are found to them, or as soon as
    /// `in_vain`.
    pub(crate) fn up_to(
        known: &Rc<RefCell<FxHashSet<Fingerprint>>>,
        memory: Vec<(u64, u64)>,
        in_vain: Rc<dyn Fn() -> bool>,
        keep: Option<Rc<dyn Fn(Checkpoint)>>,
    ) -> Foresight {
        let (known, earlier, states) = (Rc::clone(known), Vec::new(), FxHashSet::default());
        Foresight { known, memory, in_vain, keep, earlier, states }
    }
}

/// Maximum number of reads that a call makes beyond those that it has values for.
const MOST_FORESEEN: usize = 1 << 14;

impl Replay {
    /// Returns the words to put before the read at `address` is made, which has this value: the word itself, and with
    /// the last value all others, which later reads find.
    pub(super) fn words_at(&self, address: u64, value: u64) -> impl Iterator<Item = (u64, u64)> {
        let word = address & !7;
        let last = self.made + 1 == self.values.len();
        let memory = self.foresight.iter().filter(move |_| last).flat_map(|foresight| &foresight.memory);
        memory.copied().filter(move |(other, _)| *other != word).chain([(address, value)])
    }

    /// Returns what keeps a checkpoint at a read without a value; `None` if none is needed: calls do not go on from a
    /// read that is known.
    pub(super) fn keeps(&self, read: &UnknownRead) -> Option<&dyn Fn(Checkpoint)> {
        let Foresight { known, keep, .. } = self.foresight.as_ref()?;
        let is_known = read.identity.is_some_and(|identity| known.borrow().contains(&identity));
        keep.as_deref().filter(|_| !is_known)
    }

    /// Notes a read without a value, and returns whether the call goes on with what is in memory.
    pub(super) fn goes_on(&mut self, read: UnknownRead) -> bool {
        let foreseen = self.reads.len() < MOST_FORESEEN;
        let goes_on = match (read.state, read.identity, &mut self.foresight) {
            (Some(state), Some(identity), Some(foresight)) => {
                foreseen
                    && !(foresight.in_vain)()
                    && foresight.states.insert(state)
                    && foresight.known.borrow_mut().insert(identity)
            }
            _ => false,
        };
        self.reads.push(read);
        self.stopped = !goes_on;
        goes_on
    }

    /// Returns a read. It has no identity if its state is not all of the CPU's.
    pub(super) fn read_at(&self, state: Option<Fingerprint>, history: [u64; 3], spins: bool) -> UnknownRead {
        let identity = match (&self.foresight, state) {
            (Some(foresight), Some(state)) if !spins => {
                let all = [&foresight.earlier[..], &[self.made as u64], &history, &state.words()].concat();
                Some(Fingerprint::of(&all))
            }
            _ => None,
        };
        UnknownRead { state, identity }
    }
}

/// Where a call that was followed ended.
pub(crate) struct Stop {
    /// The reads without a value.
    pub(crate) reads: Vec<UnknownRead>,
    /// How the call ended, and how many reads it made; `None` if it was stopped at the last of `reads`.
    pub(crate) end: Option<(CallExit, usize)>,
}

/// A hash of what a CPU has done. What differs has different hashes, but for a chance that does not occur.
pub(crate) const fn mixed(hash: u64, value: u64) -> u64 {
    // The odd multiplier is the golden ratio. The upper half of the product depends on all bits below.
    let product = (hash ^ value ^ 0x6a09_e667_f3bc_c908) as u128 * 0x9e37_79b9_7f4a_7c15;
    (product as u64) ^ (product >> 64) as u64 ^ hash.rotate_left(29)
}

/// Number of steps of a path between two looks at the clock, which takes as long as some instructions.
const STEPS_BETWEEN_CLOCKS: usize = 256;

impl State {
    /// Forgets the last call, and bounds the next.
    pub(super) fn begin(&self, bounds: CallBounds) {
        self.end.set(None);
        self.next.take();
        self.fault.take();
        self.bounds.set(bounds);
        self.accesses.set(0);
        self.instructions.set(0);
        self.stores.set(0);
        self.path_hash.set(0);
        self.path_hash_before.set(0);
        self.last_read.set(0);
        self.last_checkpoint.set(0);
        self.memory_hash.set(0);
        self.loads_hash.set(0);
        self.spins.set(false);
        self.inside.set(Sections::NONE);
        self.awaits.set(Sections::NONE);
        self.rcu_readers.set(0);
        self.deadline.set(Instant::now().checked_add(bounds.time));
        self.path.take();
        self.loads.borrow_mut().clear();
    }

    /// Returns what the CPU has done since its last access, of which another begins.
    pub(super) fn span(&self, engine: &dyn Engine) -> Result<Span, EmuError> {
        let mut now = Sections::NONE;
        if let Some(Interrupts { register, bit, off_if_set, .. }) = &self.model.interrupts {
            let is_set = read_register(engine, *register)? >> bit & 1 == 1;
            if is_set == *off_if_set {
                now = now.or(Section::InterruptsOff.bit());
            }
        }
        if self.rcu_readers.get() > 0 {
            now = now.or(Section::RcuReader.bit());
        }
        let inside = self.inside.replace(now).and(now);
        Ok(Span { inside, awaits: self.awaits.take() })
    }

    /// Notes that the CPU may have been outside of a section.
    pub(super) fn leaves(&self, section: Section) {
        self.inside.set(self.inside.get().without(section.bit()));
    }

    /// Notes that the CPU calls a function of sections.
    pub(super) fn section_call(&self, call: SectionCall) {
        match call {
            SectionCall::RcuReadLock => self.rcu_readers.set(self.rcu_readers.get().saturating_add(1)),
            SectionCall::RcuReadUnlock => {
                self.rcu_readers.set(self.rcu_readers.get().saturating_sub(1));
                if self.rcu_readers.get() == 0 {
                    self.leaves(Section::RcuReader);
                }
            }
            SectionCall::Waits(section) => self.awaits.set(self.awaits.get().or(section.bit())),
        }
    }

    pub(super) fn finish(&self, engine: &dyn Engine, end: CallExit) {
        self.end_as(end);
        self.stop(engine);
    }

    /// Says how the call ends, if nothing has ended it yet.
    pub(super) fn end_as(&self, end: CallExit) {
        if self.end.get().is_none() {
            self.end.set(Some(end));
        }
    }

    /// Ends the call, or fails it if the way it ends could not be determined.
    pub(super) fn finish_as(&self, engine: &dyn Engine, end: Result<CallExit, EmuError>) {
        match end {
            Ok(end) => self.finish(engine, end),
            Err(error) => {
                self.fail(error);
                self.stop(engine);
            }
        }
    }

    /// Lets the call go on, unless something went wrong in the hook.
    pub(super) fn go_on(&self, engine: &dyn Engine, done: Result<(), EmuError>) {
        if let Err(error) = done {
            self.fail(error);
            self.stop(engine);
        }
    }

    pub(super) fn stop(&self, engine: &dyn Engine) {
        if let Err(error) = engine.stop() {
            self.fail(EmuError::engine("stop", error));
        }
    }

    /// Keeps an error, if it is the first.
    pub(super) fn fail(&self, error: EmuError) {
        self.fault.borrow_mut().get_or_insert(error);
    }

    pub(super) fn failed(&self) -> bool {
        self.fault.borrow().is_some()
    }

    /// Returns how a call ended.
    ///
    /// # Errors
    /// The first error of a hook.
    pub(super) fn ended(&self) -> Result<CallExit, EmuError> {
        if let Some(fault) = self.fault.take() {
            return Err(fault);
        }
        self.end.get().ok_or_else(|| EmuError::engine("end a call", EngineError::Stopped))
    }

    /// Whether a call that is followed was stopped at the first read without a value.
    pub(super) fn stopped_at_read(&self) -> bool {
        self.replay.borrow().as_ref().is_some_and(|replay| replay.stopped)
    }

    /// Returns hashes of the path, of memory, and of the loads of entries.
    pub(super) fn history(&self) -> [u64; 3] {
        [self.path_hash.get(), self.memory_hash.get(), self.loads_hash.get()]
    }

    pub(super) fn record(&self, pc: u64, what: Action) {
        self.recorder.record(self.number, pc, what);
    }

    pub(super) fn enter(&self, engine: &dyn Engine, start: u64, instructions: u64) {
        if start == self.return_pad {
            return;
        }
        let steps = {
            let mut path = self.path.borrow_mut();
            path.push(start);
            path.len()
        };
        let before = self.path_hash.get();
        self.path_hash_before.set(before);
        self.path_hash.set(mixed(before, start));
        let total = self.instructions.get() + instructions;
        self.instructions.set(total);
        if self.failed() {
            // The hook that failed had no engine to stop.
            self.stop(engine);
        } else if total > self.bounds.get().instructions {
            self.finish(engine, CallExit::InstructionBound);
        } else if steps > crate::end::LONGEST_PATH {
            self.finish(engine, CallExit::PathBound);
        } else if steps % STEPS_BETWEEN_CLOCKS == 0
            && self.deadline.get().is_some_and(|deadline| Instant::now() > deadline)
        {
            self.finish(engine, CallExit::TimeBound);
        }
    }
}
