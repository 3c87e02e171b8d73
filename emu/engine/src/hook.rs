//! Hooks, and what they are told.

use unicorn_engine::UcHookId;

use crate::Engine;

/// The accesses that a hook is called before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Accesses {
    /// Loads.
    Loads,
    /// Stores.
    Stores,
    /// Loads and stores.
    All,
}

/// Called before an instruction, with its address.
pub type OnCode = Box<dyn Fn(&dyn Engine, u64)>;
/// Called before a block, with its address and its length in bytes.
pub type OnBlock = Box<dyn Fn(&dyn Engine, u64, u32)>;
/// Called before an access, with its physical address, its size in bytes, and the value in CPU order if it stores.
pub type OnAccess = Box<dyn Fn(&dyn Engine, u64, usize, Option<u64>)>;
/// Called when memory is accessed that is not mapped, with its physical address and the size in bytes.
pub type OnUnmapped = Box<dyn Fn(&dyn Engine, u64, usize)>;
/// Called when an exception is raised, with the engine's number of it.
pub type OnException = Box<dyn Fn(&dyn Engine, u32)>;

/// A hook, by which it can be removed from its engine.
#[derive(Debug, Clone, Copy)]
pub struct HookId(pub(crate) Kind);

#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind {
    Unicorn(UcHookId),
    Interpreter(usize),
}
