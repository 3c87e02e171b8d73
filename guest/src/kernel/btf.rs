//! The types of a kernel, as it describes them itself: BTF (Linux Documentation/bpf/btf.rst).

use std::collections::HashMap;
use std::fmt;
use std::sync::OnceLock;

use btf_rs::{Btf, BtfType, Type};
use pmdscope_arches::ByteOrder;
use serde::{Deserialize, Serialize};

use super::flat::Flat;
use super::package::printable;

/// How deep anonymous structs, typedefs and qualifiers are followed. In kernels it is less than ten;
/// damaged BTF can go in circles.
const DEPTH: usize = 64;
const MAGIC: u16 = 0xeb9f;
/// The header up to Linux 6.19; later ones can be longer.
const HEADER: u64 = 24;
const HEADER_LONGEST: u64 = 256;

/// Where the BTF of a kernel is in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct BtfPlace {
    /// The number of the segment.
    pub segment: usize,
    /// The distance from where its bytes start.
    pub offset: usize,
    /// How many bytes it takes.
    pub length: usize,
}

/// The types of a kernel.
pub struct Types {
    btf: Btf,
    enumerators: OnceLock<HashMap<String, i64>>,
}

/// How a function is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prototype {
    /// Its parameters, in their order.
    pub parameters: Vec<Parameter>,
    /// The type of what it returns, `void` for nothing.
    pub returns: String,
    /// Whether more arguments can follow.
    pub variadic: bool,
}

/// A parameter of a function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parameter {
    /// Its name, if it is known.
    pub name: Option<String>,
    /// Its type, as in C, such as `struct vm_area_struct *`.
    pub type_name: String,
}

/// Why something is not known of a type.
#[derive(Debug, thiserror::Error)]
pub enum TypesError {
    /// Not BTF, or damaged.
    #[error("the kernel's description of its types (BTF) is damaged: {0}")]
    Damaged(#[from] btf_rs::Error),
    /// A type that goes in circles.
    #[error("the kernel's description of its types (BTF) is damaged: {0} contains itself")]
    Circle(String),
    /// There is no such type.
    #[error("this kernel has no type {name}{}", did_you_mean(.nearest))]
    NoType {
        /// What was asked for.
        name: String,
        /// The most similar names there are.
        nearest: Vec<String>,
    },
    /// It has no such member.
    #[error("in this kernel, {of} has no member {member}{}", did_you_mean(.nearest))]
    NoMember {
        /// The type.
        of: String,
        /// What was asked for.
        member: String,
        /// The most similar names there are.
        nearest: Vec<String>,
    },
    /// A member was asked for of something that has none.
    #[error("{0} is not a struct or union, so it has no members")]
    NotStruct(String),
    /// A type of no size.
    #[error("{0} has no size: it is only declared, or a function")]
    NoSize(String),
    /// Not at a byte.
    #[error("{0} is a bitfield, which is at no byte of its own")]
    Bitfield(String),
    /// Several types of one name that differ in what was asked for.
    #[error("this kernel has several types {name}, with {what} at {first} and at {second}")]
    Ambiguous {
        /// The name.
        name: String,
        /// What was asked for.
        what: String,
        /// One answer.
        first: u64,
        /// Another one.
        second: u64,
    },
}

fn did_you_mean(names: &[String]) -> String {
    match names {
        [] => String::new(),
        // They are as the kernel has them, whoever made it.
        names => format!(": did you mean {}?", printable(names.join(" or ").as_bytes())),
    }
}

/// The names most like the one given, the best first.
fn alike(given: &str, names: impl IntoIterator<Item = String>) -> Vec<String> {
    // As in the other messages about unknown names.
    const ALIKE: f64 = 0.7;
    const MOST: usize = 3;
    let mut names: Vec<_> = names
        .into_iter()
        .map(|name| (strsim::jaro_winkler(given, &name), name))
        .filter(|(likeness, _)| *likeness >= ALIKE)
        .collect();
    names.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
    names.dedup_by(|a, b| a.1 == b.1);
    names.into_iter().take(MOST).map(|(_, name)| name).collect()
}

/// The largest valid BTF in a kernel. A kernel can have small ones too, of tests.
pub(super) fn find(flat: &Flat) -> Option<BtfPlace> {
    let big = ByteOrder::of(flat.arch) == ByteOrder::Big;
    let magic = if big { MAGIC.to_be_bytes() } else { MAGIC.to_le_bytes() };
    // Version 1, no flags.
    let begin = [magic[0], magic[1], 1, 0];
    let places = flat.segments.iter().enumerate().flat_map(|(segment, part)| {
        memchr::memmem::find_iter(&part.bytes, &begin)
            .filter_map(|offset| Some((offset, length(&part.bytes[offset..], big)?)))
            .map(move |(offset, length)| BtfPlace { segment, offset, length })
            .collect::<Vec<_>>()
    });
    places.max_by_key(|place| place.length)
}

/// How long the BTF is that starts here, if its header makes sense.
fn length(bytes: &[u8], big: bool) -> Option<usize> {
    let field = |number: usize| {
        let bytes = *bytes.get(4 + number * 4..)?.first_chunk()?;
        Some(u64::from(if big { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) }))
    };
    let (header, types, types_length) = (field(0)?, field(1)?, field(2)?);
    let (strings, strings_length) = (field(3)?, field(4)?);
    let sane = (HEADER..=HEADER_LONGEST).contains(&header)
        && header % 4 == 0
        && types % 4 == 0
        && types_length > 0
        && strings_length > 1
        && (strings >= types + types_length || types >= strings + strings_length);
    let length = header + (types + types_length).max(strings + strings_length);
    let (length, names) = (usize::try_from(length).ok()?, usize::try_from(header + strings).ok()?);
    let names = bytes.get(names..names + usize::try_from(strings_length).ok()?)?;
    // The first name is the empty one, and the last one ends.
    (sane && length <= bytes.len() && names.first() == Some(&0) && names.last() == Some(&0)).then_some(length)
}

