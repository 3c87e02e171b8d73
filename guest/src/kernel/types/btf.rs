//! Types as BTF describes them (Linux Documentation/bpf/btf.rst).

use std::collections::HashMap;
use std::sync::OnceLock;

use btf_rs::{Btf, BtfType, Type};

use super::error::TypesError;
use super::source::{Budget, FunctionNode, MemberNode, TypeId, TypeNode, TypeSource};

/// BTF of either byte order.
pub(super) struct BtfTypes {
    btf: Btf,
    /// The values of all enumerators by name, read at the first lookup.
    enumerators: OnceLock<HashMap<String, Vec<i64>>>,
}

impl BtfTypes {
    /// Parses BTF.
    pub(super) fn parse(bytes: &[u8]) -> Result<BtfTypes, TypesError> {
        Ok(BtfTypes { btf: Btf::from_bytes(bytes)?, enumerators: OnceLock::new() })
    }

    fn name(&self, of: &dyn BtfType) -> String {
        self.btf.resolve_name(of).unwrap_or_default()
    }

    fn node(&self, found: &Type) -> Result<TypeNode, TypesError> {
        let id = |of: &dyn BtfType| type_id(of.get_type_id().unwrap_or(0));
        let aggregate = |word, of: &dyn BtfType, size: usize, members: &[btf_rs::Member]| {
            let member = |member: &btf_rs::Member| MemberNode {
                name: self.name(member),
                bits: u64::from(member.bit_offset()),
                of: id(member),
                bitfield: member.bitfield_size().is_some_and(|size| size > 0),
            };
            let members = members.iter().map(member).collect();
            TypeNode::Aggregate { word, name: self.name(of), size: size as u64, members }
        };
        Ok(match found {
            Type::Void => TypeNode::Void,
            Type::Int(of) => TypeNode::Base { name: self.name(of), size: of.size() as u64 },
            Type::Float(of) => TypeNode::Base { name: self.name(of), size: of.size() as u64 },
            Type::Ptr(of) => TypeNode::Pointer(id(of)),
            Type::Typedef(of) => TypeNode::Typedef { name: self.name(of), of: id(of) },
            Type::Const(of) => TypeNode::Qualified { qualifier: "const", of: id(of) },
            Type::Volatile(of) => TypeNode::Qualified { qualifier: "volatile", of: id(of) },
            Type::Restrict(of) => TypeNode::Qualified { qualifier: "restrict", of: id(of) },
            Type::TypeTag(of) => TypeNode::Qualified { qualifier: "", of: id(of) },
            Type::Struct(of) => aggregate("struct", of, of.size(), &of.members),
            Type::Union(of) => aggregate("union", of, of.size(), &of.members),
            Type::Fwd(of) => {
                let word = if of.is_struct() { "struct" } else { "union" };
                TypeNode::Declaration { word, name: self.name(of) }
            }
            Type::Enum(of) => {
                let value = |value: u32| match of.is_signed() {
                    true => i64::from(value as i32),
                    false => i64::from(value),
                };
                let members = of.members.iter().map(|member| (self.name(member), value(member.val())));
                let enumerators = members.collect();
                TypeNode::Enum { name: self.name(of), size: of.size() as u64, enumerators }
            }
            Type::Enum64(of) => {
                let members = of.members.iter().map(|member| (self.name(member), member.val() as i64));
                let enumerators = members.collect();
                TypeNode::Enum { name: self.name(of), size: of.size() as u64, enumerators }
            }
            Type::Array(of) => TypeNode::Array { of: id(of), counts: vec![of.len() as u64] },
            Type::FuncProto(_) => TypeNode::FunctionType,
            Type::Func(of) => match self.btf.resolve_chained_type(of)? {
                Type::FuncProto(prototype) => {
                    let variadic = prototype.parameters.last().is_some_and(btf_rs::Parameter::is_variadic);
                    let known = prototype.parameters.len() - usize::from(variadic);
                    let parameters = prototype.parameters[..known].iter().map(|parameter| {
                        (Some(self.name(parameter)).filter(|name| !name.is_empty()), id(parameter))
                    });
                    TypeNode::Function(FunctionNode {
                        name: self.name(of),
                        parameters: parameters.collect(),
                        returns: type_id(prototype.return_type_id()),
                        variadic,
                    })
                }
                other => TypeNode::Other(other.name().to_owned()),
            },
            other => TypeNode::Other(other.name().to_owned()),
        })
    }

    /// Calls `visit` for each readable type.
    fn each(&self, mut visit: impl FnMut(&Type)) {
        let (first, last) = self.btf.base().type_id_range();
        (first..=last).filter_map(|id| self.btf.resolve_type_by_id(id).ok()).for_each(|found| visit(&found));
    }
}

impl TypeSource for BtfTypes {
    fn named(&self, name: &str) -> Result<Vec<TypeId>, TypesError> {
        let ids = self.btf.resolve_ids_by_name(name)?;
        Ok(ids.into_iter().map(type_id).collect())
    }

    fn read(&self, id: TypeId, budget: &Budget) -> Result<TypeNode, TypesError> {
        // A number that does not fit is no type's: the lookup fails.
        let id = if id == TypeId::VOID { 0 } else { u32::try_from(id.0).unwrap_or(u32::MAX) };
        let node = self.node(&self.btf.resolve_type_by_id(id)?)?;
        let members = match &node {
            TypeNode::Aggregate { members, .. } => members.len(),
            TypeNode::Enum { enumerators, .. } => enumerators.len(),
            TypeNode::Function(function) => function.parameters.len(),
            _ => 0,
        };
        budget.spend(1 + members as u64)?;
        Ok(node)
    }

    fn enumerators(&self, name: &str, _: &Budget) -> Result<Vec<i64>, TypesError> {
        let all = self.enumerators.get_or_init(|| {
            let mut all: HashMap<String, Vec<i64>> = HashMap::new();
            self.each(|found| {
                if let Ok(TypeNode::Enum { enumerators, .. }) = self.node(found) {
                    for (name, value) in enumerators {
                        let values = all.entry(name).or_default();
                        if !values.contains(&value) {
                            values.push(value);
                        }
                    }
                }
            });
            all
        });
        Ok(all.get(name).cloned().unwrap_or_default())
    }

    fn names(&self) -> Vec<String> {
        let mut names = Vec::new();
        self.each(|found| {
            if !matches!(found, Type::Func(_) | Type::Var(_) | Type::Fwd(_))
                && let Some(found) = found.as_btf_type()
            {
                names.push(self.name(found));
            }
        });
        names
    }
}

/// Returns BTF's number of a type as that of any source.
fn type_id(id: u32) -> TypeId {
    if id == 0 { TypeId::VOID } else { TypeId(id.into()) }
}
