//! The functions that take parameters of given types.

use super::error::TypesError;
use super::graph::Types;
use super::prototype::Prototype;

/// A function, with its prototype.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TypedFunction {
    /// The name.
    pub name: String,
    /// The prototype.
    pub prototype: Prototype,
}

impl Types {
    /// Returns those functions of the given names that have a parameter of one of these types, in the order of the
    /// names.
    ///
    /// A type is written as in prototypes: `pmd_t *`. Names that are of no described function do not count.
    ///
    /// # Errors
    /// [`TypesError`] if the types are damaged.
    pub fn functions_taking<'a>(
        &self,
        types: &[&str],
        names: impl IntoIterator<Item = &'a str>,
    ) -> Result<Vec<TypedFunction>, TypesError> {
        let mut found = Vec::new();
        for name in names {
            let Some(prototype) = self.function(name)? else { continue };
            if prototype.parameters.iter().any(|parameter| types.contains(&parameter.type_name.as_str())) {
                found.push(TypedFunction { name: name.to_owned(), prototype });
            }
        }
        Ok(found)
    }
}
