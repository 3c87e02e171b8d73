//! Runs real machine code of page-table writers and walkers over one memory, at every interleaving of their accesses to
//! the page table.
//!
//! An [`Environment`] is a guest or a kernel, ready to be explored. It observes accesses by `pmdscope-watch` and
//! enumerates schedules by `pmdscope-explore`. Both crates can be used without this one.
//!
//! Unicorn is not a sandbox: a guest can make it end the process. Run guests that others made in a
//! process of their own.

mod context;
mod cpu;
mod decoder;
mod end;
mod engine;
mod engine_kind;
mod environment;
mod error;
mod exploration;
mod explore;
mod guest_environment;
mod helpers;
mod image;
mod kernel;
mod machine;
mod memory;
mod pages;
mod pinned;
mod private;
mod recorded;
mod sharing;
mod stage;
pub mod sweep;
mod trace;
mod vcpu;

pub use context::{MachineContext, Section};
pub use end::{CallBounds, CallExit, CallResult, LONGEST_PATH};
pub use engine_kind::EngineKind;
pub use environment::{Control, Environment, Inspect, Job, Schedules, Setup, Stub};
pub use error::{Blame, EmuError};
pub use exploration::{Bounds, Divergence, Exploration, Incomplete, Reduction, Run, WALKER, WRITER};
pub use guest_environment::GuestEnvironment;
pub use helpers::HelperAnswer;
pub use kernel::{
    BaselineRun, CLEARS_BAD, Contract, FunctionError, HugePage, KernelEnvironment, Observation, Passed, Seen,
    check_function_name, contract_of, declaration, flag_settings, function, functions, functions_above,
    kernel_routine, kernel_routines, recipe_calling, source_name, symbol_of,
};
pub use machine::{Calls, Loaded, Machine, env, installed_table};
pub use pinned::ENGINE;
pub use pmdscope_explore::{MOST_CPUS, NoSchedule, Schedule, Sections, Span};
pub use pmdscope_watch::AccessKind;
pub use recorded::Routines;
pub use trace::{Access, Action, Event};
