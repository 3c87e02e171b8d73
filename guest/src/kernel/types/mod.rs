//! The types of a kernel: BTF (Linux Documentation/bpf/btf.rst).

mod enumerators;
mod error;
mod graph;
mod members;
mod place;
mod prototype;
mod size;

pub use error::TypesError;
pub use graph::Types;
pub use place::BtfPlace;
pub use prototype::{Parameter, Prototype};
