//! Errors of reading the types of a kernel.

use crate::kernel::text::printable;

/// Errors of parsing types (BTF), and of looking up a type.
#[derive(Debug, thiserror::Error)]
pub enum TypesError {
    /// The bytes are not BTF, or the BTF is damaged.
    #[error("the kernel's description of its types (BTF) is damaged: {0}")]
    Damaged(#[from] btf_rs::Error),
    /// The debug information is damaged.
    #[error("the kernel's debug information (DWARF) is damaged: {0}")]
    Dwarf(#[from] gimli::Error),
    /// A section of debug information cannot be unpacked. The field has the reason.
    #[error("the kernel's debug information (DWARF) cannot be unpacked: {0}")]
    Compressed(String),
    /// The debug information has no types: it is of assembly only, or describes lines only.
    #[error("the kernel's debug information (DWARF) describes no types")]
    Empty,
    /// The types are in files beside the kernel (`CONFIG_DEBUG_INFO_SPLIT`).
    #[error(
        "the kernel's debug information (DWARF) is split, and its types are in .dwo files: build without CONFIG_DEBUG_INFO_SPLIT, or with CONFIG_DEBUG_INFO_BTF"
    )]
    Split,
    /// There is more debug information than in any kernel.
    #[error(
        "the kernel's debug information (DWARF) has more than {most} {what}, which are not read: give its BTF instead (pahole --btf_encode_detached)"
    )]
    TooLarge {
        /// The things that are too many.
        what: &'static str,
        /// The most that are read.
        most: u64,
    },
    /// The file with the types cannot be read, or is cut off.
    #[error("its types cannot be read: {0}")]
    Read(std::io::Error),
    /// A lookup would read more types than any kernel has.
    #[error("the kernel's description of its types is damaged: types lead to one another in too many ways")]
    TooMany,
    /// A type contains itself.
    #[error("the kernel's description of its types is damaged: {0} contains itself")]
    Circle(String),
    /// The kernel has no type of this name.
    #[error("this kernel has no type {name}{}", did_you_mean(.nearest))]
    NoType {
        /// The name that was looked up.
        name: String,
        /// The most similar names of types, the most similar first.
        nearest: Vec<String>,
    },
    /// The type has no member of this name.
    #[error("in this kernel, {of} has no member {member}{}", did_you_mean(.nearest))]
    NoMember {
        /// The type, with the members of the path before this one.
        of: String,
        /// The member that was looked up.
        member: String,
        /// The most similar names of the type's members, the most similar first.
        nearest: Vec<String>,
    },
    /// The type is neither a struct nor a union.
    #[error("{0} is not a struct or union, so it has no members")]
    NotStruct(String),
    /// The type has no size.
    #[error("{0} has no size: it is only declared, or a function")]
    NoSize(String),
    /// The member is a bitfield, or does not start at a byte.
    #[error("{0} is a bitfield, which is at no byte of its own")]
    Bitfield(String),
    /// Several types have this name, and their sizes, or the offsets of the member, differ.
    #[error("this kernel has several types {name}, with {what} at {first} and at {second}")]
    Ambiguous {
        /// The name that was looked up.
        name: String,
        /// The path of the member, or `its end` for the size.
        what: String,
        /// The offset or size in one type, in bytes.
        first: u64,
        /// The offset or size in another type, in bytes.
        second: u64,
    },
    /// Several enumerators have this name, and their values differ.
    #[error("this kernel has several enumerators {name}, with the values {first} and {second}")]
    AmbiguousEnumerator {
        /// The name that was looked up.
        name: String,
        /// The value of one.
        first: i64,
        /// The value of another.
        second: i64,
    },
}

/// Returns the end of a message about an unknown name: the similar names, if any.
fn did_you_mean(names: &[String]) -> String {
    match names {
        [] => String::new(),
        // The names come from the kernel file, which is untrusted.
        names => format!(": did you mean {}?", printable(names.join(" or ").as_bytes())),
    }
}

/// Returns the names most similar to an unknown one, the most similar first.
pub(super) fn nearest_names(unknown: &str, names: impl IntoIterator<Item = String>) -> Vec<String> {
    // Other messages about unknown names use the same threshold.
    const SIMILAR: f64 = 0.7;
    const MOST: usize = 3;
    let mut names: Vec<_> = names
        .into_iter()
        .map(|name| (strsim::jaro_winkler(unknown, &name), name))
        .filter(|(likeness, _)| *likeness >= SIMILAR)
        .collect();
    names.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
    names.dedup_by(|a, b| a.1 == b.1);
    names.into_iter().take(MOST).map(|(_, name)| name).collect()
}
