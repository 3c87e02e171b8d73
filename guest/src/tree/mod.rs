//! Kernel trees: sources, headers and build folders, and the programs that build in them.

mod configured;
mod make;
mod naming;
mod programs;

use std::path::PathBuf;

use pmdscope_arches::{Arch, Version};

pub use self::configured::Tree;
pub(crate) use self::configured::makefile_version;
pub(crate) use self::make::Make;
pub(crate) use self::naming::KernelArch;
pub(crate) use self::programs::{first_that_runs, version_line};

/// Errors of using a kernel tree.
#[derive(Debug, thiserror::Error)]
pub enum TreeError {
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
    /// make failed.
    #[error("{what} failed in {}: {message} (all of it is in {})", .tree.display(), .log.display())]
    Make {
        /// The command.
        what: String,
        /// The tree or build folder.
        tree: PathBuf,
        /// The first error.
        message: String,
        /// The file with what make printed.
        log: PathBuf,
    },
    /// A file that pmdscope keeps in a build folder cannot be read or written.
    #[error("{}: cannot be used: {error}", .path.display())]
    Folder {
        /// The file or folder.
        path: PathBuf,
        /// The reason.
        error: std::io::Error,
    },
}
