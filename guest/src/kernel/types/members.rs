//! The members of structs and unions.

use btf_rs::{BtfType, Type};

use super::error::{TypesError, nearest_names};
use super::graph::{DEPTH, Types};

/// The place of a member in a struct or union.
struct MemberPlace {
    /// The offset from the start of the struct or union, in bits.
    bits: u64,
    /// BTF's number of the member's type.
    type_id: u32,
    /// Whether the member is a bitfield.
    bitfield: bool,
}

impl Types {
    /// Returns the offset in bytes of a member of a struct or union, or of a typedef of one.
    ///
    /// The path names the member at each level, separated by dots: `offset("vm_area_struct", "vm_page_prot.pgprot")`.
    /// It leaves out anonymous structs and unions.
    ///
    /// # Errors
    /// - [`TypesError::NoType`] or [`TypesError::NoMember`] if the kernel has no such type or member.
    /// - [`TypesError::NotStruct`] if the path goes through a type without members.
    /// - [`TypesError::Bitfield`] if a member of the path does not start at a byte.
    /// - [`TypesError::Ambiguous`] if the types of this name disagree.
    /// - [`TypesError::Damaged`] or [`TypesError::Circle`] if the types are damaged.
    pub fn offset(&self, of: &str, path: &str) -> Result<u64, TypesError> {
        self.common_answer(of, path, |found| self.offset_in(of, found, path))
    }

    /// Returns the offset in bytes of a member of one type.
    fn offset_in(&self, of: &str, found: &Type, path: &str) -> Result<u64, TypesError> {
        let mut whole = 0u64;
        let mut inside = found.clone();
        let mut walked = of.to_owned();
        for name in path.split('.') {
            let members = match self.strip(&walked, &inside)? {
                Type::Struct(aggregate) | Type::Union(aggregate) => aggregate.members,
                _ => return Err(TypesError::NotStruct(walked)),
            };
            let Some(member) = self.member(&walked, &members, name, 0)? else {
                let (mut names, of) = (Vec::new(), walked);
                self.member_names(&members, &mut names, 0);
                return Err(TypesError::NoMember {
                    of,
                    member: name.to_owned(),
                    nearest: nearest_names(name, names),
                });
            };
            walked = format!("{walked}.{name}");
            if member.bitfield || member.bits % 8 != 0 {
                return Err(TypesError::Bitfield(walked));
            }
            whole += member.bits / 8;
            inside = self.btf.resolve_type_by_id(member.type_id)?;
        }
        Ok(whole)
    }

    /// Finds the member of a name, also in anonymous structs and unions.
    fn member(
        &self,
        of: &str,
        members: &[btf_rs::Member],
        name: &str,
        depth: usize,
    ) -> Result<Option<MemberPlace>, TypesError> {
        if depth > DEPTH {
            return Err(TypesError::Circle(of.to_owned()));
        }
        for member in members {
            let type_id = member.get_type_id().unwrap_or(0);
            let bits = u64::from(member.bit_offset());
            let own = self.name(member).unwrap_or_default();
            if own == name && !name.is_empty() {
                let bitfield = member.bitfield_size().is_some_and(|size| size > 0);
                return Ok(Some(MemberPlace { bits, type_id, bitfield }));
            }
            if own.is_empty()
                && let Type::Struct(inner) | Type::Union(inner) =
                    self.strip(of, &self.btf.resolve_type_by_id(type_id)?)?
                && let Some(found) = self.member(of, &inner.members, name, depth + 1)?
            {
                return Ok(Some(MemberPlace { bits: bits + found.bits, ..found }));
            }
        }
        Ok(None)
    }

    /// Adds the names of all members, including those of anonymous structs and unions.
    fn member_names(&self, members: &[btf_rs::Member], names: &mut Vec<String>, depth: usize) {
        for member in members {
            let name = self.name(member).unwrap_or_default();
            if !name.is_empty() {
                names.push(name);
            } else if depth < DEPTH
                && let Ok(Type::Struct(inner) | Type::Union(inner)) = self.btf.resolve_chained_type(member)
            {
                self.member_names(&inner.members, names, depth + 1);
            }
        }
    }
}
