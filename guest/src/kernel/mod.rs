//! Opening a distribution's kernel: from a package to its memory image.
//!
//! [`KernelFile::open`] returns the memory image; [`Kernel::open`] adds symbols and types. Both always return the
//! same result for the same file, with or without a [`Cache`].

mod boot;
mod bugs;
mod build_id;
mod bytes;
mod cache;
mod compression;
mod decompress;
mod error;
mod exceptions;
mod exports;
mod file;
mod image;
mod kallsyms;
mod known_structures;
mod layout;
mod limits;
mod link_address;
mod load;
mod objects;
mod package;
mod power;
mod release;
#[cfg(test)]
mod tests;
mod text;
mod types;

pub use bugs::{Bug, BugKind};
pub use cache::{Cache, CacheError, Key};
pub use compression::Compression;
pub use error::{BootError, ImageError, KernelError, PackageError, UnpackError};
pub use file::{KernelFile, OpenedKernel};
pub use image::{Base, MemoryImage, PerCpu, Section, Segment, SegmentKind, Symbol, SymbolKind};
pub use limits::LIMIT;
pub use load::{Kernel, LoadError, MemoryPart, SymbolAddress, TypesFrom};
pub use objects::{Absent, ObjectsNote};
pub(crate) use objects::{FUNCTIONS, SYMBOL, VARIABLES};
pub use package::{Package, PackageKind};
pub use power::PowerAbi;
pub use release::Release;
pub use types::{
    BtfPlace, Parameter, Prototype, TypedFunction, Types, TypesError, TypesFile, TypesFileError, TypesForm,
};
