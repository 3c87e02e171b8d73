//! The prototypes of functions.

use super::error::TypesError;
use super::graph::{DEPTH, Lookup, Types};
use super::source::{TypeId, TypeNode};

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
    /// BTF describes most functions that are not inlined everywhere. Of several functions of one name, this returns
    /// the first.
    ///
    /// # Errors
    /// [`TypesError`] if the types are damaged.
    pub fn function(&self, name: &str) -> Result<Option<Prototype>, TypesError> {
        let lookup = self.lookup();
        for id in lookup.named(name)? {
            let TypeNode::Function(function) = lookup.read(id)? else { continue };
            if function.name != name {
                continue;
            }
            let parameters = function.parameters.into_iter();
            let parameters =
                parameters.map(|(name, of)| Parameter { name, type_name: lookup.type_name(of, 0) });
            return Ok(Some(Prototype {
                parameters: parameters.collect(),
                returns: lookup.type_name(function.returns, 0),
                variadic: function.variadic,
            }));
        }
        Ok(None)
    }
}

impl Lookup<'_> {
    /// Returns the name of a type, close to its form in C.
    ///
    /// A pointer to a function becomes `(function) *`, without the prototype.
    fn type_name(&self, id: TypeId, depth: usize) -> String {
        let Ok(found) = self.read(id) else { return "?".to_owned() };
        if depth > DEPTH {
            return "?".to_owned();
        }
        let inner = |of: TypeId| self.type_name(of, depth + 1);
        let named = |name: &str, kind: &str| match name {
            "" => format!("{kind}(anonymous)"),
            name => format!("{kind}{name}"),
        };
        match &found {
            TypeNode::Void => "void".to_owned(),
            TypeNode::Base { name, .. } | TypeNode::Typedef { name, .. } => named(name, ""),
            TypeNode::Aggregate { word, name, .. } | TypeNode::Declaration { word, name } => {
                named(name, &format!("{word} "))
            }
            TypeNode::Enum { name, .. } => named(name, "enum "),
            TypeNode::Qualified { qualifier: "", of } => inner(*of),
            TypeNode::Qualified { qualifier, of } => qualified_name(&inner(*of), qualifier),
            TypeNode::Pointer(of) => {
                let to = inner(*of);
                let space = if to.ends_with('*') { "" } else { " " };
                format!("{to}{space}*")
            }
            TypeNode::Array { of, counts } => {
                let counts: String = counts.iter().map(|count| format!("[{count}]")).collect();
                format!("{}{counts}", inner(*of))
            }
            TypeNode::FunctionType => "(function)".to_owned(),
            TypeNode::Function(_) => "(func)".to_owned(),
            TypeNode::Other(word) => format!("({word})"),
        }
    }
}

/// Returns the name of a qualified type.
///
/// The qualifier precedes the type, but follows the `*` of a pointer.
fn qualified_name(of: &str, qualifier: &str) -> String {
    if of.ends_with('*') { format!("{of}{qualifier}") } else { format!("{qualifier} {of}") }
}
