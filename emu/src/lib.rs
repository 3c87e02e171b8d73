//! Runs real machine code of page-table writers and walkers under Unicorn, over one memory, at
//! every interleaving of their accesses to the page table.
//!
//! [`Machine`] loads a guest and explores; [`attach`] puts the page-table watch into a Unicorn
//! instance of your own.
//!
//! Unicorn is not a sandbox: a guest can make it end the process. Run guests that others made in a
//! process of their own.

mod disassembler;
mod error;
mod explore;
mod image;
mod isa;
mod machine;
mod memory;
mod pages;
mod sharing;
mod trace;
mod vcpu;
mod watch;

pub use disassembler::{Disassembler, Instruction};
pub use error::EmuError;
pub use explore::{Bounds, Divergence, Ended, Exploration, Incomplete, Job, Run, Schedule};
pub use isa::{Atomicity, Class, Isa};
pub use machine::{Machine, WALKER, WRITER, env, installed_table};
pub use trace::{Access, Event, What};
pub use vcpu::{CallBounds, End};
pub use watch::{AccessKind, Observer, Site, attach};
