//! The graph of types, and the walks over it that several lookups share.

use std::collections::HashMap;
use std::fmt;
use std::sync::OnceLock;

use btf_rs::{Btf, BtfType, Type};

use super::error::{TypesError, nearest_names};

/// The most anonymous structs, typedefs and qualifiers that a lookup follows.
///
/// Kernels need fewer than ten. Damaged BTF can contain cycles.
pub(super) const DEPTH: usize = 64;

/// The types of a kernel, as its BTF describes them.
pub struct Types {
    pub(super) btf: Btf,
    /// The values of all enumerators by name, read at the first lookup in all enums.
    pub(super) enumerators: OnceLock<HashMap<String, i64>>,
}

impl Types {
    /// Parses BTF of either byte order.
    ///
    /// # Errors
    /// [`TypesError::Damaged`] if the bytes are not BTF, or the BTF is damaged.
    pub fn parse(bytes: &[u8]) -> Result<Types, TypesError> {
        Ok(Types { btf: Btf::from_bytes(bytes)?, enumerators: OnceLock::new() })
    }

    /// Returns the `answer` on which all types of a name agree.
    ///
    /// Functions, variables and forward declarations do not count, nor do types without an answer beside one with an
    /// answer. `what` describes the answer in errors.
    ///
    /// # Errors
    /// [`TypesError::NoType`] if no type has this name, [`TypesError::Ambiguous`] if two answers differ, or the first
    /// error of `answer` if no type has an answer.
    pub(super) fn common_answer(
        &self,
        name: &str,
        what: &str,
        answer: impl Fn(&Type) -> Result<u64, TypesError>,
    ) -> Result<u64, TypesError> {
        let of_data = |found: &Type| !matches!(found, Type::Func(_) | Type::Var(_) | Type::Fwd(_));
        let mut found = self.btf.resolve_types_by_name(name)?;
        found.retain(of_data);
        if found.is_empty() || name.is_empty() {
            return Err(TypesError::NoType {
                name: name.to_owned(),
                nearest: nearest_names(name, self.names(of_data)),
            });
        }
        let (mut first, mut failure) = (None, None);
        for candidate in &found {
            match (answer(candidate), first) {
                (Ok(second), Some(first)) if first != second => {
                    let (name, what) = (name.to_owned(), what.to_owned());
                    return Err(TypesError::Ambiguous { name, what, first, second });
                }
                (Ok(answer), _) => first = Some(answer),
                (Err(error), _) => {
                    failure.get_or_insert(error);
                }
            }
        }
        match (first, failure) {
            (Some(answer), _) => Ok(answer),
            (None, Some(failure)) => Err(failure),
            (None, None) => Err(TypesError::NoType { name: name.to_owned(), nearest: Vec::new() }),
        }
    }

    /// Returns the type below typedefs, qualifiers and type tags. Errors call it `name`.
    pub(super) fn strip(&self, name: &str, found: &Type) -> Result<Type, TypesError> {
        let mut found = found.clone();
        for _ in 0..DEPTH {
            found = match &found {
                Type::Typedef(inner) => self.btf.resolve_chained_type(inner)?,
                Type::Volatile(inner) | Type::Const(inner) | Type::Restrict(inner) => {
                    self.btf.resolve_chained_type(inner)?
                }
                Type::TypeTag(inner) => self.btf.resolve_chained_type(inner)?,
                _ => return Ok(found),
            };
        }
        Err(TypesError::Circle(name.to_owned()))
    }

    /// Returns the name of a type or member.
    pub(super) fn name(&self, of: &dyn BtfType) -> Option<String> {
        self.btf.resolve_name(of).ok()
    }

    /// Returns the names of all types for which `selected` is true.
    fn names(&self, selected: impl Fn(&Type) -> bool) -> Vec<String> {
        let mut names = Vec::new();
        self.each(|found| {
            if selected(found) {
                let name = found.as_btf_type().and_then(|found| self.name(found));
                names.extend(name.filter(|name| !name.is_empty()));
            }
        });
        names
    }

    /// Calls `visit` for each readable type.
    pub(super) fn each(&self, mut visit: impl FnMut(&Type)) {
        let (first, last) = self.btf.base().type_id_range();
        (first..=last).filter_map(|id| self.btf.resolve_type_by_id(id).ok()).for_each(|found| visit(&found));
    }
}

impl fmt::Debug for Types {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Types").finish_non_exhaustive()
    }
}
