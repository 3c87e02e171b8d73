//! One CPU: a Unicorn instance that has the guest and the shared memory mapped, and calls functions
//! of the guest. While it is scheduled it runs in a coroutine, and is suspended before each access
//! to the page table.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashMap};
use std::ops::ControlFlow;
use std::ptr;
use std::rc::Rc;
use std::time::Instant;

use corosensei::stack::DefaultStack;
use corosensei::{Coroutine, CoroutineResult, Yielder};
use pmdscope_guest::Guest;
use pmdscope_guest::abi;
use unicorn_engine::{HookType, MemType, Prot, TlbEntry, TlbType, Unicorn, uc_error};

use crate::EmuError;
use crate::disassembler::{Disassembler, Instruction, LONGEST_INSTRUCTION_BYTES};
use crate::end::{CallBounds, End};
use crate::image::Image;
use crate::isa::{Atomicity, Isa, ReturnTo};
use crate::memory::{self, Shared};
use crate::pages::StructPages;
use crate::sharing::Sharing;
use crate::trace::{Recorder, What};
use crate::watch::{self, AccessKind, Observer, Site};

/// What the hooks of one vCPU share.
struct State {
    number: u8,
    /// Shared by all vCPUs.
    recorder: Rc<Recorder>,
    yielder: Cell<*const Yielder<(), ()>>,
    end: Cell<Option<End>>,
    bounds: Cell<CallBounds>,
    accesses: Cell<u64>,
    instructions: Cell<u64>,
    deadline: Cell<Option<Instant>>,
    /// Starts of the blocks that were entered.
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
}

/// What the CPUs of a machine have in common.
pub(crate) struct Common {
    pub(crate) isa: &'static Isa,
    pub(crate) guest: Guest,
    pub(crate) image: Image,
    /// The page tables; the watch is on the first of them.
    pub(crate) tables: Rc<Shared>,
    pub(crate) pages: Rc<StructPages>,
    pub(crate) sharing: Rc<Sharing>,
    pub(crate) recorder: Rc<Recorder>,
    pub(crate) decoder: Rc<Disassembler>,
}

/// A CPU.
pub(crate) struct Vcpu {
    isa: &'static Isa,
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
    pub(crate) fn new(number: u8, common: &Common) -> Result<Self, EmuError> {
        let Common { isa, image, tables, recorder, decoder, .. } = common;
        let (arch, mode) = isa.engine;
        let mut engine = Unicorn::new(arch, mode).map_err(|e| EmuError::engine("open a CPU", e))?;
        if isa.virtual_tlb {
            engine
                .ctl_set_tlb_type(TlbType::VIRTUAL)
                .and_then(|()| {
                    engine.add_tlb_hook(1, 0, |_, address, _| {
                        Some(TlbEntry { paddr: address & !0xfff, perms: Prot::ALL })
                    })
                })
                .map_err(|e| EmuError::engine("translate addresses", e))?;
        }
        engine
            .mem_map(memory::PRIVATE, memory::PRIVATE_BYTES, Prot::ALL)
            .map_err(|e| EmuError::engine("map memory", e))?;

        engine.mem_write(memory::RETURN_PAD, isa.idle).map_err(|e| EmuError::engine("write memory", e))?;

        let state = Rc::new(State {
            number,
            recorder: Rc::clone(recorder),
            yielder: Cell::new(ptr::null()),
            end: Cell::new(None),
            bounds: Cell::new(CallBounds::default()),
            accesses: Cell::default(),
            instructions: Cell::default(),
            deadline: Cell::default(),
            path: RefCell::default(),
            replay: RefCell::default(),
        });
        let mut vcpu =
            Vcpu { isa, engine, state, decoder: Rc::clone(decoder), stack: None, mapped: Vec::new() };
        vcpu.map(image.address, &image.memory)?;
        vcpu.map(memory::PMD_TABLE, tables)?;
        vcpu.hook(common)?;
        Ok(vcpu)
    }

