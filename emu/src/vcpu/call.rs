//! Calls of functions: they begin, resume before each access, are followed up to a read, and end.

use std::ptr;
use std::rc::Rc;

use corosensei::stack::DefaultStack;
use corosensei::{Coroutine, CoroutineResult};
use pmdscope_arches::ByteOrder;
use pmdscope_engine::{Engine, EngineError};
use pmdscope_watch::Isa;

use super::checkpoint::Checkpoint;
use super::state::{Foresight, Load, Replay, State, Stop, Trap};
use super::{CallLayout, Vcpu, read_register};
use crate::EmuError;
use crate::cpu::{CpuModel, ReturnTo};
use crate::end::{CallBounds, CallExit};
use crate::trace::Action;

/// Bytes of a coroutine's stack: enough for the engine to translate and run code.
const COROUTINE_STACK_BYTES: usize = 1 << 20;

/// A call in progress. Each resumption lets it make the access it waits for, and runs it up to the next or to its
/// end. A call that is dropped while it waits is given up.
pub(crate) struct Call {
    coroutine: Option<Coroutine<(), (), (), DefaultStack>>,
    state: Rc<State>,
}

/// A call that follows when another has returned, as if a caller had made both.
pub(crate) struct NextCall {
    /// Address of the function.
    pub(crate) function: u64,
    pub(crate) arguments: Vec<u64>,
}

/// Where a call begins.
#[derive(Clone, Copy)]
pub(crate) enum From<'a> {
    /// At the beginning of a function. When it returns, `then` is called.
    Function { address: u64, arguments: &'a [u64], then: Option<&'a Rc<NextCall>> },
    /// In the middle of a call.
    Checkpoint(&'a Checkpoint),
}

impl Vcpu {
    /// Calls a function to its end, without a scheduler.
    pub(crate) fn call(
        &mut self,
        function: u64,
        arguments: &[u64],
        bounds: CallBounds,
    ) -> Result<CallExit, EmuError> {
        self.call_in_turn(function, arguments, None, bounds)
    }

    /// Calls a function to its end, and then another, without a scheduler.
    pub(crate) fn call_in_turn(
        &mut self,
        function: u64,
        arguments: &[u64],
        then: Option<&Rc<NextCall>>,
        bounds: CallBounds,
    ) -> Result<CallExit, EmuError> {
        self.prepare(function, arguments, bounds)?;
        self.state.next.replace(then.cloned());
        run(&*self.engine, &self.state, self.isa.program_counter, function);
        self.state.ended()
    }

    /// Runs a call, with `values` for its first reads of watched memory, up to the read after them, or as far as
    /// `foresight` lets it go on. If it goes on from a checkpoint, `values` has those of the reads before as well.
    pub(crate) fn follow(
        &mut self,
        from: From<'_>,
        bounds: CallBounds,
        values: &[u64],
        foresight: Option<Foresight>,
    ) -> Result<Stop, EmuError> {
        let (made, hash) = match from {
            From::Function { .. } => (0, 0),
            From::Checkpoint(checkpoint) => (checkpoint.reads, checkpoint.reads_hash),
        };
        self.state.replay.replace(Some(Replay {
            values: values.to_vec(),
            made,
            hash,
            reads_now: false,
            stopped: false,
            reads: Vec::new(),
            foresight,
        }));
        let end = match from {
            From::Function { address, arguments, then } => {
                self.call_in_turn(address, arguments, then, bounds)
            }
            From::Checkpoint(checkpoint) => self.go_on_from(checkpoint, bounds),
        };
        let replay = self.state.replay.take();
        let (made, stopped, reads) =
            replay.map_or((0, false, Vec::new()), |replay| (replay.made, replay.stopped, replay.reads));
        Ok(Stop { reads, end: Some((end?, made)).filter(|_| !stopped) })
    }

