//! Probes: guests whose helpers are those of a kernel tree.
//!
//! A probe is compiled from a kernel tree's own headers, for the configuration of the tree, and from those C files of
//! page tables that build alone. Each helper becomes a function that can be called ([`helpers()`]); the walkers and
//! writers of bundled guests are compiled over them. What the tree lacks is in the probe's [`Note`].

mod build;
mod compiler;
mod helpers;
mod note;
mod prepare;
mod sun4v;
mod target;

use std::path::PathBuf;

use crate::tree::TreeError;

pub use self::build::{CALLS, build};
pub use self::compiler::Compilers;
pub use self::helpers::{Helper, Level, Shape, helper, helpers};
pub use self::note::{Absent, Note, Piece, SECTION};
pub use self::prepare::prepare;

/// Errors of building a probe.
#[derive(Debug, thiserror::Error)]
pub enum ProbeError {
    /// The tree cannot be used.
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// The compiler refuses the headers of a tree.
    #[error("{}: {compiler} cannot compile the headers: {message}", .tree.display())]
    Headers {
        /// The tree.
        tree: PathBuf,
        /// The compiler.
        compiler: String,
        /// Its first message.
        message: String,
    },
    /// Our own part of a probe does not build.
    #[error("{program} cannot build the probe: {message}")]
    Build {
        /// The compiler or linker.
        program: String,
        /// Its first message.
        message: String,
    },
    /// The probe is not as a guest must be.
    #[error("the probe cannot be loaded: {0}")]
    Guest(#[from] crate::GuestError),
    /// A file in the temporary folder cannot be written or read.
    #[error("the temporary folder cannot be used: {0}")]
    Temporary(#[from] std::io::Error),
    /// A compiler's object file cannot be read.
    #[error("an object file of the compiler cannot be read: {0}")]
    Object(#[from] goblin::error::Error),
}
