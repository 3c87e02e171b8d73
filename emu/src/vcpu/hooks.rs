//! Hooks, which record what a CPU does while it runs, and end calls.

use std::cell::RefCell;
use std::ops::Range;
use std::rc::Rc;

use pmdscope_arches::ByteOrder;
use pmdscope_engine::{Accesses, Engine};
use pmdscope_watch::{Instruction, Isa, attach, instruction_at};
use rustc_hash::FxHashMap;

use super::call::{NextCall, enter};
use super::in_place::Listeners;
use super::observer::PageTableObserver;
use super::state::{State, Traps};
use super::{Vcpu, read_register};
use crate::EmuError;
use crate::context::{Section, SectionCall};
use crate::cpu::{CpuModel, ReturnTo};
use crate::decoder::Decoder;
use crate::end::CallExit;
use crate::kernel::Region;
use crate::trace::Action;

impl Vcpu {
    /// Hooks the return pad and exceptions, which end a call. All hooks are added before the first instruction
    /// runs: later ones would not fire.
    pub(super) fn hook_ends(&mut self) -> Result<(), EmuError> {
        let refused = |e| EmuError::engine("hook", e);
        let place = self.place;
        let pad = place.return_pad;
        let state = Rc::clone(&self.state);
        self.engine
            .on_code(
                pad,
                pad,
                Box::new(move |engine, _| match state.next.take() {
                    None => state.finish(engine, CallExit::Returned),
                    Some(next) => {
                        let NextCall { function, arguments } = &*next;
                        let (model, isa) = (state.model, state.isa);
                        let entered = enter(engine, model, isa, place, *function, arguments).and_then(|()| {
                            engine
                                .set_register(isa.program_counter, *function)
                                .map_err(|e| EmuError::engine("set a register", e))
                        });
                        state.go_on(engine, entered);
                    }
                }),
            )
            .map_err(refused)?;

        let program_counter = self.isa.program_counter;
        let state = Rc::clone(&self.state);
        let decoder = Rc::clone(&self.decoder);
        self.engine
            .on_exception(Box::new(move |engine, number| {
                let end = || {
                    let pc =
                        read_register(engine, program_counter)?.wrapping_sub(decoder.model.past_exception);
                    Ok(match accessed_nothing(engine, &decoder, pc)? {
                        Some((address, bytes)) => {
                            state.fault_bytes.set(bytes);
                            CallExit::Fault { pc, address: Some(address) }
                        }
                        None => CallExit::Exception { pc, number },
                    })
                };
                let end = end();
                state.finish_as(engine, end);
            }))
            .map_err(refused)?;
        Ok(())
    }

    /// Hooks accesses to unmapped memory.
    pub(super) fn hook_invalid(&mut self) -> Result<(), EmuError> {
        let program_counter = self.isa.program_counter;
        let state = Rc::clone(&self.state);
        self.engine
            .on_unmapped(Box::new(move |engine, address, size| {
                state.fault_bytes.set(size);
                let pc = read_register(engine, program_counter);
                state.finish_as(engine, pc.map(|pc| CallExit::Fault { pc, address: Some(address) }));
            }))
            .map(drop)
            .map_err(|e| EmuError::engine("hook", e))
    }

    /// Records and schedules the accesses to a range.
    pub(crate) fn watch(&mut self, range: Range<u64>) -> Result<(), EmuError> {
        let range = self.isa.physical(range.start)..self.isa.physical(range.end - 1) + 1;
        let observer = PageTableObserver(Rc::clone(&self.state));
        let watch = attach(&*self.engine, range, Rc::clone(&self.decoder.disassembler), observer)?;
        self.listeners.watches.borrow_mut().push(Rc::new(watch));
        Ok(())
    }

    /// Watches only the range that was watched first.
    pub(crate) fn unwatch_all_but_first(&mut self) -> Result<(), EmuError> {
        let mut watches = self.listeners.watches.borrow_mut();
        let first = watches.len().min(1);
        for watch in watches.drain(first..) {
            for hook in watch.hooks() {
                self.engine.remove(hook).map_err(|e| EmuError::engine("remove a hook", e))?;
            }
        }
        Ok(())
    }

    /// Has `tell` say what an instruction that raises an exception means.
    pub(crate) fn on_trap(&mut self, tell: Traps) {
        self.state.traps.replace(Some(tell));
    }

    /// Notes the blocks that are entered, and counts the instructions in them.
    pub(crate) fn on_blocks(&mut self) -> Result<(), EmuError> {
        let state = Rc::clone(&self.state);
        let decoder = Rc::clone(&self.decoder);
        let block_lengths = RefCell::new(FxHashMap::default());
        self.engine
            .on_block(Box::new(move |engine, start, bytes| {
                let known = block_lengths.borrow().get(&(start, bytes)).copied();
                let counted = known.map_or_else(
                    || {
                        let counted = count_instructions(engine, &decoder, start, bytes)?;
                        block_lengths.borrow_mut().insert((start, bytes), counted);
                        Ok(counted)
                    },
                    Ok,
                );
                let entered = counted.map(|instructions| state.enter(engine, start, instructions));
                state.go_on(engine, entered);
            }))
            .map(drop)
            .map_err(|e| EmuError::engine("hook", e))
    }

