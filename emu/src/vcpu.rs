//! One CPU: a Unicorn instance that has the guest and the shared memory mapped, and calls functions
//! of the guest. While it is scheduled it runs in a coroutine, and is suspended before each access
//! to the page table.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::ops::{ControlFlow, Range};
use std::ptr;
use std::rc::Rc;
use std::time::Instant;

use corosensei::stack::DefaultStack;
use corosensei::{Coroutine, CoroutineResult, Yielder};
use unicorn_engine::{HookType, MemType, Prot, TlbEntry, TlbType, Unicorn, uc_error};

use crate::EmuError;
use crate::disassembler::{Disassembler, Instruction, LONGEST_INSTRUCTION_BYTES};
use crate::end::{CallBounds, End};
use crate::engine;
use crate::isa::{Isa, ReturnTo};
use crate::memory::Shared;
use crate::trace::{Recorder, What};
use crate::watch::{self, AccessKind, Observer, Site};

/// What the hooks of one vCPU share.
struct State {
    number: u8,
    return_pad: u64,
    /// Shared by all vCPUs.
    recorder: Rc<Recorder>,
    yielder: Cell<*const Yielder<(), ()>>,
    end: Cell<Option<End>>,
    bounds: Cell<CallBounds>,
    accesses: Cell<u64>,
    instructions: Cell<u64>,
    /// Stores to all memory whose accesses are hooked.
    stores: Cell<u64>,
    /// Whether code has said that all it does is to wait.
    spins: Cell<bool>,
    deadline: Cell<Option<Instant>>,
    isa: &'static Isa,
    /// Where the code went: the starts of blocks, or instructions.
    path: RefCell<Vec<u64>>,
    /// The values that reads are to return, if the call is followed.
    replay: RefCell<Option<Replay>>,
}

/// A call that is followed up to a read.
struct Replay {
    /// What its reads return.
    values: Vec<u64>,
    /// How many it has made.
    made: usize,
    /// Whether it was stopped, at the first read that there is no value for.
    stopped: bool,
    /// What the CPU had there: its registers, and how often it had stored.
    state: Vec<u64>,
}

/// Where a call that was followed stopped.
pub(crate) enum Stop {
    /// At the first read that there was no value for, where it had this in registers, and had stored so often. Twice
    /// the same in one call, and it depends on nothing but what it reads whether it does the same again. Empty
    /// if that cannot be said.
    AtRead { state: Vec<u64> },
    /// At its end, after as many reads.
    Ended { end: End, reads: usize },
}

/// Where a CPU has what every call needs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    /// Where functions return to. Not page-aligned: the engine mistakes an aligned stop address on s390x.
    pub(crate) return_pad: u64,
    /// Stacks grow down from here.
    pub(crate) stack_top: u64,
}

/// What a page may be used for, by its address.
pub(crate) type Uses = fn(u64) -> Prot;

/// A CPU.
pub(crate) struct Vcpu {
    isa: &'static Isa,
    place: Place,
    engine: Unicorn<'static, ()>,
    state: Rc<State>,
    decoder: Rc<Disassembler>,
    stack: Option<DefaultStack>,
    /// What the engine has mapped. Declared after it, so dropped after it.
    mapped: Vec<Rc<Shared>>,
}

/// Enough for the engine to translate and run in.
const COROUTINE_STACK_BYTES: usize = 1 << 20;

/// A call in progress: each resumption lets it make the access it waits for, and run up to the
/// next one or to its end. One that is dropped while it waits is given up.
pub(crate) struct Call {
    coroutine: Option<Coroutine<(), (), (), DefaultStack>>,
    state: Rc<State>,
}

impl Vcpu {
    /// A CPU that has nothing mapped yet. What its own functions take as addresses is what a program
    /// would use; the engine is given what it makes of them.
    pub(crate) fn new(
        number: u8,
        place: Place,
        recorder: &Rc<Recorder>,
        decoder: &Rc<Disassembler>,
    ) -> Result<Self, EmuError> {
        let everything = decoder.isa().virtual_tlb.then_some((|_| Prot::ALL) as Uses);
        let mut vcpu = Vcpu::open(number, place, recorder, decoder, everything)?;
        vcpu.hook_invalid()?;
        Ok(vcpu)
    }

