//! Runs real machine code of page-table writers and walkers under Unicorn, over one memory, at
//! every interleaving of their accesses to the page table.
//!
//! [`Machine`] loads a guest and explores. The watch by which it sees accesses is `pmdscope-watch`, what enumerates
//! schedules is `pmdscope-explore`: both can be used without it.
//!
//! Unicorn is not a sandbox: a guest can make it end the process. Run guests that others made in a
//! process of their own.

mod cpu;
mod decoder;
mod end;
mod engine;
mod error;
mod exploration;
mod explore;
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

pub use end::{CallBounds, End, Ended};
pub use error::{Blame, EmuError};
pub use exploration::{Bounds, Divergence, Exploration, Incomplete, Reduction, Run, WALKER, WRITER};
pub use kernel::{Control, Given, HugePage, KernelMachine, RECIPES, RanAlone, Recipe, Role, Stub};
pub use machine::{Job, Loaded, Machine, env, installed_table};
pub use pinned::ENGINE;
pub use pmdscope_explore::{MOST_CPUS, NoSchedule, Schedule};
pub use pmdscope_watch::AccessKind;
pub use recorded::Routines;
pub use trace::{Access, Event, What};
