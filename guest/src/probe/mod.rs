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
mod target;
mod tree;

use std::path::PathBuf;

use pmdscope_arches::{Arch, Version};

pub use self::build::{CALLS, build};
pub use self::compiler::Compilers;
pub use self::helpers::{Helper, Level, Shape, helper, helpers};
pub use self::note::{Absent, Note, Piece, SECTION};
pub use self::prepare::prepare;
pub use self::tree::Tree;

/// Errors of building a probe.
#[derive(Debug, thiserror::Error)]
pub enum ProbeError {
    /// A folder is no kernel tree.
    #[error("{}: this is no kernel tree: {lacks}", .tree.display())]
    NoTree {
        /// The folder.
        tree: PathBuf,
        /// What it lacks.
        lacks: String,
    },
    /// A tree has no generated headers.
    #[error(
        "{}: this tree is not prepared: give --prepare, or run 'make ARCH={folder} defconfig prepare' there, or name the build folder that has include/generated/autoconf.h",
        .tree.display()
    )]
    NotPrepared {
        /// The tree.
        tree: PathBuf,
        /// The architecture that was asked for.
        arch: Arch,
        /// The kernel's name of it.
        folder: &'static str,
    },
    /// A tree is prepared for another architecture, or another kind of it.
    #[error("{}: this tree is not configured for {wanted}: see its include/generated/autoconf.h", .tree.display())]
    OtherArch {
        /// The tree.
        tree: PathBuf,
        /// The architecture that was asked for.
        wanted: Arch,
    },
    /// The headers are of another version than what was generated.
    #[error(
        "{}: this tree is configured for Linux {version}, and {} is {of_headers}: prepare it again, or name its own source by --source",
        .tree.display(), .headers.display()
    )]
    OtherVersion {
        /// The tree.
        tree: PathBuf,
        /// The version that it is configured for.
        version: Version,
        /// The folder with the headers.
        headers: PathBuf,
        /// The version of those.
        of_headers: String,
    },
    /// A file cannot be read.
    #[error("{}: cannot be read: {error}", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The reason.
        error: std::io::Error,
    },
    /// A program is missing.
    #[error("{program} is missing: {help}")]
    NoProgram {
        /// The program.
        program: String,
        /// What to install.
        help: String,
    },
    /// A program cannot be run.
    #[error("{program} cannot be run: {error}")]
    Run {
        /// The program.
        program: String,
        /// The reason.
        error: std::io::Error,
    },
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
    /// make failed.
    #[error("make {goal} failed in {}: {message} (all of it is in {})", .tree.display(), .log.display())]
    Make {
        /// What was to be made.
        goal: String,
        /// The source tree.
        tree: PathBuf,
        /// The first error.
        message: String,
        /// The file with what make printed.
        log: PathBuf,
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
