//! The reasons why a question about a type has no answer.

use crate::kernel::text::printable;

/// Why a question about a type has no answer.
#[derive(Debug, thiserror::Error)]
pub enum TypesError {
    /// The bytes are not BTF, or damaged.
    #[error("the kernel's description of its types (BTF) is damaged: {0}")]
    Damaged(#[from] btf_rs::Error),
    /// A type contains itself.
    #[error("the kernel's description of its types (BTF) is damaged: {0} contains itself")]
    Circle(String),
    /// The kernel has no type of this name.
    #[error("this kernel has no type {name}{}", did_you_mean(.nearest))]
    NoType {
        /// The name.
        name: String,
        /// The most similar names of the kernel.
        nearest: Vec<String>,
    },
    /// The type has no member of this name.
    #[error("in this kernel, {of} has no member {member}{}", did_you_mean(.nearest))]
    NoMember {
        /// The type.
        of: String,
        /// The member's name.
        member: String,
        /// The most similar names of the type's members.
        nearest: Vec<String>,
    },
    /// The type has no members.
    #[error("{0} is not a struct or union, so it has no members")]
    NotStruct(String),
    /// The type has no size.
    #[error("{0} has no size: it is only declared, or a function")]
    NoSize(String),
    /// The member does not start at a byte.
    #[error("{0} is a bitfield, which is at no byte of its own")]
    Bitfield(String),
    /// Several types have the name, and their answers differ.
    #[error("this kernel has several types {name}, with {what} at {first} and at {second}")]
    Ambiguous {
        /// The name.
        name: String,
        /// The question.
        what: String,
        /// An answer.
        first: u64,
        /// Another answer.
        second: u64,
    },
}

/// The end of a message about an unknown name: the similar names, if any.
fn did_you_mean(names: &[String]) -> String {
    match names {
        [] => String::new(),
        // The names are the kernel's, which can be anyone's.
        names => format!(": did you mean {}?", printable(names.join(" or ").as_bytes())),
    }
}

/// The names that are most similar to an unknown one, the most similar first.
pub(super) fn nearest_names(unknown: &str, names: impl IntoIterator<Item = String>) -> Vec<String> {
    // The same as in other messages about unknown names.
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
