//! The sizes of types.

use super::error::TypesError;
use super::graph::{DEPTH, Lookup, Types};
use super::source::TypeNode;

impl Types {
    /// Returns the size of a type in bytes.
    ///
    /// # Errors
    /// - [`TypesError::NoType`] if the kernel has no such type.
    /// - [`TypesError::NoSize`] if the type has no size.
    /// - [`TypesError::Ambiguous`] if the types of this name disagree.
    /// - Another [`TypesError`] if the types are damaged.
    pub fn size(&self, name: &str) -> Result<u64, TypesError> {
        self.size_alone(name).map_err(|error| self.with_similar_names(error))
    }

    /// Returns the size of a type in bytes. Errors suggest no other names of types.
    pub(in crate::kernel) fn size_alone(&self, name: &str) -> Result<u64, TypesError> {
        let lookup = self.lookup();
        lookup.common_answer(name, "its end", |found| lookup.size_of(name, found, 0))
    }
}

impl Lookup<'_> {
    /// Returns the size of one type in bytes.
    pub(super) fn size_of(&self, name: &str, found: &TypeNode, depth: usize) -> Result<u64, TypesError> {
        /// The size of a pointer in bytes: all architectures are 64-bit.
        const POINTER: u64 = 8;
        if depth > DEPTH {
            return Err(TypesError::Circle(name.to_owned()));
        }
        Ok(match self.strip(name, found.clone())? {
            TypeNode::Base { size, .. } | TypeNode::Aggregate { size, .. } | TypeNode::Enum { size, .. } => {
                size
            }
            TypeNode::Pointer(_) => POINTER,
            TypeNode::Array { of, counts } => {
                let element = self.size_of(name, &self.read(of)?, depth + 1)?;
                counts.into_iter().fold(element, u64::saturating_mul)
            }
            _ => return Err(TypesError::NoSize(name.to_owned())),
        })
    }
}
