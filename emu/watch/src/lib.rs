//! A watch over a range of memory of a Unicorn engine: it tells an observer of every access to the range, before the
//! access happens and with what it loads or stores, and knows atomic accesses from plain ones.
//!
//! [`attach`] puts it into an engine of your own; [`unicorn_engine`] is the engine's crate, in the version that this one
//! is built with. `examples/own_engine.rs` is a whole program.
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
pub use isa::{Atomicity, Class, Isa, ReadRegister};
pub use pmdscope_arches::Arch;
pub use unicorn_engine;
