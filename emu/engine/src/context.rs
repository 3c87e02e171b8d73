//! The state of a CPU that an engine has saved.

use pmdscope_interpreter::Cpu;

/// The state of a CPU that an engine has saved. Only the engine that saved it, or one of its kind, can restore it.
pub struct Context(pub(crate) Kind);

pub(crate) enum Kind {
    Unicorn(unicorn_engine::Context),
    Interpreter(Box<Cpu>),
}