    /// A CPU that nothing slows down: no access of it is hooked, not even one to where nothing is, which then
    /// ends a call without its address. Stores are fast only to where `uses` says that no code is: of all other
    /// memory the engine looks each time whether it has translated what they overwrite.
    pub(crate) fn unwatched(place: Place, decoder: &Rc<Disassembler>, uses: Uses) -> Result<Self, EmuError> {
        Vcpu::open(0, place, &Rc::new(Recorder::new()), decoder, Some(uses))
    }

    fn open(
        number: u8,
        place: Place,
        recorder: &Rc<Recorder>,
        decoder: &Rc<Disassembler>,
        uses: Option<Uses>,
    ) -> Result<Self, EmuError> {
        let isa = decoder.isa();
        let (arch, mode) = isa.engine;
        engine::check()?;
        let mut engine = Unicorn::new(arch, mode).map_err(|e| EmuError::engine("open a CPU", e))?;
        if let Some(uses) = uses {
            engine
                .ctl_set_tlb_type(TlbType::VIRTUAL)
                .and_then(|()| {
                    // The engine asks of one of its pages, whose size it does not tell: arm64's has 1 KiB.
                    engine.add_tlb_hook(1, 0, move |_, address, _| {
                        Some(TlbEntry { paddr: isa.physical(address), perms: uses(address) })
                    })
                })
                .map_err(|e| EmuError::engine("translate addresses", e))?;
        }
        let state = Rc::new(State {
            number,
            return_pad: place.return_pad,
            recorder: Rc::clone(recorder),
            yielder: Cell::new(ptr::null()),
            end: Cell::new(None),
            bounds: Cell::new(CallBounds::default()),
            accesses: Cell::default(),
            instructions: Cell::default(),
            stores: Cell::default(),
            spins: Cell::default(),
            isa,
            deadline: Cell::default(),
            path: RefCell::default(),
            replay: RefCell::default(),
        });
        let mut vcpu =
            Vcpu { isa, place, engine, state, decoder: Rc::clone(decoder), stack: None, mapped: Vec::new() };
        vcpu.hook_ends()?;
        Ok(vcpu)
    }

    /// Maps memory that other vCPUs may have too.
    pub(crate) fn map(&mut self, address: u64, memory: &Rc<Shared>) -> Result<(), EmuError> {
        self.mapped.push(Rc::clone(memory));
        let address = self.isa.physical(address);
        // SAFETY: the buffer is as long as the mapping, and `mapped` keeps it for as long as the
        // engine lives.
        unsafe { self.engine.mem_map_ptr(address, memory.len(), Prot::ALL, memory.pointer().cast()) }
            .map_err(|e| EmuError::engine("map memory", e))
    }

    /// Puts something to return to where functions return to. Memory must be there.
    pub(crate) fn provide_return_pad(&mut self) -> Result<(), EmuError> {
        self.write(self.place.return_pad, self.isa.idle)
    }

    /// Hooks whatever ends a call. All hooks are there before the first instruction: those added later
    /// would not fire.
    fn hook_ends(&mut self) -> Result<(), EmuError> {
        let refused = |e| EmuError::engine("hook", e);
        let pad = self.place.return_pad;
        let state = Rc::clone(&self.state);
        self.engine
            .add_code_hook(pad, pad, move |uc, _, _| state.finish(uc, End::Returned))
            .map_err(refused)?;

        let program_counter = self.isa.program_counter;
        let state = Rc::clone(&self.state);
        let decoder = Rc::clone(&self.decoder);
        self.engine
            .add_intr_hook(move |uc, number| {
                let pc = uc.reg_read(program_counter).unwrap_or(0);
                let end = match accessed_nothing(uc, &decoder, pc) {
                    Some(address) => End::Fault { pc, address: Some(address) },
                    None => End::Exception { pc, number },
                };
                state.finish(uc, end);
            })
            .map_err(refused)?;
        Ok(())
    }

    /// Hooks accesses to where nothing is.
    fn hook_invalid(&mut self) -> Result<(), EmuError> {
        let program_counter = self.isa.program_counter;
        let state = Rc::clone(&self.state);
        self.engine
            .add_mem_hook(HookType::MEM_INVALID, 1, 0, move |uc, _, address, _, _| {
                let pc = uc.reg_read(program_counter).unwrap_or(0);
                state.finish(uc, End::Fault { pc, address: Some(address) });
                false
            })
            .map(drop)
            .map_err(|e| EmuError::engine("hook", e))
    }

    /// Has accesses to a range recorded, and scheduled.
    pub(crate) fn watch(&mut self, range: Range<u64>) -> Result<(), EmuError> {
        let range = self.isa.physical(range.start)..self.isa.physical(range.end - 1) + 1;
        let observer = PageTableObserver(Rc::clone(&self.state));
        watch::attach(&mut self.engine, range, Rc::clone(&self.decoder), observer)?;
        Ok(())
    }