    /// Counts the blocks that are entered, each as one instruction, and records nothing.
    pub(crate) fn count_blocks(&mut self) -> Result<(), EmuError> {
        let state = Rc::clone(&self.state);
        self.engine
            .on_block(Box::new(move |engine, _, _| {
                let total = state.instructions.get() + 1;
                state.instructions.set(total);
                if total > state.bounds.get().instructions {
                    state.finish(engine, CallExit::InstructionBound);
                }
            }))
            .map(drop)
            .map_err(|e| EmuError::engine("hook", e))
    }

    /// Calls `then` before each access to a range, with its address as the engine sees it, its size, and whether it
    /// writes.
    pub(crate) fn on_access(
        &mut self,
        range: Range<u64>,
        then: impl Fn(u64, usize, bool) + 'static,
    ) -> Result<(), EmuError> {
        self.on_valued_access(range, move |address, size, store| {
            then(address, size, store.is_some());
            0
        })
    }

    /// Calls `then` before each access to a range, with its address as the engine sees it, its size, and the value
    /// that it stores, if it does. It returns by what the hash of memory changes, which is exclusive or.
    pub(crate) fn on_valued_access(
        &mut self,
        range: Range<u64>,
        then: impl Fn(u64, usize, Option<u64>) -> u64 + 'static,
    ) -> Result<(), EmuError> {
        let state = Rc::clone(&self.state);
        self.on_either(Accesses::All, range, move |address, size, store| {
            state.stores.set(state.stores.get() + u64::from(store.is_some()));
            let changed = then(address, size, store);
            state.memory_hash.set(state.memory_hash.get() ^ changed);
        })
    }

    /// Calls `then` before each store to a range, except atomic ones, with its address as the engine sees it, and
    /// its size.
    pub(crate) fn on_store(
        &mut self,
        range: Range<u64>,
        then: impl Fn(u64, usize) + 'static,
    ) -> Result<(), EmuError> {
        self.on_either(Accesses::Stores, range, move |address, size, store| {
            if store.is_some() {
                then(address, size);
            }
        })
    }

    /// Ends a call before it accesses a range, which is not empty. `how` has the address as the engine sees it.
    pub(crate) fn end_at_access(
        &mut self,
        range: Range<u64>,
        how: impl Fn(u64) -> CallExit + 'static,
    ) -> Result<(), EmuError> {
        if range.is_empty() {
            return Ok(());
        }
        let state = Rc::clone(&self.state);
        let (first, last) = (self.isa.physical(range.start), self.isa.physical(range.end - 1));
        let how = Rc::new(how);
        let (ends, of_listener) = (Rc::clone(&self.state), Rc::clone(&how));
        // Who tells of an access that the engine does not show stops the engine.
        let end_there = move |address, _, _| ends.end_as(of_listener(address));
        self.listeners.add(first..=last, Rc::new(end_there) as _);
        self.engine
            .on_access(
                Accesses::All,
                first,
                last,
                Box::new(move |engine, address, _, _| state.finish(engine, how(address))),
            )
            .map(drop)
            .map_err(|e| EmuError::engine("hook", e))
    }

    /// Calls `then` before each access of some kinds that the engine shows, and before each that it does not show.
    fn on_either(
        &mut self,
        accesses: Accesses,
        range: Range<u64>,
        then: impl Fn(u64, usize, Option<u64>) + 'static,
    ) -> Result<(), EmuError> {
        let (first, last) = (self.isa.physical(range.start), self.isa.physical(range.end - 1));
        let then = Rc::new(then);
        self.listeners.add(first..=last, Rc::clone(&then) as _);
        self.engine
            .on_access(
                accesses,
                first,
                last,
                Box::new(move |_, address, size, store| then(address, size, store)),
            )
            .map(drop)
            .map_err(|e| EmuError::engine("hook", e))
    }

    /// Calls `then` before each instruction from address `first` to address `last`. An error ends the call.
    pub(crate) fn on_code(
        &mut self,
        first: u64,
        last: u64,
        then: impl Fn(&mut HookContext<'_>, u64) -> Result<(), EmuError> + 'static,
    ) -> Result<(), EmuError> {
        let (state, listeners) = (Rc::clone(&self.state), Rc::clone(&self.listeners));
        let (model, isa) = (self.model, self.isa);
        self.engine
            .on_code(
                first,
                last,
                Box::new(move |engine, pc| {
                    let mut cpu = HookContext { model, isa, engine, state: &state, listeners: &listeners };
                    let done = then(&mut cpu, pc);
                    state.go_on(engine, done);
                }),
            )
            .map(drop)
            .map_err(|e| EmuError::engine("hook", e))
    }
}

/// A CPU as a hook sees it, between two instructions.
pub(crate) struct HookContext<'a> {
    pub(crate) model: &'static CpuModel,
    pub(crate) isa: &'static Isa,
    pub(super) engine: &'a dyn Engine,
    pub(super) state: &'a State,
    pub(super) listeners: &'a Listeners,
}

