//! The state that the hooks of one vCPU share: the bounds of a call, how far it has run, and what ended it.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Instant;

use corosensei::Yielder;
use pmdscope_watch::Isa;
use unicorn_engine::{Unicorn, uc_error};

use crate::EmuError;
use crate::cpu::CpuModel;
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
    /// The first error of a hook. A hook must not panic, and has no caller to return an error to.
    pub(super) fault: RefCell<Option<EmuError>>,
    pub(super) bounds: Cell<CallBounds>,
    pub(super) accesses: Cell<u64>,
    pub(super) instructions: Cell<u64>,
    /// Number of stores to all memory whose accesses are hooked.
    pub(super) stores: Cell<u64>,
    /// Whether code has said, by a hint, that it only waits.
    pub(super) spins: Cell<bool>,
    pub(super) deadline: Cell<Option<Instant>>,
    pub(super) model: &'static CpuModel,
    pub(super) isa: &'static Isa,
    /// The path: the addresses of the blocks or instructions that ran, in order.
    pub(super) path: RefCell<Vec<u64>>,
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

/// A call that is followed up to a read.
pub(super) struct Replay {
    /// The values for its reads, in order.
    pub(super) values: Vec<u64>,
    /// Number of reads that got a value.
    pub(super) made: usize,
    /// Whether it was stopped, at the first read without a value.
    pub(super) stopped: bool,
    /// The CPU's state at that read: its registers, and its number of stores.
    pub(super) state: Vec<u64>,
}

/// Where a call that was followed stopped.
pub(crate) enum Stop {
    /// At the first read without a value. `state` has the registers and the number of stores there.
    ///
    /// If it is the same at two reads of a call, then what the call reads alone decides whether it repeats itself.
    /// Empty if the state is not known.
    AtRead { state: Vec<u64> },
    /// At its end, after `reads` reads.
    AtEnd { end: CallExit, reads: usize },
}

/// Maximum length of a path, whatever the bound on instructions, so that it fits in memory (128 MiB).
const LONGEST_PATH: usize = 1 << 24;

/// Number of steps of a path between two looks at the clock, which takes as long as some instructions.
const STEPS_BETWEEN_CLOCKS: usize = 256;

impl State {
    /// Forgets the last call, and bounds the next.
    pub(super) fn begin(&self, bounds: CallBounds) {
        self.end.set(None);
        self.fault.take();
        self.bounds.set(bounds);
        self.accesses.set(0);
        self.instructions.set(0);
        self.stores.set(0);
        self.spins.set(false);
        self.deadline.set(Instant::now().checked_add(bounds.time));
        self.path.borrow_mut().clear();
        self.loads.borrow_mut().clear();
    }

    pub(super) fn finish(&self, engine: &mut Unicorn<'_, ()>, end: CallExit) {
        if self.end.get().is_none() {
            self.end.set(Some(end));
        }
        self.stop(engine);
    }

    /// Ends the call, or fails it if the way it ends could not be determined.
    pub(super) fn finish_as(&self, engine: &mut Unicorn<'_, ()>, end: Result<CallExit, EmuError>) {
        match end {
            Ok(end) => self.finish(engine, end),
            Err(error) => {
                self.fail(error);
                self.stop(engine);
            }
        }
    }

    /// Lets the call go on, unless something went wrong in the hook.
    pub(super) fn go_on(&self, engine: &mut Unicorn<'_, ()>, done: Result<(), EmuError>) {
        if let Err(error) = done {
            self.fail(error);
            self.stop(engine);
        }
    }

    pub(super) fn stop(&self, engine: &mut Unicorn<'_, ()>) {
        if let Err(error) = engine.emu_stop() {
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
        self.end.get().ok_or_else(|| EmuError::engine("end a call", uc_error::OK))
    }

    /// Whether a call that is followed was stopped at the first read without a value.
    pub(super) fn stopped_at_read(&self) -> bool {
        self.replay.borrow().as_ref().is_some_and(|replay| replay.stopped)
    }

    pub(super) fn record(&self, pc: u64, what: Action) {
        self.recorder.record(self.number, pc, what);
    }

    pub(super) fn enter(&self, engine: &mut Unicorn<'_, ()>, start: u64, instructions: u64) {
        if start == self.return_pad {
            return;
        }
        let steps = {
            let mut path = self.path.borrow_mut();
            path.push(start);
            path.len()
        };
        let total = self.instructions.get() + instructions;
        self.instructions.set(total);
        if self.failed() {
            // The hook that failed had no engine to stop.
            self.stop(engine);
        } else if total > self.bounds.get().instructions || steps > LONGEST_PATH {
            self.finish(engine, CallExit::InstructionBound);
        } else if steps % STEPS_BETWEEN_CLOCKS == 0
            && self.deadline.get().is_some_and(|deadline| Instant::now() > deadline)
        {
            self.finish(engine, CallExit::TimeBound);
        }
    }
}
