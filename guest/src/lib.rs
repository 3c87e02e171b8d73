//! Guests: the machine code that pmdscope runs.
//!
//! A *bundled* guest is a small freestanding ELF file, built by `guest/build` from the C sources in `guest/c`. It
//! holds the page-table writers and walkers of one architecture (and MMU kind) over a range of Linux versions, and
//! agents that do to an entry what the MMU does. [`bundled`] finds a guest, [`Guest::parse`] loads it, the
//! registry in [`routine`] lists the routines that can be called in it, and [`abi`] describes the calls. A user's
//! guest can have routines of its own, which it [declares](Guest::declared).
#![forbid(unsafe_code)]

pub mod abi;
mod bundled;
mod declared;
mod elf;
pub mod files;
pub mod kernel;
pub mod objects;
mod outcome;
pub mod probe;
pub mod routine;
pub mod tree;
// For the tests of other crates. It is not behind a feature, which would compile everything above again for tests.
#[doc(hidden)]
pub mod under_test;

pub use bundled::{Bundled, BundledError, all_bundled, bundled};
pub use declared::DeclarationError;
pub use elf::{Guest, GuestError, Segment, Symbol};
pub use kernel::Kernel;
pub use outcome::{Check, UnknownNumber, WalkResult};
pub use routine::{Installs, PastPresent, Precondition, Role, Routine};
