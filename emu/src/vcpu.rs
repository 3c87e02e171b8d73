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
use pmdscope_watch::{
    AccessKind, Instruction, Isa, Observer, ReadRegister, Site, Watch, WatchError, attach, instruction_at,
};
use unicorn_engine::{Context, HookType, MemType, Prot, TlbEntry, TlbType, Unicorn, uc_error};

use crate::EmuError;
use crate::cpu::{CpuModel, ReturnTo};
use crate::decoder::Decoder;
use crate::end::{CallBounds, End};
use crate::engine;
use crate::memory::Shared;
use crate::trace::{Recorder, What};

/// What the hooks of one vCPU share.
struct State {
    number: u8,
    return_pad: u64,
    /// Shared by all vCPUs.
    recorder: Rc<Recorder>,
    yielder: Cell<*const Yielder<(), ()>>,
    end: Cell<Option<End>>,
    /// What went wrong in a hook, which must not panic and has nobody to return it to.
    fault: RefCell<Option<EmuError>>,
    bounds: Cell<CallBounds>,
    accesses: Cell<u64>,
    instructions: Cell<u64>,
    /// Stores to all memory whose accesses are hooked.
    stores: Cell<u64>,
    /// Whether code has said that all it does is to wait.
    spins: Cell<bool>,
    deadline: Cell<Option<Instant>>,
    model: &'static CpuModel,
    isa: &'static Isa,
    /// Where the code went: the starts of blocks, or instructions.
    path: RefCell<Vec<u64>>,
    /// The loads of watched memory, in order.
    loads: RefCell<Vec<Load>>,
    /// The values that reads are to return, if the call is followed.
    replay: RefCell<Option<Replay>>,
}

/// A load of watched memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Load {
    /// Its place in the path of the call: that of its instruction, or of the block that it is in.
    pub(crate) place: usize,
    /// The address.
    pub(crate) address: u64,
    /// The whole word.
    pub(crate) value: u64,
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
    model: &'static CpuModel,
    isa: &'static Isa,
    place: Place,
    engine: Unicorn<'static, ()>,
    /// What the CPU is like before a call: nothing that a call leaves in it gets to the next. Beside registers there
    /// is what no register tells: that an exception is being raised, say, of which x86 makes a double fault.
    pristine: Context,
    /// The registers that are not in that.
    beside: Vec<(i32, u64)>,
    /// What selects how addresses are translated, as it is before a call.
    translation: Vec<u64>,
    watches: Vec<Watch>,
    state: Rc<State>,
    decoder: Rc<Decoder>,
    stack: Option<DefaultStack>,
    /// What the engine has mapped. Declared after it, so dropped after it.
    mapped: Vec<Rc<Shared>>,
}

