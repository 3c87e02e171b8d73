//! One interface to the engines that run machine code: registers, memory, and hooks before each instruction, block and
//! access.
//!
//! [`Unicorn`](unicorn_engine::Unicorn) is one engine, [`Interpreter`] another. Code that uses [`Engine`] does not know
//! which of them it has.

mod context;
mod engine;
mod error;
mod hook;
mod interpreter;
mod unicorn;

pub use context::Context;
pub use engine::{Engine, Translate};
pub use error::{EngineError, UnknownInstruction};
pub use hook::{Accesses, HookId, OnAccess, OnBlock, OnCode, OnException, OnUnmapped};
pub use interpreter::Interpreter;
pub use pmdscope_interpreter::{Instruction, InstructionSet};
pub use unicorn_engine;
