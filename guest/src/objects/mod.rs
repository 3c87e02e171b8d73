//! Object-only kernels: the few objects of a build folder that pmdscope runs, linked as a kernel.
//!
//! The folder's own make compiles the objects ([`Folder::make`]), and its own linker script lays them out
//! ([`Folder::link`]). Names that no object defines get an address all the same: a function there traps, and a variable
//! is zero. They are *absent*. The kernel says which those are in a [note](crate::kernel::ObjectsNote), so that whoever
//! runs it can tell.

mod absent;
mod defined;
mod folder;
mod link;
mod list;
mod object_file;
mod options;
mod toolchain;

use std::path::PathBuf;

pub use self::folder::{Folder, Made};
pub use self::link::Linked;
use crate::kernel::LoadError;
use crate::tree::TreeError;

/// Errors of making an object-only kernel.
#[derive(Debug, thiserror::Error)]
pub enum ObjectsError {
    /// A folder is no build folder.
    #[error("{}: this is no build folder of a kernel: {lacks}", .folder.display())]
    NoFolder {
        /// The folder.
        folder: PathBuf,
        /// What it lacks.
        lacks: String,
    },
    /// A build folder is configured without what is to be run.
    #[error("{}: it is configured without CONFIG_{option}: {help}", .folder.display())]
    Option {
        /// The folder.
        folder: PathBuf,
        /// The option, without `CONFIG_`.
        option: &'static str,
        /// What would work.
        help: &'static str,
    },
    /// The compiler of a build folder is not here.
    #[error(
        "{}: it is configured for '{compiler}', which is not here under a usual name: give make's own arguments after --, such as -- LLVM=1",
        .folder.display()
    )]
    Compiler {
        /// The folder.
        folder: PathBuf,
        /// The version that the configuration names.
        compiler: String,
    },
    /// An object is missing.
    #[error("{}: it has no {}: run 'make {}' there, or leave --no-make out", .folder.display(), .missing[0], .missing.join(" "))]
    Missing {
        /// The folder.
        folder: PathBuf,
        /// The objects.
        missing: Vec<String>,
    },
    /// An object cannot be linked with the others.
    #[error("{}: {what}", .object.display())]
    Object {
        /// The object.
        object: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// No file of the tree defines a name.
    #[error("{}: no C file of the tree that can be compiled defines {name}", .tree.display())]
    NotDefined {
        /// The source tree.
        tree: PathBuf,
        /// The name.
        name: String,
    },
    /// The linker failed.
    #[error("{linker} cannot link {count} objects: {message}")]
    Link {
        /// The linker.
        linker: String,
        /// The number of objects.
        count: usize,
        /// Its first message.
        message: String,
    },
    /// The objects are of several configurations.
    #[error(
        "{}: its objects are of different configurations: {structure} has {} bytes in some and {} in others: run make there, or leave --no-make out",
        .folder.display(), .sizes.0, .sizes.1
    )]
    Mixed {
        /// The folder.
        folder: PathBuf,
        /// A structure.
        structure: &'static str,
        /// Two of its sizes.
        sizes: (u64, u64),
    },
    /// The kernel that was made cannot be opened.
    #[error("the objects were linked, but the result cannot be opened: {0}")]
    Open(#[from] Box<LoadError>),
    /// The tree cannot be used.
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// A file cannot be read or written.
    #[error("{}: {error}", .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The reason.
        error: std::io::Error,
    },
    /// The stand-ins of absent names cannot be written as an object.
    #[error("the object with the stand-ins cannot be made: {0}")]
    Stubs(#[from] object::write::Error),
}
