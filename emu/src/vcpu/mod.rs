//! One CPU: a Unicorn instance that has the guest and the shared memory mapped, and calls functions
//! of the guest. While it is scheduled it runs in a coroutine, and is suspended before each access
//! to the page table.

mod call;
mod hooks;
mod observer;
mod state;

use std::cell::{Cell, RefCell};
use std::ptr;
use std::rc::Rc;

use corosensei::stack::DefaultStack;
use pmdscope_watch::{Instruction, Isa, Watch, instruction_at};
use unicorn_engine::{Context, Prot, TlbEntry, TlbType, Unicorn};

use crate::EmuError;
use crate::cpu::CpuModel;
use crate::decoder::Decoder;
use crate::end::CallBounds;
use crate::engine;
use crate::memory::Shared;
use crate::trace::Recorder;

pub(crate) use self::call::Call;
use self::state::State;
pub(crate) use self::state::{Load, Stop};

/// Where a CPU has what every call needs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CallLayout {
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
    place: CallLayout,
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

impl Vcpu {
    /// A CPU that has nothing mapped yet. What its own functions take as addresses is what a program
    /// would use; the engine is given what it makes of them.
    pub(crate) fn new(
        number: u8,
        place: CallLayout,
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
    pub(crate) fn unwatched(place: CallLayout, decoder: &Rc<Decoder>, uses: Uses) -> Result<Self, EmuError> {
        Vcpu::open(0, place, &Rc::new(Recorder::new()), decoder, Some(uses))
    }

    fn open(
        number: u8,
        place: CallLayout,
        recorder: &Rc<Recorder>,
        decoder: &Rc<Decoder>,
        uses: Option<Uses>,
    ) -> Result<Self, EmuError> {
        let (model, isa) = (decoder.model, decoder.isa());
        let (arch, mode) = isa.engine;
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

    /// Sets the value that a register has at the start of every call.
    pub(crate) fn set_register(&mut self, register: i32, value: u64) -> Result<(), EmuError> {
        self.forget_call()?;
        self.put_register(register, value)?;
        self.keep_pristine()
    }

    fn put_register(&mut self, register: i32, value: u64) -> Result<(), EmuError> {
        self.engine.reg_write(register, value).map_err(|e| EmuError::engine("set a register", e))
    }

    /// What a register holds after a call.
    pub(crate) fn register(&self, register: i32) -> Result<u64, EmuError> {
        read_register(&self.engine, register)
    }

    /// Forgets translated code, so that hooks that were added since are seen.
    pub(crate) fn forget_translations(&mut self) -> Result<(), EmuError> {
        self.engine.ctl_flush_tb().map_err(|e| EmuError::engine("forget translations", e))
    }
}

fn read_register(engine: &Unicorn<'_, ()>, register: i32) -> Result<u64, EmuError> {
    engine.reg_read(register).map_err(|error| EmuError::engine("read a register", error))
}
