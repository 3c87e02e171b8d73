//! Every schedule of several CPUs over shared memory, joined by behaviour and counted exactly.
//!
//! A CPU is anything that reads and stores words of shared memory, and that does the same whenever its reads return the
//! same values: a routine under an emulator, a model, a closure. [`Cpus::follow`] runs one of them alone, with given
//! values for its reads, up to the next read. [`behaviours`] asks for each distinct sequence of values once, and
//! enumerates all schedules over the answers. It joins two orders that lead to one state, so that the number of
//! schedules may be far beyond what could be run. Nothing is left out, and each behaviour has the exact number of its
//! schedules and one schedule that leads to it.
//!
//! A CPU that reaches a read in the same state as before waits for a word to change, and is not scheduled until one
//! does. If all remaining CPUs wait, that is a [`Deadlock`].
//!
//! ```
//! use std::convert::Infallible;
//!
//! use pmdscope_explore::{
//!     Continuation, Cpus, Forest, Limits, MaskedStore, NextAccess, Schedule, Segment, Word, behaviours,
//! };
//!
//! /// Two CPUs that add one to a word, each by a load and then a store.
//! struct Adders;
//!
//! impl Cpus for Adders {
//!     type End = ();
//!     type Error = Infallible;
//!
//!     fn count(&self) -> usize {
//!         2
//!     }
//!
//!     fn initially(&self, _: Word) -> u64 {
//!         0
//!     }
//!
//!     fn follow(&mut self, _: usize, read: &[u64], _: &[u64]) -> Result<Continuation<()>, Infallible> {
//!         let (stores, then) = match read {
//!             [] => (Vec::new(), NextAccess::Read(0)),
//!             [value, ..] => (vec![(0, MaskedStore::whole(value + 1))], NextAccess::End(())),
//!         };
//!         let (code, spans, state, identity) = (Vec::new(), Vec::new(), None, None);
//!         Ok(Segment { stored: None, stores, then, code, spans, state, identity }.into())
//!     }
//! }
//!
//! let limits = Limits { behaviours: 10, states: 1000, ..Limits::NONE };
//! let found = behaviours(&mut Forest::new(Adders)?, &limits)?;
//! let came_to: Vec<(u64, String, String)> = found
//!     .behaviours
//!     .into_iter()
//!     .map(|one| (one.memory[0], one.schedules.to_string(), Schedule(one.schedule).to_string()))
//!     .collect();
//! // One addition is lost in four of six schedules. The other two differ in which CPU reads the other's store.
//! assert_eq!(came_to, [(2, "1", "W2 K2"), (1, "4", "W1 K2 W1"), (2, "1", "K2 W2")].map(|(sum, schedules, one)| {
//!     (sum, schedules.to_owned(), one.to_owned())
//! }));
//! # Ok::<(), Infallible>(())
//! ```
#![forbid(unsafe_code)]

mod enumerate;
mod fingerprint;
mod schedule;
mod sections;
mod tree;

pub use enumerate::{
    Behaviour, Deadlock, EnumerationResult, LimitHit, Limits, Recorded, behaviours, each_schedule,
};
pub use fingerprint::Fingerprint;
pub use schedule::{MOST_CPUS, NoSchedule, Schedule, letters};
pub use sections::{Sections, Span, excluded_at};
pub use tree::{Continuation, Cpus, Forest, MaskedStore, NextAccess, Segment, Word};