    /// Notes the blocks that are entered, and counts the instructions in them.
    pub(crate) fn on_blocks(&mut self) -> Result<(), EmuError> {
        let state = Rc::clone(&self.state);
        let decoder = Rc::clone(&self.decoder);
        let block_lengths = RefCell::new(HashMap::new());
        self.engine
            .add_block_hook(1, 0, move |uc, start, bytes| {
                let instructions = *block_lengths
                    .borrow_mut()
                    .entry((start, bytes))
                    .or_insert_with(|| count_instructions(uc, &decoder, start, bytes));
                state.enter(uc, start, instructions);
            })
            .map(drop)
            .map_err(|e| EmuError::engine("hook", e))
    }

    /// Counts the blocks that are entered, as if each were one instruction, and nothing else.
    pub(crate) fn count_blocks(&mut self) -> Result<(), EmuError> {
        let state = Rc::clone(&self.state);
        self.engine
            .add_block_hook(1, 0, move |uc, _, _| {
                let total = state.instructions.get() + 1;
                state.instructions.set(total);
                if total > state.bounds.get().instructions {
                    state.finish(uc, End::InstructionBound);
                }
            })
            .map(drop)
            .map_err(|e| EmuError::engine("hook", e))
    }

    /// Calls `then` before each access to a range, with its address as the engine has it, its size, and
    /// whether it writes.
    pub(crate) fn on_access(
        &mut self,
        range: Range<u64>,
        mut then: impl FnMut(u64, usize, bool) + 'static,
    ) -> Result<(), EmuError> {
        let last = self.isa.physical(range.end - 1);
        let state = Rc::clone(&self.state);
        self.engine
            .add_mem_hook(
                HookType::MEM_READ | HookType::MEM_WRITE,
                self.isa.physical(range.start),
                last,
                move |_, kind, address, size, _| {
                    let writes = kind == MemType::WRITE;
                    state.stores.set(state.stores.get() + u64::from(writes));
                    then(address, size, writes);
                    true
                },
            )
            .map(drop)
            .map_err(|e| EmuError::engine("hook", e))
    }

    /// Calls `then` before each store to a range, but for those that are atomic.
    pub(crate) fn on_store(
        &mut self,
        range: Range<u64>,
        mut then: impl FnMut() + 'static,
    ) -> Result<(), EmuError> {
        let last = self.isa.physical(range.end - 1);
        self.engine
            .add_mem_hook(HookType::MEM_WRITE, self.isa.physical(range.start), last, move |_, _, _, _, _| {
                then();
                true
            })
            .map(drop)
            .map_err(|e| EmuError::engine("hook", e))
    }

    /// Calls `then` before each instruction from the first to the last of two addresses.
    pub(crate) fn on_code(
        &mut self,
        first: u64,
        last: u64,
        mut then: impl FnMut(&mut Cpu<'_, '_>, u64) + 'static,
    ) -> Result<(), EmuError> {
        let state = Rc::clone(&self.state);
        let isa = self.isa;
        self.engine
            .add_code_hook(first, last, move |uc, pc, _| {
                then(&mut Cpu { isa, engine: uc, state: &state }, pc);
            })
            .map(drop)
            .map_err(|e| EmuError::engine("hook", e))
    }

    /// Forgets translated code, so that hooks that were added since are seen.
    pub(crate) fn forget_translations(&mut self) -> Result<(), EmuError> {
        self.engine.ctl_flush_tb().map_err(|e| EmuError::engine("forget translations", e))
    }

    /// The instruction at `pc`.
    pub(crate) fn instruction(&self, pc: u64) -> Instruction {
        let mut code = [0; LONGEST_INSTRUCTION_BYTES];
        let _ = self.engine.mem_read(self.isa.physical(pc), &mut code);
        self.decoder.at(pc, &code)
    }

    pub(crate) fn write(&mut self, address: u64, bytes: &[u8]) -> Result<(), EmuError> {
        self.engine
            .mem_write(self.isa.physical(address), bytes)
            .map_err(|e| EmuError::engine("write memory", e))
    }

    pub(crate) fn read(&self, address: u64, bytes: usize) -> Result<Vec<u8>, EmuError> {
        self.engine
            .mem_read_as_vec(self.isa.physical(address), bytes)
            .map_err(|e| EmuError::engine("read memory", e))
    }

