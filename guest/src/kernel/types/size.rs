//! The sizes of types.

use btf_rs::Type;

use super::error::TypesError;
use super::graph::{DEPTH, Types};

impl Types {
    /// Returns the size of a type in bytes.
    ///
    /// # Errors
    /// - [`TypesError::NoType`] if the kernel has no such type.
    /// - [`TypesError::NoSize`] if the type has no size.
    /// - [`TypesError::Ambiguous`] if the types of this name disagree.
    /// - [`TypesError::Damaged`] or [`TypesError::Circle`] if the types are damaged.
    pub fn size(&self, name: &str) -> Result<u64, TypesError> {
        self.common_answer(name, "its end", |found| self.size_of(name, found, 0))
    }

    /// Returns the size of one type in bytes.
    fn size_of(&self, name: &str, found: &Type, depth: usize) -> Result<u64, TypesError> {
        /// The size of a pointer in bytes: all architectures are 64-bit.
        const POINTER: u64 = 8;
        if depth > DEPTH {
            return Err(TypesError::Circle(name.to_owned()));
        }
        Ok(match self.strip(name, found)? {
            Type::Struct(aggregate) | Type::Union(aggregate) => aggregate.size() as u64,
            Type::Int(int) => int.size() as u64,
            Type::Float(float) => float.size() as u64,
            Type::Enum(of) => of.size() as u64,
            Type::Enum64(of) => of.size() as u64,
            Type::Ptr(_) => POINTER,
            Type::Array(array) => {
                let element = self.size_of(name, &self.btf.resolve_chained_type(&array)?, depth + 1)?;
                element.saturating_mul(array.len() as u64)
            }
            _ => return Err(TypesError::NoSize(name.to_owned())),
        })
    }
}