    /// Runs a call to its end, from a checkpoint on. Memory must be as it was then.
    fn go_on_from(&mut self, checkpoint: &Checkpoint, bounds: CallBounds) -> Result<CallExit, EmuError> {
        self.state.begin(CallBounds::default());
        self.forget_call()?;
        self.state.begin(bounds);
        self.state.go_on_from(checkpoint);
        let refused = |error| EmuError::engine("make a CPU what it was", error);
        self.engine.restore(&checkpoint.context).map_err(refused)?;
        if checkpoint.translation != self.translation {
            self.engine.forget_translations().map_err(refused)?;
        }
        run(&*self.engine, &self.state, self.isa.program_counter, checkpoint.pc);
        self.state.ended()
    }

    /// Whether a checkpoint has all of a CPU's state.
    pub(crate) fn has_checkpoints(&self) -> bool {
        self.model.not_in_context.is_empty() && self.model.clearing.is_empty()
    }

    /// Returns the number of bytes of the access that faulted last.
    pub(crate) fn fault_bytes(&self) -> usize {
        self.state.fault_bytes.get()
    }

    /// Returns hashes of what the last call did: its path, memory, and the loads of entries.
    pub(crate) fn history(&self) -> [u64; 3] {
        self.state.history()
    }

    /// Returns how the last call ended; `None` if it has not ended.
    pub(crate) fn end(&self) -> Option<CallExit> {
        self.state.end.get()
    }

    /// Begins a call that a scheduler drives: it runs up to its first access to the page table. When it returns,
    /// `then` is called.
    pub(crate) fn begin(
        &mut self,
        function: u64,
        arguments: &[u64],
        then: Option<&Rc<NextCall>>,
        bounds: CallBounds,
    ) -> Result<Call, EmuError> {
        self.prepare(function, arguments, bounds)?;
        self.state.next.replace(then.cloned());
        let stack = match self.stack.take() {
            Some(stack) => stack,
            None => DefaultStack::new(COROUTINE_STACK_BYTES)
                .map_err(|_| EmuError::engine("allocate a stack", EngineError::NoMemory))?,
        };
        let engine = Rc::clone(&self.engine);
        let program_counter = self.isa.program_counter;
        let state = Rc::clone(&self.state);
        let mut coroutine = Coroutine::with_stack(stack, move |yielder, ()| {
            state.yielder.set(yielder);
            run(&*engine, &state, program_counter, function);
            state.yielder.set(ptr::null());
        });
        let _: CoroutineResult<(), ()> = coroutine.resume(());
        Ok(Call { coroutine: Some(coroutine), state: Rc::clone(&self.state) })
    }

    /// Lets the call make the access it waits for, and run up to the next or to its end.
    pub(crate) fn resume(&mut self, call: &mut Call) {
        if let Some(coroutine) = &mut call.coroutine
            && !coroutine.done()
        {
            let _: CoroutineResult<(), ()> = coroutine.resume(());
        }
    }

    /// Ends a call, and returns how it ended. A call that still waits is given up.
    ///
    /// # Errors
    /// The first error of a hook. Nothing that the call did counts then.
    pub(crate) fn finish(&mut self, mut call: Call) -> Result<CallExit, EmuError> {
        call.give_up();
        self.stack = call.coroutine.take().map(Coroutine::into_stack).or_else(|| self.stack.take());
        self.state.ended()
    }

    /// Takes the path of the last call: the addresses of the blocks or instructions that it ran, in order.
    pub(crate) fn take_path(&mut self) -> Vec<u64> {
        self.state.path.borrow_mut().take()
    }

    /// Passes the path of the last call, and its loads of watched memory, to `then`.
    pub(crate) fn with_path<T>(&self, then: impl FnOnce(&[u64], &[Load]) -> T) -> T {
        then(self.state.path.borrow_mut().whole(), &self.state.loads.borrow())
    }

