//! The members of structs and unions.

use super::error::{TypesError, nearest_names};
use super::graph::{DEPTH, Lookup, Types};
use super::source::{MemberNode, TypeNode};

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
    /// - Another [`TypesError`] if the types are damaged.
    pub fn offset(&self, of: &str, path: &str) -> Result<u64, TypesError> {
        self.offset_alone(of, path).map_err(|error| self.with_similar_names(error))
    }

    /// Returns the offset in bytes of a member. Errors suggest no other names of types.
    pub(in crate::kernel) fn offset_alone(&self, of: &str, path: &str) -> Result<u64, TypesError> {
        let lookup = self.lookup();
        lookup.common_answer(of, path, |found| Ok(lookup.found_in(of, found, path)?.0))
    }

    /// Returns the size in bytes of a member of a struct or union, with a path as for [`offset`](Self::offset). Errors
    /// suggest no other names of types.
    ///
    /// # Errors
    /// As [`offset`](Self::offset), and [`TypesError::NoSize`] for a member that has none.
    pub(in crate::kernel) fn member_size_alone(&self, of: &str, path: &str) -> Result<u64, TypesError> {
        let lookup = self.lookup();
        lookup.common_answer(of, path, |found| {
            let (_, member) = lookup.found_in(of, found, path)?;
            lookup.size_of(path, &member, 0)
        })
    }
}

impl Lookup<'_> {
    /// Returns the offset in bytes of a member of one type, and the member's own type.
    fn found_in(&self, of: &str, found: &TypeNode, path: &str) -> Result<(u64, TypeNode), TypesError> {
        let mut whole = 0u64;
        let mut inside = found.clone();
        let mut walked = of.to_owned();
        for name in path.split('.') {
            let TypeNode::Aggregate { members, .. } = self.strip(&walked, inside)? else {
                return Err(TypesError::NotStruct(walked));
            };
            let Some(member) = self.member(&walked, members.clone(), name, 0)? else {
                let (mut names, of) = (Vec::new(), walked);
                self.member_names(members, &mut names, 0);
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
            whole = whole.saturating_add(member.bits / 8);
            inside = self.read(member.of)?;
        }
        Ok((whole, inside))
    }

    /// Finds the member of a name, also in anonymous structs and unions. Its offset is from the start of the first.
    fn member(
        &self,
        of: &str,
        members: Vec<MemberNode>,
        name: &str,
        depth: usize,
    ) -> Result<Option<MemberNode>, TypesError> {
        if depth > DEPTH {
            return Err(TypesError::Circle(of.to_owned()));
        }
        for member in members {
            if member.name == name && !name.is_empty() {
                return Ok(Some(member));
            }
            if member.name.is_empty()
                && !member.bitfield
                && let TypeNode::Aggregate { members: inner, .. } = self.strip(of, self.read(member.of)?)?
                && let Some(found) = self.member(of, inner, name, depth + 1)?
            {
                let bits = member.bits.saturating_add(found.bits);
                return Ok(Some(MemberNode { bits, ..found }));
            }
        }
        Ok(None)
    }

    /// Adds the names of all members, including those of anonymous structs and unions.
    fn member_names(&self, members: Vec<MemberNode>, names: &mut Vec<String>, depth: usize) {
        for member in members {
            if !member.name.is_empty() {
                names.push(member.name);
            } else if depth < DEPTH
                && let Ok(TypeNode::Aggregate { members, .. }) = self.read(member.of)
            {
                self.member_names(members, names, depth + 1);
            }
        }
    }
}
