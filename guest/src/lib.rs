//! Guests: the machine code that pmdscope runs.
//!
//! A *bundled* guest is a small freestanding ELF file, built by `guest/build` from the C sources in
//! `guest/c`, that holds the page-table writers and walkers of one architecture (and MMU kind) as
//! they are over a range of Linux versions, and agents that do what its MMU does to an entry. [`bundled`] finds it,
//! [`Guest::parse`] loads it, the registry of [`routine`] says what can be called in it, and [`abi`] how. A guest of the
//! user's can have routines of its own, which it [declares](Guest::declared).
#![forbid(unsafe_code)]

pub mod abi;
mod bundled;
mod declared;
mod elf;
pub mod files;
pub mod kernel;
mod outcome;
pub mod routine;
// For the tests of other crates. Not behind a feature: it would have everything above compiled once more for tests.
#[doc(hidden)]
pub mod under_test;

pub use bundled::{Bundled, BundledError, all_bundled, bundled};
pub use declared::DeclarationError;
pub use elf::{Guest, GuestError, Segment, Symbol};
pub use kernel::Kernel;
pub use outcome::{Check, UnknownNumber, WalkResult};
pub use routine::{Installs, PastPresent, Precondition, Role, Routine};