    pub(super) fn prepare(
        &mut self,
        function: u64,
        arguments: &[u64],
        bounds: CallBounds,
    ) -> Result<(), EmuError> {
        // The code that clears the CPU also runs on it, within the usual bounds.
        self.state.begin(CallBounds::default());
        self.forget_call()?;
        self.state.begin(bounds);

        enter(&*self.engine, self.model, self.isa, self.place, function, arguments)
    }

    /// Saves the current state of the CPU, with which every call begins.
    pub(super) fn keep_pristine(&mut self) -> Result<(), EmuError> {
        self.translation = self.read_translation()?;
        let beside = self.model.not_in_context.iter().cloned().flatten();
        let read = |register| Ok((register, read_register(&*self.engine, register)?));
        self.beside = beside.map(read).collect::<Result<_, EmuError>>()?;
        let saved = self.engine.save().map_err(|e| EmuError::engine("keep what a CPU is like", e))?;
        self.pristine = saved;
        Ok(())
    }

    /// Restores the state of the CPU before a call, whatever the last call did to it.
    pub(super) fn forget_call(&mut self) -> Result<(), EmuError> {
        let translated_as_ever = self.read_translation()? == self.translation;
        self.engine.restore(&self.pristine).map_err(|e| EmuError::engine("make a CPU what it was", e))?;
        if !self.model.clearing.is_empty() {
            self.put_return_address()?;
            let code = self.clearing_code();
            self.engine.run(code).map_err(|e| EmuError::engine("clear what a CPU has", e))?;
        }
        for at in 0..self.beside.len() {
            let (register, value) = self.beside[at];
            self.put_register(register, value)?;
        }
        if !translated_as_ever {
            // The engine caches the translations of addresses.
            self.engine
                .forget_translations()
                .map_err(|e| EmuError::engine("forget translations of addresses", e))?;
        }
        self.listeners.watches.borrow().iter().for_each(|watch| watch.forget_open_atomic());
        Ok(())
    }

    fn read_translation(&self) -> Result<Vec<u64>, EmuError> {
        let read = |(register, bits): &(i32, u64)| Ok(read_register(&*self.engine, *register)? & bits);
        self.model.translation.iter().map(read).collect()
    }

    /// Puts the address of the return pad into the register of return addresses, if the CPU has one.
    fn put_return_address(&mut self) -> Result<(), EmuError> {
        match self.model.return_to {
            ReturnTo::Register { register, less } => {
                self.put_register(register, self.place.return_pad - less)
            }
            ReturnTo::Stack => Ok(()),
        }
    }
}

/// Sets registers and the stack as a caller does that calls a function and is at the return pad.
pub(super) fn enter(
    engine: &dyn Engine,
    model: &CpuModel,
    isa: &Isa,
    place: CallLayout,
    function: u64,
    arguments: &[u64],
) -> Result<(), EmuError> {
    let mut sp = place.stack_top - model.stack_room;
    let mut registers = Vec::new();
    match model.return_to {
        ReturnTo::Stack => {
            sp -= 8;
            engine
                .write(isa.physical(sp), &place.return_pad.to_le_bytes())
                .map_err(|e| EmuError::engine("write memory", e))?;
        }
        ReturnTo::Register { register, less } => registers.push((register, place.return_pad - less)),
    }
    registers.push((model.stack_pointer, sp - model.stack_bias));
    let order = ByteOrder::of(model.arch);
    for (at, argument) in (0..).step_by(8).zip(arguments.iter().skip(model.arguments.len())) {
        engine
            .write(isa.physical(sp + model.stack_arguments + at), &order.encode(*argument))
            .map_err(|e| EmuError::engine("write memory", e))?;
    }
    registers.extend(model.entry_register.map(|register| (register, function)));
    registers.extend(model.arguments.iter().copied().zip(arguments.iter().copied()));
    registers.into_iter().try_for_each(|(register, value)| {
        engine.set_register(register, value).map_err(|e| EmuError::engine("set a register", e))
    })
}

impl Call {
    /// Whether it waits to make an access.
    pub(crate) fn waits(&self) -> bool {
        self.coroutine.as_ref().is_some_and(|coroutine| !coroutine.done())
    }

