//! A watch over a range of memory of an engine: Unicorn, or the interpreter. It reports every access to the range to an observer, before
//! the access happens and with the value that it loads or stores, and distinguishes atomic accesses from plain
//! ones.
//!
//! [`attach`] attaches it to your own engine. [`unicorn_engine`] is Unicorn's crate, in the version that this crate is
//! built with. `examples/own_engine.rs` is a complete program.
#![forbid(unsafe_code)]

mod attach;
mod code;
mod disassembler;
mod error;
mod isa;

pub use attach::{AccessKind, Observer, Site, Watch, attach};
pub use code::instruction_at;
pub use disassembler::{Disassembler, Instruction};
pub use error::WatchError;
pub use isa::{Atomicity, Class, Isa};
pub use pmdscope_arches::Arch;
pub use pmdscope_engine::unicorn_engine;
pub use pmdscope_engine::{Engine, EngineError, InstructionSet, Interpreter};
