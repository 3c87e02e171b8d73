//! The values of enumerators.

use std::collections::HashMap;

use btf_rs::Type;

use super::error::TypesError;
use super::graph::Types;

impl Types {
    /// Returns the value of an enumerator, `None` if the kernel has none of this name.
    ///
    /// `of` names its enum. Without it, the enumerators of all enums are searched.
    ///
    /// # Errors
    /// [`TypesError::Damaged`] if the types are damaged.
    pub fn enumerator(&self, of: Option<&str>, name: &str) -> Result<Option<i64>, TypesError> {
        let Some(of) = of else { return Ok(self.enumerators().get(name).copied()) };
        for found in self.btf.resolve_types_by_name(of)? {
            let mut value = None;
            self.each_enumerator(&found, |enumerator, number| {
                if enumerator == name {
                    value = Some(number);
                }
            });
            if value.is_some() {
                return Ok(value);
            }
        }
        Ok(None)
    }

    /// Calls `visit` for each enumerator of a type, with its value.
    fn each_enumerator(&self, found: &Type, mut visit: impl FnMut(&str, i64)) {
        match found {
            Type::Enum(of) => {
                for member in &of.members {
                    let value = member.val();
                    let value = if of.is_signed() { i64::from(value as i32) } else { i64::from(value) };
                    visit(&self.name(member).unwrap_or_default(), value);
                }
            }
            Type::Enum64(of) => {
                for member in &of.members {
                    visit(&self.name(member).unwrap_or_default(), member.val() as i64);
                }
            }
            _ => (),
        }
    }

    /// Returns the values of all enumerators by name. Of several with one name, the first counts.
    fn enumerators(&self) -> &HashMap<String, i64> {
        self.enumerators.get_or_init(|| {
            let mut all = HashMap::new();
            self.each(|found| {
                self.each_enumerator(found, |name, value| {
                    all.entry(name.to_owned()).or_insert(value);
                });
            });
            all
        })
    }
}