    /// Runs a call that waits to its end.
    ///
    /// Dropping a coroutine would unwind it, and one with C frames in it cannot be unwound.
    fn give_up(&mut self) {
        if let Some(coroutine) = self.coroutine.as_mut().filter(|coroutine| !coroutine.done()) {
            self.state.bounds.set(CallBounds { accesses: 0, ..self.state.bounds.get() });
            while !coroutine.done() {
                let _: CoroutineResult<(), ()> = coroutine.resume(());
            }
        }
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        self.give_up();
    }
}

/// Runs from `function` until a hook ends the call.
fn run(engine: &dyn Engine, state: &State, program_counter: i32, function: u64) {
    match run_to_end(engine, state, program_counter, function) {
        Ok(end) => state.end.set(Some(end)),
        Err(error) => state.fail(error),
    }
}

fn run_to_end(
    engine: &dyn Engine,
    state: &State,
    program_counter: i32,
    function: u64,
) -> Result<CallExit, EmuError> {
    let (mut from, mut before) = (function, None);
    let end = loop {
        let result = engine.run(from);
        if let Some(end) = state.end.get() {
            match after_trap(engine, state, end)? {
                Ok(next) => {
                    state.end.set(None);
                    from = next;
                    continue;
                }
                Err(end) => break end,
            }
        }
        if state.failed() {
            // `state` keeps the error. The engine only reports that it was stopped.
            break CallExit::Engine(EngineError::Stopped);
        }
        let pc = read_register(engine, program_counter)?;
        let instructions = Some(state.instructions.get());
        match result {
            // An unmapped address that no hook reported.
            Err(EngineError::Exception | EngineError::Unmapped) => {
                break CallExit::Fault { pc, address: None };
            }
            Err(EngineError::NotKnown(instruction)) => break CallExit::NotKnown(instruction),
            Err(EngineError::Invalid) => {
                match after_trap(engine, state, CallExit::Exception { pc, number: 0 })? {
                    Ok(next) => from = next,
                    Err(end) => break end,
                }
            }
            Err(error) => break CallExit::Engine(error),
            // A function at address 0 was called, where the engine always stops.
            Ok(()) if pc == 0 && !state.stopped_at_read() => {
                break CallExit::Fault { pc, address: Some(0) };
            }
            // The engine stops after a hint of a thread's priority (ppc64le has one before and one after each wait
            // for a lock).
            Ok(()) if !state.stopped_at_read() && instructions != before => {
                let spin = state.model.begins_to_spin;
                let mut hint = vec![0; spin.len()];
                let at = state.isa.physical(pc.wrapping_sub(hint.len() as u64));
                if !hint.is_empty() {
                    let read = engine.read(at, &mut hint);
                    read.map_err(|e| EmuError::engine("read the hint that it stopped at", e))?;
                }
                state.spins.set(!spin.is_empty() && hint == spin);
                (from, before) = (pc, instructions);
            }
            // Stopped, but not by a hook of ours.
            Ok(()) => break CallExit::Engine(EngineError::Stopped),
        }
    };
    Ok(end)
}

/// Returns where a call goes on after an exception that reports a warning, or else how it ends.
fn after_trap(engine: &dyn Engine, state: &State, end: CallExit) -> Result<Result<u64, CallExit>, EmuError> {
    let (CallExit::Exception { pc, .. }, Some(tell)) = (end, &*state.traps.borrow()) else {
        return Ok(Err(end));
    };
    let first = state.model.arguments.first();
    let argument = first.map_or(Ok(0), |register| read_register(engine, *register))?;
    match tell(pc, argument) {
        None => Ok(Err(end)),
        Some(Trap::Bug) => Ok(Err(CallExit::Bug { pc })),
        Some(Trap::Warning { place, length }) => {
            state.record(pc, Action::KernelWarning { place });
            Ok(Ok(pc.wrapping_add(length)))
        }
    }
}
