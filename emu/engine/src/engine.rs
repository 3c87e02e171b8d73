//! The interface to an engine.

use crate::context::Context;
use crate::error::EngineError;
use crate::hook::{Accesses, HookId, OnAccess, OnBlock, OnCode, OnException, OnUnmapped};

/// Returns the physical address of a virtual one, and whether code may run there.
pub type Translate = Box<dyn Fn(u64) -> (u64, bool)>;

/// An engine: a CPU with memory, which runs machine code.
///
/// All functions take a shared reference, since hooks have the engine in the middle of a run. Registers have the numbers
/// of Unicorn; those of LoongArch are in [`Interpreter`](crate::Interpreter).
///
/// # Errors
/// Each function returns an [`EngineError`] if the engine refuses.
#[expect(clippy::missing_errors_doc, reason = "said once, above")]
pub trait Engine {
    /// Returns the value of a register.
    fn register(&self, number: i32) -> Result<u64, EngineError>;

    /// Sets a register. A hook that sets the program counter has the engine continue there.
    fn set_register(&self, number: i32, value: u64) -> Result<(), EngineError>;

    /// Reads memory at a physical address. No hook is called.
    fn read(&self, address: u64, bytes: &mut [u8]) -> Result<(), EngineError>;

    /// Writes memory at a physical address. No hook is called. If it has code that has run, call
    /// [`forget_code`](Self::forget_code) as well.
    fn write(&self, address: u64, bytes: &[u8]) -> Result<(), EngineError>;

    /// Maps memory of the caller's at a physical address, for all uses.
    ///
    /// # Safety
    /// `memory` points to so many bytes, which live as long as the engine. While it runs, nobody else accesses them
    /// but from within its hooks.
    unsafe fn map(&self, address: u64, bytes: u64, memory: *mut u8) -> Result<(), EngineError>;

    /// Has `translate` translate addresses, in place of the CPU. Without it, the CPU's own translation is off.
    fn translate(&self, translate: Translate) -> Result<(), EngineError>;

    /// Calls `then` before each instruction from address `first` to address `last`. If it stops the engine, the
    /// instruction is not executed.
    fn on_code(&self, first: u64, last: u64, then: OnCode) -> Result<HookId, EngineError>;

    /// Calls `then` before each block of instructions: what runs up to the next branch, at most.
    fn on_block(&self, then: OnBlock) -> Result<HookId, EngineError>;

    /// Calls `then` before each access to physical addresses from `first` to `last`. If it stops the engine, the access
    /// still happens.
    fn on_access(
        &self,
        accesses: Accesses,
        first: u64,
        last: u64,
        then: OnAccess,
    ) -> Result<HookId, EngineError>;

    /// Calls `then` when memory is accessed that is not mapped. The engine stops there.
    fn on_unmapped(&self, then: OnUnmapped) -> Result<HookId, EngineError>;

    /// Calls `then` when an exception is raised.
    fn on_exception(&self, then: OnException) -> Result<HookId, EngineError>;

    /// Removes a hook.
    fn remove(&self, hook: HookId) -> Result<(), EngineError>;

    /// Runs code from an address until a hook stops the engine.
    ///
    /// Hooks that are added after code has run need not be called in that code; see
    /// [`forget_code`](Self::forget_code).
    fn run(&self, from: u64) -> Result<(), EngineError>;

    /// Stops the engine, from within a hook.
    fn stop(&self) -> Result<(), EngineError>;

    /// Saves the state of the CPU, without memory.
    fn save(&self) -> Result<Context, EngineError>;

    /// Restores the state of the CPU.
    fn restore(&self, context: &Context) -> Result<(), EngineError>;

    /// Discards what the engine has made of code, so that hooks that were added since are called.
    fn forget_code(&self) -> Result<(), EngineError>;

    /// Discards cached translations of addresses.
    fn forget_translations(&self) -> Result<(), EngineError>;
}