impl HookContext<'_> {
    pub(crate) fn register(&self, register: i32) -> Result<u64, EmuError> {
        read_register(self.engine, register)
    }

    pub(crate) fn set_register(&mut self, register: i32, value: u64) -> Result<(), EmuError> {
        self.engine.set_register(register, value).map_err(|e| EmuError::engine("set a register", e))
    }

    pub(crate) fn record(&self, pc: u64, what: Action) {
        self.state.record(pc, what);
    }

    /// Notes that interrupts may be on after this instruction.
    pub(crate) fn may_have_interrupts(&self) {
        self.state.leaves(Section::InterruptsOff);
    }

    /// Notes the call of a function of sections.
    pub(crate) fn section_call(&self, call: SectionCall) {
        self.state.section_call(call);
    }

    /// Returns the number of the CPU.
    pub(crate) fn number(&self) -> u8 {
        self.state.number
    }

    /// Stores a word of a region as an instruction of the CPU would.
    pub(crate) fn store(&self, region: &Region, offset: u64, order: ByteOrder, value: u64) {
        let changed = region.hash_of_store(offset, 8, order, value);
        region.write(offset, &order.encode(value));
        self.state.stores.set(self.state.stores.get() + 1);
        self.state.memory_hash.set(self.state.memory_hash.get() ^ changed);
    }

    /// Adds `pc` to the path of the call.
    pub(crate) fn enter(&mut self, pc: u64) {
        self.state.enter(self.engine, pc, 1);
    }

    /// Returns the instruction at `pc`.
    pub(crate) fn instruction(&self, decoder: &Decoder, pc: u64) -> Result<Instruction, EmuError> {
        Ok(instruction_at(self.engine, &decoder.disassembler, pc)?)
    }

    /// Ends the call here, before the instruction, in some way.
    pub(crate) fn end(&mut self, end: CallExit) {
        self.state.finish(self.engine, end);
    }

    /// Ends the call here, before the instruction, as if it had returned.
    pub(crate) fn stop(&mut self) {
        self.state.finish(self.engine, CallExit::Returned);
    }

    /// Returns the instruction at `pc` if something is to be done there; see [`Decoder::flushing`].
    pub(crate) fn flushing(&self, decoder: &Decoder, pc: u64) -> Result<Option<Instruction>, EmuError> {
        decoder.flushing(pc, || self.instruction(decoder, pc))
    }

    /// Returns from the function that was just entered.
    pub(crate) fn leave(&mut self, returns: Option<u64>) -> Result<(), EmuError> {
        if let Some(value) = returns {
            self.set_register(self.model.returns, value)?;
        }
        match self.model.return_to {
            ReturnTo::Register { register, less } => {
                let to = self.register(register)?.wrapping_add(less);
                self.jump(to)
            }
            ReturnTo::Stack => {
                let sp = self.register(self.model.stack_pointer)?;
                let mut to = [0; 8];
                self.engine
                    .read(self.isa.physical(sp), &mut to)
                    .map_err(|e| EmuError::engine("read the stack", e))?;
                self.set_register(self.model.stack_pointer, sp.wrapping_add(8))?;
                self.jump(u64::from_le_bytes(to))
            }
        }
    }

    /// Continues at `pc`.
    pub(crate) fn jump(&mut self, pc: u64) -> Result<(), EmuError> {
        self.set_register(self.isa.program_counter, pc)
    }
}

/// Returns the unmapped address that made an instruction raise an exception, its own or the one that it accesses, and
/// the number of bytes there: a word if it is not one byte.
///
/// Returns `None` if the exception has another cause. On s390x, the engine gives no other sign of an unmapped
/// address.
fn accessed_nothing(
    engine: &dyn Engine,
    decoder: &Decoder,
    pc: u64,
) -> Result<Option<(u64, usize)>, EmuError> {
    let Some(addresses_of) = decoder.model.addresses_of else { return Ok(None) };
    let is_nothing = |address: u64| engine.read(decoder.isa().physical(address), &mut [0]).is_err();
    if is_nothing(pc) {
        return Ok(Some((pc, 8)));
    }
    let text = instruction_at(engine, &decoder.disassembler, pc)?.text;
    let (mnemonic, operands) = text.split_once(' ').unwrap_or((&text, ""));
    let addresses = addresses_of(operands, &|register| read_register(engine, register))?;
    let bytes = if decoder.model.byte_accesses.contains(&mnemonic) { 1 } else { 8 };
    Ok(addresses.into_iter().find(|address| is_nothing(*address)).map(|address| (address, bytes)))
}

/// Returns the number of instructions in the block at `start`.
fn count_instructions(
    engine: &dyn Engine,
    decoder: &Decoder,
    start: u64,
    bytes: u32,
) -> Result<u64, EmuError> {
    let end = start.saturating_add(bytes.into());
    let (mut pc, mut count) = (start, 0);
    while pc < end {
        pc = pc.saturating_add(instruction_at(engine, &decoder.disassembler, pc)?.length);
        count += 1;
    }
    // A block that the engine reports as empty counts as one instruction, or a loop of such blocks would be free.
    Ok(count.max(1))
}
