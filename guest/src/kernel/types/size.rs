//! The sizes of types.

use btf_rs::Type;

use super::error::TypesError;
use super::graph::{DEPTH, Types};

impl Types {
    /// The size of a type in bytes.
    ///
    /// # Errors
    /// If there is no such type, it has no size, or the types of this name disagree.
    pub fn size(&self, name: &str) -> Result<u64, TypesError> {
        self.common_answer(name, "its end", |found| self.size_of(name, found, 0))
    }

    /// The size of one type in bytes.
    fn size_of(&self, name: &str, found: &Type, depth: usize) -> Result<u64, TypesError> {
        /// All architectures are of 64 bits.
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