    /// Maps memory that other vCPUs have too.
    pub(crate) fn map(&mut self, address: u64, memory: &Rc<Shared>) -> Result<(), EmuError> {
        self.mapped.push(Rc::clone(memory));
        // SAFETY: the buffer is as long as the mapping, and `mapped` keeps it for as long as the
        // engine lives.
        unsafe { self.engine.mem_map_ptr(address, memory.len(), Prot::ALL, memory.pointer().cast()) }
            .map_err(|e| EmuError::engine("map memory", e))
    }

    /// All hooks are there before the first instruction: those added later would not fire.
    fn hook(&mut self, common: &Common) -> Result<(), EmuError> {
        let refused = |e| EmuError::engine("hook", e);

        watch::attach(
            &mut self.engine,
            memory::PMD_TABLE..memory::PMD_TABLE + memory::PMD_TABLE_BYTES,
            Rc::clone(&self.decoder),
            PageTableObserver(Rc::clone(&self.state)),
        )?;

        let state = Rc::clone(&self.state);
        self.engine
            .add_code_hook(memory::RETURN_PAD, memory::RETURN_PAD, move |uc, _, _| {
                state.finish(uc, End::Returned);
            })
            .map_err(refused)?;

        let state = Rc::clone(&self.state);
        let decoder = Rc::clone(&self.decoder);
        let block_lengths = RefCell::new(HashMap::new());
        self.engine
            .add_block_hook(1, 0, move |uc, start, bytes| {
                let instructions = *block_lengths
                    .borrow_mut()
                    .entry((start, bytes))
                    .or_insert_with(|| count_instructions(uc, &decoder, start, bytes));
                state.enter_block(uc, start, instructions);
            })
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

        let state = Rc::clone(&self.state);
        self.engine
            .add_mem_hook(HookType::MEM_INVALID, 1, 0, move |uc, _, address, _, _| {
                let pc = uc.reg_read(program_counter).unwrap_or(0);
                state.finish(uc, End::Fault { pc, address: Some(address) });
                false
            })
            .map_err(refused)?;

        let pages = Rc::clone(&common.pages);
        self.engine
            .add_mem_hook(
                HookType::MEM_READ | HookType::MEM_WRITE,
                memory::VMEMMAP,
                u64::MAX,
                move |_, _, address, _, _| {
                    pages.touch(address);
                    true
                },
            )
            .map_err(refused)?;

        // All that the vCPUs have in common, but for the watched table.
        let image = common.image.address..common.image.address + common.image.memory.len();
        let page_table = memory::PTE_TABLE..memory::PTE_TABLE + memory::PTE_TABLE_BYTES;
        for range in [image, page_table, memory::VMEMMAP..u64::MAX] {
            let sharing = Rc::clone(&common.sharing);
            let number = self.state.number;
            let note = move |_: &mut Unicorn<'_, ()>, kind: MemType, address: u64, size: usize, _: i64| {
                sharing.note(number, address, size, kind == MemType::WRITE);
                true
            };
            self.engine
                .add_mem_hook(HookType::MEM_READ | HookType::MEM_WRITE, range.start, range.end - 1, note)
                .map_err(refused)?;
        }

        for (pc, instruction) in self.flushes(&common.guest) {
            let state = Rc::clone(&self.state);
            self.engine
                .add_code_hook(pc, pc, move |uc, pc, _| {
                    if instruction.class.flushes {
                        state.record(pc, What::Flush);
                    }
                    if instruction.skipped {
                        let _ = uc.reg_write(program_counter, pc + instruction.length);
                    }
                })
                .map_err(refused)?;
        }

