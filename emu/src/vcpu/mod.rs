//! A vCPU: an engine that has the guest and the shared memory mapped, and calls functions of the guest. A call that is
//! scheduled runs in a coroutine, which is suspended before each access to the page table.

mod call;
mod checkpoint;
mod hooks;
mod in_place;
mod observer;
mod path;
mod state;

use std::cell::{Cell, RefCell};
use std::ptr;
use std::rc::Rc;

use corosensei::stack::DefaultStack;
use pmdscope_engine::{Context, Engine};
use pmdscope_watch::{Instruction, Isa, instruction_at};

use crate::EmuError;
use crate::cpu::CpuModel;
use crate::decoder::Decoder;
use crate::end::CallBounds;
use crate::engine;
use crate::memory::Shared;
use crate::trace::Recorder;

pub(crate) use self::call::{Call, From, NextCall};
pub(crate) use self::checkpoint::Checkpoint;
pub(crate) use self::hooks::HookContext;
use self::in_place::Listeners;
use self::state::State;
pub(crate) use self::state::{Foresight, Load, Stop, Trap, UnknownRead, mixed};

/// The addresses that every call on a CPU needs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CallLayout {
    /// Where functions return to. Not page-aligned: the engine mishandles an aligned stop address on s390x.
    pub(crate) return_pad: u64,
    /// Stacks grow down from here.
    pub(crate) stack_top: u64,
}

/// Returns whether code may run at an address.
pub(crate) type MayRun = fn(u64) -> bool;

/// A virtual CPU.
pub(crate) struct Vcpu {
    model: &'static CpuModel,
    isa: &'static Isa,
    place: CallLayout,
    engine: Rc<dyn Engine>,
    /// The state of the CPU before a call, so that no call affects the next.
    ///
    /// It includes state that no register shows: for example that an exception is being raised, of which x86 makes
    /// a double fault.
    pristine: Context,
    /// The registers that `pristine` lacks, with their values before a call.
    beside: Vec<(i32, u64)>,
    /// The bits that control address translation, as they are before a call.
    translation: Vec<u64>,
    state: Rc<State>,
    /// Not in the state: what listens has the state.
    listeners: Rc<Listeners>,
    decoder: Rc<Decoder>,
    stack: Option<DefaultStack>,
    /// The memory that the engine has mapped. Declared after the engine, so dropped after it.
    mapped: Vec<Rc<Shared>>,
}

impl Vcpu {
    /// Creates a CPU with no memory mapped.
    ///
    /// Functions of a vCPU take addresses as programs use them, and convert them to those that the engine sees.
    pub(crate) fn new(
        number: u8,
        place: CallLayout,
        recorder: &Rc<Recorder>,
        decoder: &Rc<Decoder>,
    ) -> Result<Self, EmuError> {
        let everything = decoder.model.virtual_tlb.then_some((|_| true) as MayRun);
        let mut vcpu = Vcpu::open(number, place, recorder, decoder, everything)?;
        vcpu.hook_invalid()?;
        Ok(vcpu)
    }

    /// Creates a fast CPU, which hooks no access, so an access to unmapped memory ends a call without its address.
    ///
    /// Stores are fast only where no code may run according to `may_run`. Elsewhere Unicorn checks at each store whether it
    /// has translated the code that the store overwrites.
    pub(crate) fn unwatched(
        place: CallLayout,
        decoder: &Rc<Decoder>,
        may_run: MayRun,
    ) -> Result<Self, EmuError> {
        Vcpu::open(0, place, &Rc::new(Recorder::new()), decoder, Some(may_run))
    }

    fn open(
        number: u8,
        place: CallLayout,
        recorder: &Rc<Recorder>,
        decoder: &Rc<Decoder>,
        may_run: Option<MayRun>,
    ) -> Result<Self, EmuError> {
        let (model, isa) = (decoder.model, decoder.isa());
        let engine = engine::open(decoder.engine, isa)?;
        if let Some(may_run) = may_run {
            engine
                .translate(Box::new(move |address| (isa.physical(address), may_run(address))))
                .map_err(|e| EmuError::engine("translate addresses", e))?;
        }
        let state = Rc::new(State {
            number,
            return_pad: place.return_pad,
            recorder: Rc::clone(recorder),
            yielder: Cell::new(ptr::null()),
            end: Cell::new(None),
            next: RefCell::default(),
            fault: RefCell::default(),
            bounds: Cell::new(CallBounds::default()),
            accesses: Cell::default(),
            instructions: Cell::default(),
            stores: Cell::default(),
            path_hash: Cell::new(0),
            path_hash_before: Cell::new(0),
            last_read: Cell::new(0),
            last_checkpoint: Cell::new(0),
            fault_bytes: Cell::new(0),
            memory_hash: Cell::new(0),
            loads_hash: Cell::new(0),
            spins: Cell::default(),
            inside: Cell::default(),
            awaits: Cell::default(),
            rcu_readers: Cell::default(),
            model,
            isa,
            deadline: Cell::default(),
            path: RefCell::default(),
            loads: RefCell::default(),
            replay: RefCell::default(),
            traps: RefCell::default(),
        });
        for (register, value) in model.start_registers {
            engine
                .set_register(*register, *value)
                .map_err(|e| EmuError::engine("put a CPU into 64-bit mode", e))?;
        }
        let pristine = engine.save().map_err(|e| EmuError::engine("keep what a CPU is like", e))?;
        let mut vcpu = Vcpu {
            model,
            isa,
            place,
            engine,
            pristine,
            beside: Vec::new(),
            translation: Vec::new(),
            state,
            listeners: Rc::default(),
            decoder: Rc::clone(decoder),
            stack: None,
            mapped: Vec::new(),
        };
        vcpu.keep_pristine()?;
        vcpu.hook_ends()?;
        Ok(vcpu)
    }