    /// Where the last call went, in order: the starts of blocks, or instructions. It is handed over.
    pub(crate) fn take_path(&mut self) -> Vec<u64> {
        self.state.path.take()
    }

    pub(crate) fn set_register(&mut self, register: i32, value: u64) -> Result<(), EmuError> {
        self.engine.reg_write(register, value).map_err(|e| EmuError::engine("set a register", e))
    }

    pub(crate) fn register(&self, register: i32) -> Result<u64, EmuError> {
        self.engine.reg_read(register).map_err(|e| EmuError::engine("read a register", e))
    }

    /// Calls a function to its end, without a scheduler.
    pub(crate) fn call(
        &mut self,
        function: u64,
        arguments: &[u64],
        bounds: CallBounds,
    ) -> Result<End, EmuError> {
        self.prepare(function, arguments, bounds)?;
        Ok(run(&mut self.engine, &self.state, self.isa.program_counter, function))
    }

    /// Calls a function, with these values for its reads of the page table, up to the read after them.
    pub(crate) fn follow(
        &mut self,
        function: u64,
        arguments: &[u64],
        bounds: CallBounds,
        values: &[u64],
    ) -> Result<Stop, EmuError> {
        let replay = Replay { values: values.to_vec(), made: 0, stopped: false, state: Vec::new() };
        self.state.replay.replace(Some(replay));
        let end = self.call(function, arguments, bounds);
        let replay = self.state.replay.take();
        end.map(|end| match replay {
            Some(Replay { stopped: true, state, .. }) => Stop::AtRead { state },
            replay => Stop::Ended { end, reads: replay.map_or(0, |replay| replay.made) },
        })
    }

    /// How the last call ended, if it did.
    pub(crate) fn end(&self) -> Option<End> {
        self.state.end.get()
    }

    /// Begins a call that a scheduler drives: it runs up to its first access to the page table.
    pub(crate) fn begin(
        &mut self,
        function: u64,
        arguments: &[u64],
        bounds: CallBounds,
    ) -> Result<Call, EmuError> {
        self.prepare(function, arguments, bounds)?;
        let stack = match self.stack.take() {
            Some(stack) => stack,
            None => DefaultStack::new(COROUTINE_STACK_BYTES)
                .map_err(|_| EmuError::engine("allocate a stack", uc_error::NOMEM))?,
        };
        let mut engine = self.engine.clone();
        let program_counter = self.isa.program_counter;
        let state = Rc::clone(&self.state);
        let mut coroutine = Coroutine::with_stack(stack, move |yielder, ()| {
            state.yielder.set(yielder);
            run(&mut engine, &state, program_counter, function);
            state.yielder.set(ptr::null());
        });
        let _ = coroutine.resume(());
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

    /// Ends a call, and says how it ended. One that still waits is given up.
    pub(crate) fn finish(&mut self, mut call: Call) -> End {
        call.give_up();
        self.stack = call.coroutine.take().map(Coroutine::into_stack).or_else(|| self.stack.take());
        self.state.end.get().unwrap_or(End::Engine(uc_error::OK))
    }

    fn prepare(&mut self, function: u64, arguments: &[u64], bounds: CallBounds) -> Result<(), EmuError> {
        let state = &self.state;
        state.end.set(None);
        state.bounds.set(bounds);
        state.accesses.set(0);
        state.instructions.set(0);
        state.stores.set(0);
        state.spins.set(false);
        state.deadline.set(Instant::now().checked_add(bounds.time));
        state.path.borrow_mut().clear();

        let isa = self.isa;
        let pad = self.place.return_pad;
        let mut sp = self.place.stack_top - isa.stack_room;
        if let ReturnTo::Stack = isa.return_to {
            sp -= 8;
            self.write(sp, &pad.to_le_bytes())?;
        }
        let mut registers: Vec<(i32, u64)> = isa.start_registers.to_vec();
        registers.push((isa.stack_pointer, sp - isa.stack_bias));
        if let ReturnTo::Register { register, less } = isa.return_to {
            registers.push((register, pad - less));
        }
        registers.extend(isa.entry_register.map(|register| (register, function)));
        registers.extend(isa.arguments.iter().copied().zip(arguments.iter().copied()));
        for (register, value) in registers {
            self.set_register(register, value)?;
        }
        Ok(())
    }
}

/// A CPU as a hook sees it, between two instructions.
pub(crate) struct Cpu<'a, 'e> {
    pub(crate) isa: &'static Isa,
    engine: &'a mut Unicorn<'e, ()>,
    state: &'a State,
}

impl Cpu<'_, '_> {
    pub(crate) fn register(&self, register: i32) -> u64 {
        self.engine.reg_read(register).unwrap_or(0)
    }