/// A path that is kept has no more blocks, whatever the bound on instructions, so that it fits in memory (128 MiB).
const LONGEST_PATH: usize = 1 << 24;

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
        decoder: &Rc<Decoder>,
    ) -> Result<Self, EmuError> {
        let everything = decoder.model.virtual_tlb.then_some((|_| Prot::ALL) as Uses);
        let mut vcpu = Vcpu::open(number, place, recorder, decoder, everything)?;
        vcpu.hook_invalid()?;
        Ok(vcpu)
    }

    /// A CPU that nothing slows down: no access of it is hooked, not even one to where nothing is, which then
    /// ends a call without its address. Stores are fast only to where `uses` says that no code is: of all other
    /// memory the engine looks each time whether it has translated what they overwrite.
    pub(crate) fn unwatched(place: Place, decoder: &Rc<Decoder>, uses: Uses) -> Result<Self, EmuError> {
        Vcpu::open(0, place, &Rc::new(Recorder::new()), decoder, Some(uses))
    }

    fn open(
        number: u8,
        place: Place,
        recorder: &Rc<Recorder>,
        decoder: &Rc<Decoder>,
        uses: Option<Uses>,
    ) -> Result<Self, EmuError> {
        let (model, isa) = (decoder.model, decoder.isa());
        let (arch, mode) = model.engine;
        let mut engine = engine::open(arch, mode)?;
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
            fault: RefCell::default(),
            bounds: Cell::new(CallBounds::default()),
            accesses: Cell::default(),
            instructions: Cell::default(),
            stores: Cell::default(),
            spins: Cell::default(),
            model,
            isa,
            deadline: Cell::default(),
            path: RefCell::default(),
            loads: RefCell::default(),
            replay: RefCell::default(),
        });
        for (register, value) in model.start_registers {
            engine
                .reg_write(*register, *value)
                .map_err(|e| EmuError::engine("put a CPU into 64-bit mode", e))?;
        }
        let pristine = engine.context_init().map_err(|e| EmuError::engine("keep what a CPU is like", e))?;
        let mut vcpu = Vcpu {
            model,
            isa,
            place,
            engine,
            pristine,
            beside: Vec::new(),
            translation: Vec::new(),
            watches: Vec::new(),
            state,
            decoder: Rc::clone(decoder),
            stack: None,
            mapped: Vec::new(),
        };
        vcpu.keep_pristine()?;
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
        self.write(self.place.return_pad, self.model.idle)?;
        self.write(self.clearing_code(), self.model.clearing)
    }

    /// Where the code is that clears what no register of the engine's reaches: behind the return pad.
    fn clearing_code(&self) -> u64 {
        self.place.return_pad + 0x40
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
                let end = || {
                    let pc = read_register(uc, program_counter)?;
                    Ok(match accessed_nothing(uc, &decoder, pc)? {
                        Some(address) => End::Fault { pc, address: Some(address) },
                        None => End::Exception { pc, number },
                    })
                };
                let end = end();
                state.finish_as(uc, end);
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
                let pc = read_register(uc, program_counter);
                state.finish_as(uc, pc.map(|pc| End::Fault { pc, address: Some(address) }));
                false
            })
            .map(drop)
            .map_err(|e| EmuError::engine("hook", e))
    }

    /// Has accesses to a range recorded, and scheduled.
    pub(crate) fn watch(&mut self, range: Range<u64>) -> Result<(), EmuError> {
        let range = self.isa.physical(range.start)..self.isa.physical(range.end - 1) + 1;
        let observer = PageTableObserver(Rc::clone(&self.state));
        let watch = attach(&mut self.engine, range, Rc::clone(&self.decoder.disassembler), observer)?;
        self.watches.push(watch);
        Ok(())
    }

    /// Notes the blocks that are entered, and counts the instructions in them.
    pub(crate) fn on_blocks(&mut self) -> Result<(), EmuError> {
        let state = Rc::clone(&self.state);
        let decoder = Rc::clone(&self.decoder);
        let block_lengths = RefCell::new(HashMap::new());
        self.engine
            .add_block_hook(1, 0, move |uc, start, bytes| {
                let known = block_lengths.borrow().get(&(start, bytes)).copied();
                let counted = known.map_or_else(
                    || {
                        let counted = count_instructions(uc, &decoder, start, bytes)?;
                        block_lengths.borrow_mut().insert((start, bytes), counted);
                        Ok(counted)
                    },
                    Ok,
                );
                let entered = counted.map(|instructions| state.enter(uc, start, instructions));
                state.go_on(uc, entered);
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

    /// Calls `then` before each store to a range with its address as the engine has it, and its size, but for stores
    /// that are atomic.
    pub(crate) fn on_store(
        &mut self,
        range: Range<u64>,
        mut then: impl FnMut(u64, usize) + 'static,
    ) -> Result<(), EmuError> {
        let last = self.isa.physical(range.end - 1);
        self.engine
            .add_mem_hook(
                HookType::MEM_WRITE,
                self.isa.physical(range.start),
                last,
                move |_, _, address, size, _| {
                    then(address, size);
                    true
                },
            )
            .map(drop)
            .map_err(|e| EmuError::engine("hook", e))
    }

    /// Calls `then` before each instruction from the first to the last of two addresses. An error ends the call.
    pub(crate) fn on_code(
        &mut self,
        first: u64,
        last: u64,
        mut then: impl FnMut(&mut Cpu<'_, '_>, u64) -> Result<(), EmuError> + 'static,
    ) -> Result<(), EmuError> {
        let state = Rc::clone(&self.state);
        let (model, isa) = (self.model, self.isa);
        self.engine
            .add_code_hook(first, last, move |uc, pc, _| {
                let done = then(&mut Cpu { model, isa, engine: uc, state: &state }, pc);
                state.go_on(uc, done);
            })
            .map(drop)
            .map_err(|e| EmuError::engine("hook", e))
    }

    /// Forgets translated code, so that hooks that were added since are seen.
    pub(crate) fn forget_translations(&mut self) -> Result<(), EmuError> {
        self.engine.ctl_flush_tb().map_err(|e| EmuError::engine("forget translations", e))
    }

    /// The instruction at `pc`.
    ///
    /// # Errors
    /// If there is no memory at `pc`.
    pub(crate) fn instruction(&self, pc: u64) -> Result<Instruction, EmuError> {
        Ok(instruction_at(&self.engine, &self.decoder.disassembler, pc)?)
    }

    /// The text of the instruction at `pc`, for people.
    pub(crate) fn instruction_text(&self, pc: u64) -> Rc<str> {
        self.instruction(pc).map_or_else(|_| "(no memory is there)".into(), |instruction| instruction.text)
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

    /// Looks at where the last call went, and at its loads of watched memory.
    pub(crate) fn with_path<T>(&self, then: impl FnOnce(&[u64], &[Load]) -> T) -> T {
        then(&self.state.path.borrow(), &self.state.loads.borrow())
    }

    /// Has every call begin with this in a register.
    pub(crate) fn set_register(&mut self, register: i32, value: u64) -> Result<(), EmuError> {
        self.forget_call()?;
        self.put_register(register, value)?;
        self.keep_pristine()
    }

    /// Keeps what the CPU is like now for every call to begin with.
    fn keep_pristine(&mut self) -> Result<(), EmuError> {
        self.translation = self.read_translation()?;
        let beside = self.model.not_in_context.iter().cloned().flatten();
        let read = |register| Ok((register, read_register(&self.engine, register)?));
        self.beside = beside.map(read).collect::<Result<_, EmuError>>()?;
        self.engine
            .context_save(&mut self.pristine)
            .map_err(|e| EmuError::engine("keep what a CPU is like", e))
    }

    /// Puts the address of the return pad where a function finds it, if that is a register.
    fn put_return_address(&mut self) -> Result<(), EmuError> {
        match self.model.return_to {
            ReturnTo::Register { register, less } => {
                self.put_register(register, self.place.return_pad - less)
            }
            ReturnTo::Stack => Ok(()),
        }
    }

    fn put_register(&mut self, register: i32, value: u64) -> Result<(), EmuError> {
        self.engine.reg_write(register, value).map_err(|e| EmuError::engine("set a register", e))
    }

    /// What a register holds after a call.
    pub(crate) fn register(&self, register: i32) -> Result<u64, EmuError> {
        read_register(&self.engine, register)
    }

    /// Makes the CPU what it is before a call, whatever the last call did to it.
    fn forget_call(&mut self) -> Result<(), EmuError> {
        let translated_as_ever = self.read_translation()? == self.translation;
        self.engine
            .context_restore(&self.pristine)
            .map_err(|e| EmuError::engine("make a CPU what it was", e))?;
        if !self.model.clearing.is_empty() {
            self.put_return_address()?;
            let code = self.clearing_code();
            self.engine.emu_start(code, 0, 0, 0).map_err(|e| EmuError::engine("clear what a CPU has", e))?;
        }
        for at in 0..self.beside.len() {
            let (register, value) = self.beside[at];
            self.put_register(register, value)?;
        }
        if !translated_as_ever {
            // The engine keeps the translations that it found.
            self.engine
                .ctl_flush_tlb()
                .map_err(|e| EmuError::engine("forget translations of addresses", e))?;
        }
        self.watches.iter().for_each(Watch::forget_open_atomic);
        Ok(())
    }

    fn read_translation(&self) -> Result<Vec<u64>, EmuError> {
        let read = |(register, bits): &(i32, u64)| Ok(read_register(&self.engine, *register)? & bits);
        self.model.translation.iter().map(read).collect()
    }

    /// Calls a function to its end, without a scheduler.
    pub(crate) fn call(
        &mut self,
        function: u64,
        arguments: &[u64],
        bounds: CallBounds,
    ) -> Result<End, EmuError> {
        self.prepare(function, arguments, bounds)?;
        run(&mut self.engine, &self.state, self.isa.program_counter, function);
        self.state.ended()
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

    /// Ends a call, and says how it ended. One that still waits is given up.
    ///
    /// # Errors
    /// If something went wrong in a hook: nothing that the call did is worth anything then.
    pub(crate) fn finish(&mut self, mut call: Call) -> Result<End, EmuError> {
        call.give_up();
        self.stack = call.coroutine.take().map(Coroutine::into_stack).or_else(|| self.stack.take());
        self.state.ended()
    }

    fn prepare(&mut self, function: u64, arguments: &[u64], bounds: CallBounds) -> Result<(), EmuError> {
        // What clears a CPU is run on it too.
        self.state.begin(CallBounds::default());
        self.forget_call()?;
        self.state.begin(bounds);

        let model = self.model;
        let mut sp = self.place.stack_top - model.stack_room;
        if let ReturnTo::Stack = model.return_to {
            sp -= 8;
            self.write(sp, &self.place.return_pad.to_le_bytes())?;
        }
        self.put_return_address()?;
        let mut registers = vec![(model.stack_pointer, sp - model.stack_bias)];
        registers.extend(model.entry_register.map(|register| (register, function)));
        registers.extend(model.arguments.iter().copied().zip(arguments.iter().copied()));
        registers.into_iter().try_for_each(|(register, value)| self.put_register(register, value))
    }
}

/// A CPU as a hook sees it, between two instructions.
pub(crate) struct Cpu<'a, 'e> {
    pub(crate) model: &'static CpuModel,
    pub(crate) isa: &'static Isa,
    engine: &'a mut Unicorn<'e, ()>,
    state: &'a State,
}

impl Cpu<'_, '_> {
    pub(crate) fn register(&self, register: i32) -> Result<u64, EmuError> {
        read_register(self.engine, register)
    }

    pub(crate) fn set_register(&mut self, register: i32, value: u64) -> Result<(), EmuError> {
        self.engine.reg_write(register, value).map_err(|e| EmuError::engine("set a register", e))
    }

    pub(crate) fn record(&self, pc: u64, what: What) {
        self.state.record(pc, what);
    }

    /// Notes that code went here.
    pub(crate) fn enter(&mut self, pc: u64) {
        self.state.enter(self.engine, pc, 1);
    }

    /// The instruction at `pc`.
    pub(crate) fn instruction(&self, decoder: &Decoder, pc: u64) -> Result<Instruction, EmuError> {
        Ok(instruction_at(self.engine, &decoder.disassembler, pc)?)
    }

    /// Ends the call here, before the instruction, as if it had returned.
    pub(crate) fn stop(&mut self) {
        self.state.finish(self.engine, End::Returned);
    }

    /// The instruction at `pc`, if it flushes translations or is to be stepped over.
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
                    .mem_read(self.isa.physical(sp), &mut to)
                    .map_err(|e| EmuError::engine("read the stack", e))?;
                self.set_register(self.model.stack_pointer, sp.wrapping_add(8))?;
                self.jump(u64::from_le_bytes(to))
            }
        }
    }

    /// Goes on elsewhere.
    pub(crate) fn jump(&mut self, pc: u64) -> Result<(), EmuError> {
        self.set_register(self.isa.program_counter, pc)
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
fn run(engine: &mut Unicorn<'static, ()>, state: &State, program_counter: i32, function: u64) {
    match run_to_end(engine, state, program_counter, function) {
        Ok(end) => state.end.set(Some(end)),
        Err(error) => state.fail(error),
    }
}

fn run_to_end(
    engine: &mut Unicorn<'static, ()>,
    state: &State,
    program_counter: i32,
    function: u64,
) -> Result<End, EmuError> {
    let (mut from, mut before) = (function, None);
    let end = loop {
        let result = engine.emu_start(from, 0, 0, 0);
        if let Some(end) = state.end.get() {
            break end;
        }
        if state.failed() {
            // Why is kept there. What the engine says of it is that it was stopped.
            break End::Engine(uc_error::OK);
        }
        let pc = read_register(engine, program_counter)?;
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
                let spin = state.model.begins_to_spin;
                let mut hint = vec![0; spin.len()];
                let at = state.isa.physical(pc.wrapping_sub(hint.len() as u64));
                if !hint.is_empty() {
                    let read = engine.mem_read(at, &mut hint);
                    read.map_err(|e| EmuError::engine("read the hint that it stopped at", e))?;
                }
                state.spins.set(!spin.is_empty() && hint == spin);
                (from, before) = (pc, instructions);
            }
            // Stopped, but not by a hook of ours.
            Ok(()) => break End::Engine(uc_error::OK),
        }
    };
    Ok(end)
}

fn read_register(engine: &Unicorn<'_, ()>, register: i32) -> Result<u64, EmuError> {
    engine.reg_read(register).map_err(|error| EmuError::engine("read a register", error))
}

impl State {
    /// Forgets the last call, and bounds the next.
    fn begin(&self, bounds: CallBounds) {
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

    fn finish(&self, engine: &mut Unicorn<'_, ()>, end: End) {
        if self.end.get().is_none() {
            self.end.set(Some(end));
        }
        self.stop(engine);
    }

    /// The same, where how it ends had to be found out.
    fn finish_as(&self, engine: &mut Unicorn<'_, ()>, end: Result<End, EmuError>) {
        match end {
            Ok(end) => self.finish(engine, end),
            Err(error) => {
                self.fail(error);
                self.stop(engine);
            }
        }
    }

    /// Lets a hook's call go on unless something went wrong in the hook.
    fn go_on(&self, engine: &mut Unicorn<'_, ()>, done: Result<(), EmuError>) {
        if let Err(error) = done {
            self.fail(error);
            self.stop(engine);
        }
    }

    fn stop(&self, engine: &mut Unicorn<'_, ()>) {
        if let Err(error) = engine.emu_stop() {
            self.fail(EmuError::engine("stop", error));
        }
    }

    /// Keeps what went wrong, if nothing did before.
    fn fail(&self, error: EmuError) {
        self.fault.borrow_mut().get_or_insert(error);
    }

    fn failed(&self) -> bool {
        self.fault.borrow().is_some()
    }

    /// How a call that is over has ended.
    fn ended(&self) -> Result<End, EmuError> {
        if let Some(fault) = self.fault.take() {
            return Err(fault);
        }
        self.end.get().ok_or_else(|| EmuError::engine("end a call", uc_error::OK))
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
        let steps = {
            let mut path = self.path.borrow_mut();
            path.push(start);
            path.len()
        };
        let total = self.instructions.get() + instructions;
        self.instructions.set(total);
        if self.failed() {
            // In a hook that has no engine to stop.
            self.stop(engine);
        } else if total > self.bounds.get().instructions || steps > LONGEST_PATH {
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
                if let Err(error) = state.recorder.put(site.address, *value) {
                    state.fail(error);
                    return ControlFlow::Break(());
                }
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

    fn stopped(&mut self, register: ReadRegister<'_>) {
        let state = &self.0;
        if let Some(replay) = state.replay.borrow_mut().as_mut().filter(|replay| replay.state.is_empty()) {
            match depends_on(state, register) {
                Ok(held) => replay.state = held,
                Err(error) => state.fail(error),
            }
        }
    }

    fn loaded(&mut self, site: &Site, _: u64) {
        let state = &self.0;
        if let Some(value) = state.recorder.loaded(state.number, site) {
            let place = state.path.borrow().len().saturating_sub(1);
            state.loads.borrow_mut().push(Load { place, address: site.address, value });
        }
    }

    fn stored(&mut self, site: &Site, _: u64) {
        self.0.recorder.storing(self.0.number, site);
    }

    fn failed(&mut self, error: WatchError) {
        self.0.fail(error.into());
    }
}

/// All that a CPU depends on at a read but memory; nothing where that is not known.
fn depends_on(state: &State, register: ReadRegister<'_>) -> Result<Vec<u64>, EmuError> {
    if state.model.registers.is_empty() {
        return Ok(Vec::new());
    }
    let registers = state.model.registers.iter().cloned().flatten();
    // Code that says that it waits counts in registers how often it has looked: they are left out.
    let mut held = registers.filter(|_| !state.spins.get()).map(register).collect::<Result<Vec<_>, _>>()?;
    held.extend([register(state.isa.program_counter)?, state.stores.get()]);
    Ok(held)
}

/// The address of an instruction, or what it accesses, where nothing is, if that is why it raised an
/// exception: on s390x the engine has no other sign of it.
fn accessed_nothing(engine: &Unicorn<'_, ()>, decoder: &Decoder, pc: u64) -> Result<Option<u64>, EmuError> {
    let Some(address_of) = decoder.model.address_of else { return Ok(None) };
    let is_nothing = |address: u64| engine.mem_read(decoder.isa().physical(address), &mut [0]).is_err();
    if is_nothing(pc) {
        return Ok(Some(pc));
    }
    let text = instruction_at(engine, &decoder.disassembler, pc)?.text;
    let (_, operands) = text.split_once(' ').unwrap_or((&text, ""));
    let address = address_of(operands, &|register| read_register(engine, register))?;
    Ok(address.filter(|address| is_nothing(*address)))
}

/// How many instructions the block at `start` has.
fn count_instructions(
    engine: &Unicorn<'_, ()>,
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
    // A block that the engine says has no bytes counts all the same, or a loop of it would be free.
    Ok(count.max(1))
}