impl Types {
    /// Reads BTF, of any byte order.
    pub fn parse(bytes: &[u8]) -> Result<Types, TypesError> {
        Ok(Types { btf: Btf::from_bytes(bytes)?, enumerators: OnceLock::new() })
    }

    /// The distance in bytes of a member from the start of a struct, union, or typedef of one. The path
    /// has a name for each level, with dots between, and none for anonymous ones:
    /// `offset("vm_area_struct", "vm_page_prot.pgprot")`.
    pub fn offset(&self, of: &str, path: &str) -> Result<u64, TypesError> {
        self.agreed(of, path, |found| self.offset_in(of, found, path))
    }

    /// How many bytes a type takes.
    pub fn size(&self, name: &str) -> Result<u64, TypesError> {
        self.agreed(name, "its end", |found| self.size_of(name, found, 0))
    }

    /// The value of an enumerator, of an enum by name, or of any.
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

    /// How a function is called, if the kernel describes it. It does so for most that are not inlined
    /// everywhere.
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

    /// What all types of a name agree on.
    fn agreed(
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
                nearest: alike(name, self.names(of_data)),
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

    fn offset_in(&self, of: &str, found: &Type, path: &str) -> Result<u64, TypesError> {
        let mut whole = 0u64;
        let mut inside = found.clone();
        let mut walked = of.to_owned();
        for name in path.split('.') {
            let members = match self.stripped(&walked, &inside)? {
                Type::Struct(aggregate) | Type::Union(aggregate) => aggregate.members,
                _ => return Err(TypesError::NotStruct(walked)),
            };
            let Some(member) = self.member(&walked, &members, name, 0)? else {
                let (mut names, of) = (Vec::new(), walked);
                self.member_names(&members, &mut names, 0);
                return Err(TypesError::NoMember {
                    of,
                    member: name.to_owned(),
                    nearest: alike(name, names),
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

    /// A member by name, those of anonymous structs and unions included.
    fn member(
        &self,
        of: &str,
        members: &[btf_rs::Member],
        name: &str,
        depth: usize,
    ) -> Result<Option<FoundMember>, TypesError> {
        if depth > DEPTH {
            return Err(TypesError::Circle(of.to_owned()));
        }
        for member in members {
            let type_id = member.get_type_id().unwrap_or(0);
            let bits = u64::from(member.bit_offset());
            let own = self.name(member).unwrap_or_default();
            if own == name && !name.is_empty() {
                let bitfield = member.bitfield_size().is_some_and(|size| size > 0);
                return Ok(Some(FoundMember { bits, type_id, bitfield }));
            }
            if own.is_empty()
                && let Type::Struct(inner) | Type::Union(inner) =
                    self.stripped(of, &self.btf.resolve_type_by_id(type_id)?)?
                && let Some(found) = self.member(of, &inner.members, name, depth + 1)?
            {
                return Ok(Some(FoundMember { bits: bits + found.bits, ..found }));
            }
        }
        Ok(None)
    }

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

    /// A type without typedefs and qualifiers.
    fn stripped(&self, name: &str, found: &Type) -> Result<Type, TypesError> {
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

    fn size_of(&self, name: &str, found: &Type, depth: usize) -> Result<u64, TypesError> {
        /// All architectures are of 64 bits.
        const POINTER: u64 = 8;
        if depth > DEPTH {
            return Err(TypesError::Circle(name.to_owned()));
        }
        Ok(match self.stripped(name, found)? {
            Type::Struct(aggregate) | Type::Union(aggregate) => aggregate.size() as u64,
            Type::Int(int) => int.size() as u64,
            Type::Float(float) => float.size() as u64,
            Type::Enum(of) => of.size() as u64,
            Type::Enum64(of) => of.size() as u64,
            Type::Ptr(_) => POINTER,
            Type::Array(array) => {
                let element = self.size_of(name, &self.btf.resolve_chained_type(&array)?, depth + 1)?;
                element.saturating_mul(array.len() as u64)
            }
            _ => return Err(TypesError::NoSize(name.to_owned())),
        })
    }

    fn name(&self, of: &dyn BtfType) -> Option<String> {
        self.btf.resolve_name(of).ok()
    }

    /// The names of all types that `wanted` says.
    fn names(&self, wanted: impl Fn(&Type) -> bool) -> Vec<String> {
        let mut names = Vec::new();
        self.each(|found| {
            if wanted(found) {
                let name = found.as_btf_type().and_then(|found| self.name(found));
                names.extend(name.filter(|name| !name.is_empty()));
            }
        });
        names
    }

    fn each(&self, mut visit: impl FnMut(&Type)) {
        let (first, last) = self.btf.base().type_id_range();
        (first..=last).filter_map(|id| self.btf.resolve_type_by_id(id).ok()).for_each(|found| visit(&found));
    }

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

    /// The values of all enumerators; of several of one name, the first.
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

    /// A type as it is written in C, near enough: what is pointed to by pointers to functions and
    /// arrays is left out.
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
            Type::Const(of) => qualified(&inner(of), "const"),
            Type::Volatile(of) => qualified(&inner(of), "volatile"),
            Type::Restrict(of) => qualified(&inner(of), "restrict"),
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

/// `const` stands before what it is said of, but behind a pointer.
fn qualified(of: &str, qualifier: &str) -> String {
    if of.ends_with('*') { format!("{of}{qualifier}") } else { format!("{qualifier} {of}") }
}

/// Where a member was found.
struct FoundMember {
    bits: u64,
    type_id: u32,
    bitfield: bool,
}

impl fmt::Debug for Types {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Types").finish_non_exhaustive()
    }
}
