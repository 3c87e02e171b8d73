//! The interpreter as an engine: memory, hooks, and a loop over decoded blocks.

mod block;
mod cache;
mod hooks;
mod memory;
mod registers;

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use pmdscope_interpreter::{Cpu, InstructionSet, Stop};
use rustc_hash::FxHashMap;

use self::block::Block;
use self::cache::PageCache;
use self::hooks::Hooks;
use self::memory::Pages;
use crate::context::{self, Context};
use crate::engine::{Engine, Translate};
use crate::error::{EngineError, UnknownInstruction};
use crate::hook::{self, Accesses, HookId, OnAccess, OnBlock, OnCode, OnException, OnUnmapped};

/// An engine that interprets machine code, one instruction after another.
///
/// Addresses are physical and virtual at once, all 64 bits of them. The registers of RISC-V have the numbers of
/// Unicorn. Those of LoongArch have their own number from 0 to 31, then [`LOONGARCH_PC`](Self::LOONGARCH_PC), and its
/// control and status registers follow from [`LOONGARCH_CONTROL`](Self::LOONGARCH_CONTROL) on.
pub struct Interpreter {
    set: InstructionSet,
    cpu: Cpu,
    pages: Pages,
    hooks: Hooks,
    cache: PageCache,
    blocks: RefCell<FxHashMap<u64, Rc<Block>>>,
    stopped: Cell<bool>,
}

impl Interpreter {
    /// The number of LoongArch's program counter.
    pub const LOONGARCH_PC: i32 = 32;
    /// The number of LoongArch's control and status register 0.
    pub const LOONGARCH_CONTROL: i32 = 0x1000;

    /// Returns an engine without memory. All registers are 0.
    pub fn new(set: InstructionSet) -> Self {
        Interpreter {
            set,
            cpu: Cpu::new(),
            pages: Pages::default(),
            hooks: Hooks::default(),
            cache: PageCache::default(),
            blocks: RefCell::default(),
            stopped: Cell::new(false),
        }
    }

    /// Returns the block at `pc`.
    fn block(&self, pc: u64) -> Result<Rc<Block>, EngineError> {
        if let Some(block) = self.blocks.borrow().get(&pc) {
            return Ok(Rc::clone(block));
        }
        let block = Rc::new(Block::decode(self.set, pc, &self.pages, &self.hooks)?);
        self.pages.note_code(pc, block.bytes.into());
        self.cache.forget();
        self.blocks.borrow_mut().insert(pc, Rc::clone(&block));
        Ok(block)
    }

    /// Discards decoded code, if some of it was overwritten.
    fn notice_overwritten_code(&self) {
        if self.pages.take_overwritten() {
            self.cache.forget();
            self.blocks.borrow_mut().clear();
        }
    }

    /// Runs the block at the program counter.
    fn run_block(&self) -> Result<(), EngineError> {
        let pc = self.cpu.pc();
        let block = match self.block(pc) {
            Ok(block) => block,
            Err(EngineError::Unmapped) => {
                self.hooks.unmapped(self, pc, 4);
                return Err(EngineError::Unmapped);
            }
            Err(error) => return Err(error),
        };
        self.hooks.block(self, pc, block.bytes);
        for step in &block.steps {
            for hook in &step.hooks {
                if self.stopped.get() {
                    return Ok(());
                }
                hook.call(self, step.pc);
            }
            if self.stopped.get() || self.cpu.pc() != step.pc {
                return Ok(());
            }
            match step.instruction.execute(&self.cpu, self) {
                Ok(()) => {}
                Err(Stop::Unmapped { .. }) => return Err(EngineError::Unmapped),
                Err(Stop::Exception { number }) => {
                    self.hooks.exception(self, number);
                    return if self.stopped.get() { Ok(()) } else { Err(EngineError::Exception) };
                }
                Err(Stop::NotDone) => return Err(self.not_known(step.pc)),
            }
            if self.stopped.get() || self.pages.is_overwritten() {
                return Ok(());
            }
        }
        Ok(())
    }

    fn not_known(&self, pc: u64) -> EngineError {
        EngineError::NotKnown(UnknownInstruction { pc, code: block::code_at(&self.pages, pc), set: self.set })
    }
}

impl Engine for Interpreter {
    fn register(&self, number: i32) -> Result<u64, EngineError> {
        registers::get(self.set, &self.cpu, number)
    }

    fn set_register(&self, number: i32, value: u64) -> Result<(), EngineError> {
        registers::set(self.set, &self.cpu, number, value)
    }

    fn read(&self, address: u64, bytes: &mut [u8]) -> Result<(), EngineError> {
        self.pages.read(address, bytes)
    }

    fn write(&self, address: u64, bytes: &[u8]) -> Result<(), EngineError> {
        self.pages.write(address, bytes)
    }

    unsafe fn map(&self, address: u64, bytes: u64, memory: *mut u8) -> Result<(), EngineError> {
        // SAFETY: as the caller says.
        unsafe { self.pages.map(address, bytes, memory) }
    }

    fn translate(&self, _: Translate) -> Result<(), EngineError> {
        // Every address is physical.
        Ok(())
    }

    fn on_code(&self, first: u64, last: u64, then: OnCode) -> Result<HookId, EngineError> {
        self.blocks.borrow_mut().clear();
        Ok(HookId(hook::Kind::Interpreter(self.hooks.add_code(first, last, then))))
    }

    fn on_block(&self, then: OnBlock) -> Result<HookId, EngineError> {
        Ok(HookId(hook::Kind::Interpreter(self.hooks.add_block(then))))
    }

    fn on_access(
        &self,
        accesses: Accesses,
        first: u64,
        last: u64,
        then: OnAccess,
    ) -> Result<HookId, EngineError> {
        self.cache.forget();
        Ok(HookId(hook::Kind::Interpreter(self.hooks.add_access(accesses, first, last, then))))
    }

    fn on_unmapped(&self, then: OnUnmapped) -> Result<HookId, EngineError> {
        Ok(HookId(hook::Kind::Interpreter(self.hooks.add_unmapped(then))))
    }

    fn on_exception(&self, then: OnException) -> Result<HookId, EngineError> {
        Ok(HookId(hook::Kind::Interpreter(self.hooks.add_exception(then))))
    }

    fn remove(&self, hook: HookId) -> Result<(), EngineError> {
        let hook::Kind::Interpreter(number) = hook.0 else { return Err(EngineError::Argument) };
        self.hooks.remove(number);
        self.cache.forget();
        self.blocks.borrow_mut().clear();
        Ok(())
    }

    fn run(&self, from: u64) -> Result<(), EngineError> {
        self.cpu.set_pc(from);
        self.stopped.set(false);
        while !self.stopped.get() {
            self.notice_overwritten_code();
            self.run_block()?;
        }
        Ok(())
    }

    fn stop(&self) -> Result<(), EngineError> {
        self.stopped.set(true);
        Ok(())
    }

    fn save(&self) -> Result<Context, EngineError> {
        Ok(Context(context::Kind::Interpreter(Box::new(self.cpu.clone()))))
    }

    fn restore(&self, context: &Context) -> Result<(), EngineError> {
        let context::Kind::Interpreter(saved) = &context.0 else { return Err(EngineError::Argument) };
        self.cpu.become_as(saved);
        Ok(())
    }

    fn forget_code(&self) -> Result<(), EngineError> {
        self.blocks.borrow_mut().clear();
        Ok(())
    }

    fn forget_translations(&self) -> Result<(), EngineError> {
        Ok(())
    }
}