    pub(crate) fn set_register(&mut self, register: i32, value: u64) {
        let _ = self.engine.reg_write(register, value);
    }

    pub(crate) fn read(&self, address: u64, bytes: &mut [u8]) -> bool {
        self.engine.mem_read(self.isa.physical(address), bytes).is_ok()
    }

    pub(crate) fn record(&self, pc: u64, what: What) {
        self.state.record(pc, what);
    }

    /// Notes that code went here.
    pub(crate) fn enter(&mut self, pc: u64) {
        self.state.enter(self.engine, pc, 1);
    }

    /// The instruction at `pc`.
    pub(crate) fn instruction(&self, decoder: &Disassembler, pc: u64) -> Instruction {
        let mut code = [0; LONGEST_INSTRUCTION_BYTES];
        self.read(pc, &mut code);
        decoder.at(pc, &code)
    }

    /// Ends the call here, before the instruction, as if it had returned.
    pub(crate) fn stop(&mut self) {
        self.state.finish(self.engine, End::Returned);
    }

    /// The instruction at `pc`, if it flushes translations or is to be stepped over.
    pub(crate) fn flushing(&self, decoder: &Disassembler, pc: u64) -> Option<Instruction> {
        decoder.flushing(pc, |code| self.read(pc, code))
    }

    /// Returns from the function that was just entered.
    pub(crate) fn leave(&mut self, returns: Option<u64>) {
        if let Some(value) = returns {
            self.set_register(self.isa.returns, value);
        }
        match self.isa.return_to {
            ReturnTo::Register { register, less } => {
                let to = self.register(register) + less;
                self.jump(to);
            }
            ReturnTo::Stack => {
                let sp = self.register(self.isa.stack_pointer);
                let mut to = [0; 8];
                self.read(sp, &mut to);
                self.set_register(self.isa.stack_pointer, sp + 8);
                self.jump(u64::from_le_bytes(to));
            }
        }
    }

    /// Goes on elsewhere.
    pub(crate) fn jump(&mut self, pc: u64) {
        self.set_register(self.isa.program_counter, pc);
    }
}

impl Call {
    /// Whether it waits to make an access.
    pub(crate) fn waits(&self) -> bool {
        self.coroutine.as_ref().is_some_and(|coroutine| !coroutine.done())
    }

    /// Has a call that waits run to an end all the same: a coroutine with C frames in it cannot be
    /// unwound, as dropping it would.
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

/// Runs from `function` until a hook ends it. Stop address 0 is never reached: with the return
/// address there the engine would throw a translation away after each run.
fn run(engine: &mut Unicorn<'static, ()>, state: &State, program_counter: i32, function: u64) -> End {
    let (mut from, mut before) = (function, None);
    let end = loop {
        let result = engine.emu_start(from, 0, 0, 0);
        if let Some(end) = state.end.get() {
            break end;
        }
        let pc = engine.reg_read(program_counter).unwrap_or(0);
        let instructions = Some(state.instructions.get());
        match result {
            // An address where nothing is, if no hook told of it.
            Err(
                uc_error::EXCEPTION
                | uc_error::READ_UNMAPPED
                | uc_error::WRITE_UNMAPPED
                | uc_error::FETCH_UNMAPPED,
            ) => break End::Fault { pc, address: None },
            Err(uc_error::INSN_INVALID) => break End::Exception { pc, number: 0 },
            Err(error) => break End::Engine(error),
            // The engine stops after a hint of how much a thread is to run (ppc64le has one before and one after
            // each wait for a lock).
            Ok(()) if !state.stopped_at_read() && instructions != before => {
                let spin = state.isa.begins_to_spin;
                let mut hint = vec![0; spin.len()];
                let at = state.isa.physical(pc.wrapping_sub(hint.len() as u64));
                state.spins.set(!spin.is_empty() && engine.mem_read(at, &mut hint).is_ok() && hint == spin);
                (from, before) = (pc, instructions);
            }
            // Stopped, but not by a hook of ours.
            Ok(()) => break End::Engine(uc_error::OK),
        }
    };
    state.end.set(Some(end));
    end
}

impl State {
    fn finish(&self, engine: &mut Unicorn<'_, ()>, end: End) {
        if self.end.get().is_none() {
            self.end.set(Some(end));
        }
        let _ = engine.emu_stop();
    }

