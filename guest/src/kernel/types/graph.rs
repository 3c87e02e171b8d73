//! The graph of types, and the walks over it that several lookups share.

use std::fmt;

use gimli::DwarfSections;

use super::btf::BtfTypes;
use super::dwarf::DwarfTypes;
use super::error::{TypesError, nearest_names};
use super::source::{Budget, TypeId, TypeNode, TypeSource};

/// The most anonymous structs, typedefs and qualifiers that a lookup follows.
///
/// Kernels need fewer than ten. Damaged types can contain cycles.
pub(super) const DEPTH: usize = 64;

/// The types of a kernel, as its BTF or its debug information (DWARF) describes them.
pub struct Types {
    source: Box<dyn TypeSource>,
}

/// A lookup in the types of a kernel.
pub(super) struct Lookup<'a> {
    source: &'a dyn TypeSource,
    pub(super) budget: Budget,
}

impl Types {
    /// Parses BTF of either byte order.
    ///
    /// # Errors
    /// [`TypesError::Damaged`] if the bytes are not BTF, or the BTF is damaged.
    pub fn parse(bytes: &[u8]) -> Result<Types, TypesError> {
        Ok(Types { source: Box::new(BtfTypes::parse(bytes)?) })
    }

    /// Reads debug information (DWARF 4 or 5).
    pub(super) fn of_dwarf(sections: DwarfSections<Vec<u8>>, big: bool) -> Result<Types, TypesError> {
        Ok(Types { source: Box::new(DwarfTypes::parse(sections, big)?) })
    }

    /// Starts a lookup.
    pub(super) fn lookup(&self) -> Lookup<'_> {
        Lookup { source: &*self.source, budget: Budget::new() }
    }

    /// Adds similar names of types to an error about an unknown type.
    pub(super) fn with_similar_names(&self, error: TypesError) -> TypesError {
        match error {
            TypesError::NoType { name, .. } => {
                let names = self.source.names().into_iter().filter(|name| !name.is_empty());
                let nearest = nearest_names(&name, names);
                TypesError::NoType { name, nearest }
            }
            error => error,
        }
    }
}

impl Lookup<'_> {
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
        answer: impl Fn(&TypeNode) -> Result<u64, TypesError>,
    ) -> Result<u64, TypesError> {
        let none = || TypesError::NoType { name: name.to_owned(), nearest: Vec::new() };
        if name.is_empty() {
            return Err(none());
        }
        let (mut first, mut failure) = (None, None);
        for id in self.source.named(name)? {
            let candidate = self.read(id)?;
            if !candidate.is_of_data() || candidate.name() != name {
                continue;
            }
            match (answer(&candidate), first) {
                (Err(error @ TypesError::TooMany), _) => return Err(error),
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
        first.ok_or_else(|| failure.unwrap_or_else(none))
    }

    /// Returns the numbers of everything of a name. Others may be among them.
    pub(super) fn named(&self, name: &str) -> Result<Vec<TypeId>, TypesError> {
        self.source.named(name)
    }

    /// Returns the values of the enumerators of a name.
    pub(super) fn enumerators(&self, name: &str) -> Result<Vec<i64>, TypesError> {
        self.source.enumerators(name, &self.budget)
    }

    /// Reads a type.
    pub(super) fn read(&self, id: TypeId) -> Result<TypeNode, TypesError> {
        self.source.read(id, &self.budget)
    }

    /// Returns the type below typedefs, qualifiers and type tags. Errors call it `name`.
    pub(super) fn strip(&self, name: &str, found: TypeNode) -> Result<TypeNode, TypesError> {
        let mut found = found;
        for _ in 0..DEPTH {
            found = match found {
                TypeNode::Typedef { of, .. } | TypeNode::Qualified { of, .. } => self.read(of)?,
                _ => return Ok(found),
            };
        }
        Err(TypesError::Circle(name.to_owned()))
    }
}

impl fmt::Debug for Types {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Types").finish_non_exhaustive()
    }
}
