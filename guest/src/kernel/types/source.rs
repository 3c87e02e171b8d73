//! The two sources of types, BTF and DWARF, behind one interface.

use std::cell::Cell;

use super::error::TypesError;

/// The number of a type in its source.
///
/// In BTF it is the type's own number, and in DWARF the offset of its entry in `.debug_info`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TypeId(pub(super) u64);

impl TypeId {
    /// `void`, and what a pointer to anything points to.
    pub(super) const VOID: TypeId = TypeId(u64::MAX);
}

/// A type, as far as lookups need it.
#[derive(Debug, Clone)]
pub(super) enum TypeNode {
    /// No type.
    Void,
    /// An integer, a character or a floating-point number.
    Base { name: String, size: u64 },
    /// A pointer. All architectures are 64-bit.
    Pointer(TypeId),
    /// Another name of a type.
    Typedef { name: String, of: TypeId },
    /// A qualified type: the qualifier, or nothing for a tag.
    Qualified { qualifier: &'static str, of: TypeId },
    /// A struct or union.
    Aggregate { word: &'static str, name: String, size: u64, members: Vec<MemberNode> },
    /// A struct or union that is only declared.
    Declaration { word: &'static str, name: String },
    /// An enum.
    Enum { name: String, size: u64, enumerators: Vec<(String, i64)> },
    /// An array: the type of its elements, and their number in each dimension.
    Array { of: TypeId, counts: Vec<u64> },
    /// The type of a function.
    FunctionType,
    /// A function.
    Function(FunctionNode),
    /// Something else, such as a variable.
    Other(String),
}

/// A member of a struct or union.
#[derive(Debug, Clone)]
pub(super) struct MemberNode {
    /// The name, empty for an anonymous struct or union.
    pub(super) name: String,
    /// The offset from the start of the struct or union, in bits.
    pub(super) bits: u64,
    /// The type.
    pub(super) of: TypeId,
    /// Whether it is a bitfield.
    pub(super) bitfield: bool,
}

/// A function.
#[derive(Debug, Clone)]
pub(super) struct FunctionNode {
    /// The name.
    pub(super) name: String,
    /// The names of the parameters, if they have any, and their types.
    pub(super) parameters: Vec<(Option<String>, TypeId)>,
    /// The type of the return value.
    pub(super) returns: TypeId,
    /// Whether more arguments can follow the parameters.
    pub(super) variadic: bool,
}

impl TypeNode {
    /// Whether it is a type that data can have: no function, variable or declaration.
    pub(super) fn is_of_data(&self) -> bool {
        !matches!(self, TypeNode::Function(_) | TypeNode::Declaration { .. } | TypeNode::Other(_))
    }
}

/// How much a lookup may read.
///
/// A file can describe types that lead to others in more ways than anyone can follow.
#[derive(Debug)]
pub(super) struct Budget(Cell<u64>);

impl Budget {
    /// The most types and members that a lookup reads. The lookup that needs most in a kernel of 3000 units reads two
    /// million.
    const MOST: u64 = 32 << 20;

    pub(super) fn new() -> Self {
        Budget(Cell::new(Self::MOST))
    }

    /// Counts some types or members.
    ///
    /// # Errors
    /// [`TypesError::TooMany`] if that is more than a lookup may read.
    pub(super) fn spend(&self, count: u64) -> Result<(), TypesError> {
        let left = self.0.get().checked_sub(count).ok_or(TypesError::TooMany)?;
        self.0.set(left);
        Ok(())
    }
}

/// A description of types.
pub(super) trait TypeSource: Send + Sync {
    /// Returns the numbers of everything that has a name: types, functions, variables. Others may be among them.
    fn named(&self, name: &str) -> Result<Vec<TypeId>, TypesError>;

    /// Reads a type.
    fn read(&self, id: TypeId, budget: &Budget) -> Result<TypeNode, TypesError>;

    /// Returns the values of the enumerators of a name.
    fn enumerators(&self, name: &str, budget: &Budget) -> Result<Vec<i64>, TypesError>;

    /// Returns the names of all types that data can have, in any order, some more than once.
    fn names(&self) -> Vec<String>;
}

impl TypeNode {
    /// Returns the name, empty if there is none.
    pub(super) fn name(&self) -> &str {
        match self {
            TypeNode::Base { name, .. }
            | TypeNode::Typedef { name, .. }
            | TypeNode::Aggregate { name, .. }
            | TypeNode::Declaration { name, .. }
            | TypeNode::Enum { name, .. }
            | TypeNode::Other(name) => name,
            _ => "",
        }
    }
}