        let warning = common.guest.function(abi::WARNING)?;
        let state = Rc::clone(&self.state);
        let argument = self.isa.arguments[0];
        self.engine
            .add_code_hook(warning, warning, move |uc, pc, _| {
                let entry = uc.reg_read(argument).unwrap_or(0);
                state.record(pc, What::Warning { entry });
            })
            .map_err(refused)?;
        Ok(())
    }

    /// The instructions that flush translations and access no memory, and those to step over.
    fn flushes(&self, guest: &Guest) -> BTreeMap<u64, Instruction> {
        let mut found = BTreeMap::new();
        for function in guest.functions() {
            let mut pc = function.address;
            while pc < function.address.saturating_add(function.size) {
                let instruction = self.instruction(pc);
                let next = pc + instruction.length;
                let flushes = instruction.class.flushes && instruction.class.atomicity == Atomicity::Plain;
                if flushes || instruction.skipped {
                    found.insert(pc, instruction);
                }
                pc = next;
            }
        }
        found
    }

    /// The instruction at `pc`.
    pub(crate) fn instruction(&self, pc: u64) -> Instruction {
        let mut code = [0; LONGEST_INSTRUCTION_BYTES];
        let _ = self.engine.mem_read(pc, &mut code);
        self.decoder.at(pc, &code)
    }

    pub(crate) fn write(&mut self, address: u64, bytes: &[u8]) -> Result<(), EmuError> {
        self.engine.mem_write(address, bytes).map_err(|e| EmuError::engine("write memory", e))
    }

    pub(crate) fn read(&self, address: u64, bytes: usize) -> Result<Vec<u8>, EmuError> {
        self.engine.mem_read_as_vec(address, bytes).map_err(|e| EmuError::engine("read memory", e))
    }

    /// Starts of the blocks that the last call entered, in order.
    pub(crate) fn path(&self) -> Vec<u64> {
        self.state.path.borrow().clone()
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
    /// `None` if it was stopped there.
    pub(crate) fn follow(
        &mut self,
        function: u64,
        arguments: &[u64],
        bounds: CallBounds,
        values: &[u64],
    ) -> Result<Option<End>, EmuError> {
        let replay = Replay { values: values.to_vec(), made: 0, stopped: false };
        self.state.replay.replace(Some(replay));
        let end = self.call(function, arguments, bounds);
        let stopped = self.state.replay.take().is_some_and(|replay| replay.stopped);
        end.map(|end| (!stopped).then_some(end))
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
        state.deadline.set(Instant::now().checked_add(bounds.time));
        state.path.borrow_mut().clear();

        let isa = self.isa;
        let mut sp = memory::STACK_TOP - isa.stack_room;
        if let ReturnTo::Stack = isa.return_to {
            sp -= 8;
            self.write(sp, &memory::RETURN_PAD.to_le_bytes())?;
        }
        let mut registers: Vec<(i32, u64)> = isa.start_registers.to_vec();
        registers.push((isa.stack_pointer, sp - isa.stack_bias));
        if let ReturnTo::Register { register, less } = isa.return_to {
            registers.push((register, memory::RETURN_PAD - less));
        }
        registers.extend(isa.entry_register.map(|register| (register, function)));
        registers.extend(isa.arguments.iter().copied().zip(arguments.iter().copied()));
        for (register, value) in registers {
            self.engine.reg_write(register, value).map_err(|e| EmuError::engine("set a register", e))?;
        }
        Ok(())
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
    let result = engine.emu_start(function, 0, 0, 0);
    let end = state.end.get().unwrap_or_else(|| {
        let pc = engine.reg_read(program_counter).unwrap_or(0);
        match result {
            // An address where nothing is, if no hook told of it.
            Err(
                uc_error::EXCEPTION
                | uc_error::READ_UNMAPPED
                | uc_error::WRITE_UNMAPPED
                | uc_error::FETCH_UNMAPPED,
            ) => End::Fault { pc, address: None },
            Err(uc_error::INSN_INVALID) => End::Exception { pc, number: 0 },
            // `Ok`: the engine was stopped, but not by a hook of ours.
            Ok(()) => End::Engine(uc_error::OK),
            Err(error) => End::Engine(error),
        }
    });
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

    fn record(&self, pc: u64, what: What) {
        self.recorder.record(self.number, pc, what);
    }

    fn enter_block(&self, engine: &mut Unicorn<'_, ()>, start: u64, instructions: u64) {
        if start == memory::RETURN_PAD {
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
    if engine.mem_read(pc, &mut code).is_err() {
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
        if engine.mem_read(pc, &mut code).is_err() {
            break;
        }
        pc += decoder.at(pc, &code).length;
        count += 1;
    }
    // A block that cannot be read must count all the same, or a loop of it would be free.
    count.max(1)
}