    /// Whether a call that is followed was stopped at the read where it was to stop.
    fn stopped_at_read(&self) -> bool {
        self.replay.borrow().as_ref().is_some_and(|replay| replay.stopped)
    }

    fn record(&self, pc: u64, what: What) {
        self.recorder.record(self.number, pc, what);
    }

    fn enter(&self, engine: &mut Unicorn<'_, ()>, start: u64, instructions: u64) {
        if start == self.return_pad {
            return;
        }
        self.path.borrow_mut().push(start);
        let total = self.instructions.get() + instructions;
        self.instructions.set(total);
        if total > self.bounds.get().instructions {
            self.finish(engine, End::InstructionBound);
        } else if self.deadline.get().is_some_and(|deadline| Instant::now() > deadline) {
            self.finish(engine, End::TimeBound);
        }
    }
}

/// Records the accesses of one vCPU, and hands over to the scheduler before each.
struct PageTableObserver(Rc<State>);

impl Observer for PageTableObserver {
    fn before(&mut self, site: &Site) -> ControlFlow<()> {
        let state = &self.0;
        state.recorder.settle();
        if let Some(replay) = state.replay.borrow_mut().as_mut() {
            if replay.stopped {
                return ControlFlow::Break(());
            }
            if site.kind != AccessKind::Store {
                let Some(value) = replay.values.get(replay.made) else {
                    replay.stopped = true;
                    return ControlFlow::Break(());
                };
                state.recorder.put(site.address, *value);
                replay.made += 1;
            }
        }
        if !state.yielder.get().is_null() {
            // SAFETY: the yielder lives as long as the coroutine that this runs in, which put it
            // there and takes it away before it ends.
            unsafe { &*state.yielder.get() }.suspend(());
        }
        // Asked now, since the scheduler may have given the call up. The access has had its turn:
        // the engine will make it whatever is said here, and other CPUs may see what it stores.
        if state.accesses.get() >= state.bounds.get().accesses {
            if state.end.get().is_none() {
                state.end.set(Some(End::AccessBound));
            }
            return ControlFlow::Break(());
        }
        state.accesses.set(state.accesses.get() + 1);
        ControlFlow::Continue(())
    }

    fn stopped(&mut self, register: &dyn Fn(i32) -> u64) {
        let state = &self.0;
        if let Some(replay) = state.replay.borrow_mut().as_mut().filter(|replay| replay.state.is_empty()) {
            let registers = state.isa.registers.iter().cloned().flatten();
            // Code that says that it waits counts in registers how often it has looked: they are left out.
            replay.state.extend(registers.filter(|_| !state.spins.get()).map(register));
            if !state.isa.registers.is_empty() {
                replay.state.extend([register(state.isa.program_counter), state.stores.get()]);
            }
        }
    }

    fn loaded(&mut self, site: &Site, _: u64) {
        self.0.recorder.loaded(self.0.number, site);
    }

    fn stored(&mut self, site: &Site, _: u64) {
        self.0.recorder.storing(self.0.number, site);
    }
}

/// The address of an instruction, or what it accesses, where nothing is, if that is why it raised an
/// exception: on s390x the engine has no other sign of it.
fn accessed_nothing(engine: &Unicorn<'_, ()>, decoder: &Disassembler, pc: u64) -> Option<u64> {
    let address_of = decoder.isa().address_of?;
    let mut code = [0; LONGEST_INSTRUCTION_BYTES];
    if engine.mem_read(decoder.isa().physical(pc), &mut code).is_err() {
        return Some(pc);
    }
    let text = decoder.at(pc, &code).text;
    let (_, operands) = text.split_once(' ').unwrap_or((&text, ""));
    address_of(operands, &|register| engine.reg_read(register).unwrap_or(0))
        .filter(|address| engine.mem_read(*address, &mut [0]).is_err())
}

/// How many instructions the block at `start` has.
fn count_instructions(engine: &Unicorn<'_, ()>, decoder: &Disassembler, start: u64, bytes: u32) -> u64 {
    let (mut pc, end) = (start, start + u64::from(bytes));
    let mut count = 0;
    while pc < end {
        let mut code = [0; LONGEST_INSTRUCTION_BYTES];
        if engine.mem_read(decoder.isa().physical(pc), &mut code).is_err() {
            break;
        }
        pc += decoder.at(pc, &code).length;
        count += 1;
    }
    // A block that cannot be read must count all the same, or a loop of it would be free.
    count.max(1)
}
