//! The prototypes of functions.

use btf_rs::{BtfType, Type};

use super::error::TypesError;
use super::graph::{DEPTH, Types};

/// The prototype of a function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prototype {
    /// The parameters, in their order.
    pub parameters: Vec<Parameter>,
    /// The type of the return value, `void` for a function without one.
    pub returns: String,
    /// Whether more arguments can follow the parameters.
    pub variadic: bool,
}

/// A parameter of a function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parameter {
    /// The name, if the kernel gives it.
    pub name: Option<String>,
    /// The type in C syntax, such as `struct vm_area_struct *`.
    pub type_name: String,
}

impl Types {
    /// Returns the prototype of a function, `None` if the kernel does not describe it.
    ///
    /// Kernels describe most functions that are not inlined everywhere.
    ///
    /// # Errors
    /// [`TypesError::Damaged`] if the types are damaged.
    pub fn function(&self, name: &str) -> Result<Option<Prototype>, TypesError> {
        for found in self.btf.resolve_types_by_name(name)? {
            let Type::Func(function) = &found else { continue };
            let Type::FuncProto(prototype) = self.btf.resolve_chained_type(function)? else { continue };
            let variadic = prototype.parameters.last().is_some_and(btf_rs::Parameter::is_variadic);
            let known = prototype.parameters.len() - usize::from(variadic);
            let parameters = prototype.parameters[..known].iter().map(|parameter| {
                let name = self.name(parameter).filter(|name| !name.is_empty());
                Parameter { name, type_name: self.type_name(parameter.get_type_id().unwrap_or(0), 0) }
            });
            return Ok(Some(Prototype {
                parameters: parameters.collect(),
                returns: self.type_name(prototype.return_type_id(), 0),
                variadic,
            }));
        }
        Ok(None)
    }

    /// Returns the name of a type, close to its form in C.
    ///
    /// A pointer to a function becomes `(function) *`, without the prototype.
    fn type_name(&self, id: u32, depth: usize) -> String {
        let Ok(found) = self.btf.resolve_type_by_id(id) else { return "?".to_owned() };
        if depth > DEPTH {
            return "?".to_owned();
        }
        let inner = |of: &dyn BtfType| self.type_name(of.get_type_id().unwrap_or(0), depth + 1);
        let named = |of: &dyn BtfType, kind: &str| match self.name(of).filter(|name| !name.is_empty()) {
            Some(name) => format!("{kind}{name}"),
            None => format!("{kind}(anonymous)"),
        };
        match &found {
            Type::Void => "void".to_owned(),
            Type::Int(of) => named(of, ""),
            Type::Float(of) => named(of, ""),
            Type::Typedef(of) => named(of, ""),
            Type::Struct(of) => named(of, "struct "),
            Type::Union(of) => named(of, "union "),
            Type::Enum(of) => named(of, "enum "),
            Type::Enum64(of) => named(of, "enum "),
            Type::Fwd(of) => named(of, if of.is_struct() { "struct " } else { "union " }),
            Type::Const(of) => qualified_name(&inner(of), "const"),
            Type::Volatile(of) => qualified_name(&inner(of), "volatile"),
            Type::Restrict(of) => qualified_name(&inner(of), "restrict"),
            Type::TypeTag(of) => inner(of),
            Type::Ptr(of) => {
                let to = inner(of);
                let space = if to.ends_with('*') { "" } else { " " };
                format!("{to}{space}*")
            }
            Type::Array(of) => format!("{}[{}]", inner(of), of.len()),
            Type::FuncProto(_) => "(function)".to_owned(),
            other => format!("({})", other.name()),
        }
    }
}

/// Returns the name of a qualified type.
///
/// The qualifier precedes the type, but follows the `*` of a pointer.
fn qualified_name(of: &str, qualifier: &str) -> String {
    if of.ends_with('*') { format!("{of}{qualifier}") } else { format!("{qualifier} {of}") }
}
