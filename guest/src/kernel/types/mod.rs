//! The types of a kernel: BTF (Linux Documentation/bpf/btf.rst) or debug information (DWARF 4 and 5).

mod btf;
mod dwarf;
mod enumerators;
mod error;
mod file;
mod functions;
mod graph;
mod members;
mod place;
mod prototype;
mod size;
mod source;

pub use error::TypesError;
pub use file::{TypesFile, TypesFileError, TypesForm};
pub use functions::TypedFunction;
pub use graph::Types;
pub use place::BtfPlace;
pub use prototype::{Parameter, Prototype};
