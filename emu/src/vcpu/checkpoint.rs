//! Checkpoints: a CPU in the middle of a call, from where calls that begin in the same way go on.

use std::rc::Rc;

use pmdscope_engine::{Context, Engine};

use super::call::NextCall;
use super::path::{Path, SharedPath};
use super::read_register;
use super::state::{Load, State};
use crate::EmuError;

/// Number of instructions between two checkpoints of a call. Going on from a checkpoint takes as long as running about
/// as many.
const INSTRUCTIONS_BETWEEN: u64 = 256;

/// A CPU that is about to run an instruction that reads watched memory.
pub(crate) struct Checkpoint {
    /// Number of reads of watched memory that the call has made.
    pub(crate) reads: usize,
    /// A hash of their values.
    pub(crate) reads_hash: u64,
    pub(super) context: Context,
    /// The bits that control address translation.
    pub(super) translation: Vec<u64>,
    /// Address of the instruction.
    pub(super) pc: u64,
    accesses: u64,
    instructions: u64,
    stores: u64,
    path_hash: u64,
    memory_hash: u64,
    loads_hash: u64,
    spins: bool,
    next: Option<Rc<NextCall>>,
    path: Rc<SharedPath>,
    loads: Vec<Load>,
}

impl State {
    /// Takes a checkpoint before the instruction at hand; `None` if there is one near before.
    ///
    /// An instruction that has read watched memory already has none: it would read that again.
    pub(super) fn checkpoint(
        &self,
        engine: &dyn Engine,
        reads: usize,
        reads_hash: u64,
    ) -> Result<Option<Checkpoint>, EmuError> {
        let instructions = self.instructions.get();
        let is_far = instructions >= self.last_checkpoint.get() + INSTRUCTIONS_BETWEEN;
        if !is_far || instructions == self.last_read.get() {
            return Ok(None);
        }
        self.last_checkpoint.set(instructions);
        let kept = |error| EmuError::engine("keep what a CPU is like", error);
        let read = |(register, bits): &(i32, u64)| Ok(read_register(engine, *register)? & bits);
        Ok(Some(Checkpoint {
            reads,
            reads_hash,
            context: engine.save().map_err(kept)?,
            translation: self.model.translation.iter().map(read).collect::<Result<_, EmuError>>()?,
            pc: read_register(engine, self.isa.program_counter)?,
            accesses: self.accesses.get(),
            // The instruction at hand is counted when it is run again.
            instructions: instructions - 1,
            stores: self.stores.get(),
            path_hash: self.path_hash_before.get(),
            memory_hash: self.memory_hash.get(),
            loads_hash: self.loads_hash.get(),
            spins: self.spins.get(),
            next: self.next.borrow().clone(),
            path: self.path.borrow_mut().share_before_last(),
            loads: self.loads.borrow().clone(),
        }))
    }

    /// Goes on from a checkpoint. The call has begun.
    pub(super) fn go_on_from(&self, checkpoint: &Checkpoint) {
        self.accesses.set(checkpoint.accesses);
        self.instructions.set(checkpoint.instructions);
        self.last_checkpoint.set(checkpoint.instructions + 1);
        self.stores.set(checkpoint.stores);
        self.path_hash.set(checkpoint.path_hash);
        self.memory_hash.set(checkpoint.memory_hash);
        self.loads_hash.set(checkpoint.loads_hash);
        self.spins.set(checkpoint.spins);
        self.next.replace(checkpoint.next.clone());
        self.path.replace(Path::after(&checkpoint.path));
        self.loads.replace(checkpoint.loads.clone());
    }
}