    /// Maps memory, which other vCPUs may map as well.
    pub(crate) fn map(&mut self, address: u64, memory: &Rc<Shared>) -> Result<(), EmuError> {
        self.mapped.push(Rc::clone(memory));
        let address = self.isa.physical(address);
        // SAFETY: the buffer is as long as the mapping, and `mapped` keeps it for as long as the
        // engine lives.
        unsafe { self.engine.map(address, memory.len(), memory.pointer()) }
            .map_err(|e| EmuError::engine("map memory", e))
    }

    /// Writes the code of the return pad, and the clearing code. Memory must be mapped there.
    pub(crate) fn provide_return_pad(&mut self) -> Result<(), EmuError> {
        self.write(self.place.return_pad, self.model.idle)?;
        self.write(self.clearing_code(), self.model.clearing)
    }

    /// Returns the address of the code that clears what no register of the engine reaches: it follows the return
    /// pad.
    fn clearing_code(&self) -> u64 {
        self.place.return_pad + 0x40
    }

    /// Returns the instruction at `pc`.
    ///
    /// # Errors
    /// If no memory is mapped at `pc`.
    pub(crate) fn instruction(&self, pc: u64) -> Result<Instruction, EmuError> {
        Ok(instruction_at(&*self.engine, &self.decoder.disassembler, pc)?)
    }

    /// Returns the text of the instruction at `pc`, for people.
    pub(crate) fn instruction_text(&self, pc: u64) -> Rc<str> {
        self.instruction(pc).map_or_else(|_| "(no memory is there)".into(), |instruction| instruction.text)
    }

    pub(crate) fn write(&mut self, address: u64, bytes: &[u8]) -> Result<(), EmuError> {
        self.engine.write(self.isa.physical(address), bytes).map_err(|e| EmuError::engine("write memory", e))
    }

    pub(crate) fn read(&self, address: u64, bytes: usize) -> Result<Vec<u8>, EmuError> {
        let mut content = vec![0; bytes];
        let read = self.engine.read(self.isa.physical(address), &mut content);
        read.map_err(|e| EmuError::engine("read memory", e))?;
        Ok(content)
    }

    /// Sets the value that a register has at the start of every call.
    pub(crate) fn set_register(&mut self, register: i32, value: u64) -> Result<(), EmuError> {
        self.forget_call()?;
        self.put_register(register, value)?;
        self.keep_pristine()
    }

    fn put_register(&mut self, register: i32, value: u64) -> Result<(), EmuError> {
        self.engine.set_register(register, value).map_err(|e| EmuError::engine("set a register", e))
    }

    /// Returns the value of a register after a call.
    pub(crate) fn register(&self, register: i32) -> Result<u64, EmuError> {
        read_register(&*self.engine, register)
    }

    /// Discards translated code, so that hooks added since take effect.
    pub(crate) fn forget_translations(&mut self) -> Result<(), EmuError> {
        self.engine.forget_code().map_err(|e| EmuError::engine("forget translations", e))
    }
}

