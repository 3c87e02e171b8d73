//! The values of enumerators.

use super::error::TypesError;
use super::graph::Types;
use super::source::TypeNode;

impl Types {
    /// Returns the value of an enumerator, `None` if the kernel has none of this name.
    ///
    /// `of` names its enum. Without it, the enumerators of all enums are searched.
    ///
    /// # Errors
    /// [`TypesError::AmbiguousEnumerator`] if enumerators of this name have different values, and another
    /// [`TypesError`] if the types are damaged.
    pub fn enumerator(&self, of: Option<&str>, name: &str) -> Result<Option<i64>, TypesError> {
        let lookup = self.lookup();
        let values = match of {
            None => lookup.enumerators(name)?,
            Some(of) => {
                let mut values = Vec::new();
                for id in lookup.named(of)? {
                    let TypeNode::Enum { name: own, enumerators, .. } = lookup.read(id)? else { continue };
                    let of_name =
                        enumerators.into_iter().filter(|(enumerator, _)| own == of && enumerator == name);
                    values.extend(of_name.map(|(_, value)| value));
                }
                values
            }
        };
        match values.iter().find(|value| **value != values[0]) {
            Some(second) => Err(TypesError::AmbiguousEnumerator {
                name: name.to_owned(),
                first: values[0],
                second: *second,
            }),
            None => Ok(values.first().copied()),
        }
    }
}