fn read_register(engine: &dyn Engine, register: i32) -> Result<u64, EmuError> {
    engine.register(register).map_err(|error| EmuError::engine("read a register", error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use pmdscope_arches::Arch;

    /// Instructions that a WARN() or BUG() of each architecture traps with, and one that does not exist.
    const TRAPS: [(Arch, &[u8]); 9] = [
        (Arch::LoongArch64, &0x002a_0001_u32.to_le_bytes()),
        (Arch::Arm64, &0xd421_0000_u32.to_le_bytes()),
        (Arch::X86_64, &[0x0f, 0x0b]),
        (Arch::Riscv64, &0x0010_0073_u32.to_le_bytes()),
        (Arch::S390x, &[0xaf, 0, 0, 0]),
        (Arch::Ppc64, &[0; 4]),
        (Arch::Ppc64, &0x0b01_0000_u32.to_be_bytes()),
        (Arch::Ppc64le, &0x0b01_0000_u32.to_le_bytes()),
        (Arch::Ppc64le, &0x7fe0_0008_u32.to_le_bytes()),
    ];

    #[test]
    fn an_exception_is_reported_at_its_instruction() {
        for (arch, trap) in TRAPS {
            let decoder = Decoder::of(arch, None).unwrap();
            let place = CallLayout { return_pad: 0x2010, stack_top: 0x3000 };
            let mut vcpu = Vcpu::new(0, place, &Rc::new(Recorder::new()), &decoder).unwrap();
            vcpu.map(0, &Rc::new(Shared::new(0x4000).unwrap())).unwrap();
            vcpu.provide_return_pad().unwrap();
            let nothing = decoder.model.no_operation;
            vcpu.write(0x1000, &[nothing, trap, nothing, nothing].concat()).unwrap();
            let end = vcpu.call(0x1000, &[], CallBounds::default()).unwrap();
            let at = 0x1000 + nothing.len() as u64;
            assert!(matches!(end, crate::end::CallExit::Exception { pc, .. } if pc == at), "{arch}: {end:?}");
        }
    }

    #[test]
    fn an_instruction_that_the_interpreter_cannot_execute_is_named_and_leaves_the_rest_unknown() {
        let decoder = Decoder::of(Arch::LoongArch64, None).unwrap();
        let place = CallLayout { return_pad: 0x2010, stack_top: 0x3000 };
        let mut vcpu = Vcpu::new(0, place, &Rc::new(Recorder::new()), &decoder).unwrap();
        vcpu.map(0, &Rc::new(Shared::new(0x4000).unwrap())).unwrap();
        vcpu.provide_return_pad().unwrap();
        // fadd.d $fa0,$fa0,$fa1; ertn
        for (code, said) in [(0x0101_0400_u32, ".word 0x01010400"), (0x0648_3800, "ertn (0x06483800)")] {
            vcpu.write(0x1000, &[decoder.model.no_operation, &code.to_le_bytes()].concat()).unwrap();
            vcpu.forget_translations().unwrap();
            let end = vcpu.call(0x1000, &[], CallBounds::default()).unwrap();
            assert_eq!(end.to_string(), format!("stopped: the interpreter cannot execute {said} at 0x1004"));
            assert!(end.is_bound());
        }
    }

    /// Returns what rotating and inserting does, bit by bit. Bits are numbered from the most significant one.
    fn inserted(opcode: u8, target: u64, source: u64, [first, last, rotate]: [u8; 3]) -> u64 {
        let bit = |of: u64, number: u32| of >> (63 - number) & 1;
        // RISBHG and RISBLG use one half, RISBG and RISBGN all of a register.
        let (start, bits) = match opcode {
            0x5d => (0, 32),
            0x51 => (32, 32),
            _ => (0, 64),
        };
        let (first, end) = (u32::from(first) % bits, u32::from(last & 0x7f) % bits);
        let mut result = target;
        for number in start..start + bits {
            let at = number - start;
            let is_in = if first <= end { (first..=end).contains(&at) } else { at >= first || at <= end };
            let value = match (is_in, last & 0x80 != 0) {
                (true, _) => bit(source, (number + u32::from(rotate)) % 64),
                (false, true) => 0,
                (false, false) => continue,
            };
            result = result & !(1 << (63 - number)) | value << (63 - number);
        }
        result
    }

    #[test]
    fn s390x_rotates_and_inserts_as_its_manual_says() {
        let decoder = Decoder::of(Arch::S390x, None).unwrap();
        let place = CallLayout { return_pad: 0x2010, stack_top: 0x3000 };
        let mut vcpu = Vcpu::new(0, place, &Rc::new(Recorder::new()), &decoder).unwrap();
        vcpu.map(0, &Rc::new(Shared::new(0x10_0000).unwrap())).unwrap();
        vcpu.provide_return_pad().unwrap();
        let hooked = Rc::clone(&decoder);
        vcpu.on_code(0x1_0000, 0xf_ffff, move |cpu, pc| {
            let instruction = cpu.instruction(&hooked, pc)?;
            match hooked.in_place(&instruction) {
                Some(in_place) => cpu.do_in_place(&hooked, in_place, pc, pc + instruction.length),
                None => Ok(()),
            }
        })
        .unwrap();
        let mut random = fastrand::Rng::with_seed(1);
        for number in 0..2_000 {
            // RISBG, RISBGN, RISBHG, RISBLG %r2, %r3; br %r14
            let opcode = [0x55, 0x59, 0x5d, 0x51][number % 4];
            let half = if number % 4 < 2 { 64 } else { 32 };
            let zero = if random.bool() { 0x80 } else { 0 };
            let operands = [random.u8(..half), random.u8(..half) | zero, random.u8(..64)];
            let [first, last, rotate] = operands;
            let at = 0x1_0000 + 0x10 * number as u64;
            vcpu.write(at, &[0xec, 0x23, first, last, rotate, opcode, 0x07, 0xfe]).unwrap();
            let (target, source) = (random.u64(..), random.u64(..));
            let end = vcpu.call(at, &[target, source], CallBounds::default()).unwrap();
            assert_eq!(end, crate::end::CallExit::Returned);
            let result = vcpu.register(decoder.model.returns).unwrap();
            let wanted = inserted(opcode, target, source, operands);
            assert_eq!(result, wanted, "{opcode:#x} {operands:?} of {target:#018x} and {source:#018x}");
        }
    }
}
