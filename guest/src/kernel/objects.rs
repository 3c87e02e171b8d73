//! What an object-only kernel says of itself.

use std::collections::BTreeSet;

/// The symbol at which an object-only kernel has its note: text that ends with a NUL byte.
pub(crate) const SYMBOL: &str = "pmdscope_objects";
/// The symbol of the first stand-in of an absent function. They follow each other in the order of the note.
pub(crate) const FUNCTIONS: &str = "pmdscope_absent_functions";
/// The symbol of the first stand-in of an absent variable.
pub(crate) const VARIABLES: &str = "pmdscope_absent_variables";

/// What an object-only kernel is made of.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ObjectsNote {
    /// The objects, by their paths in the build folder.
    pub objects: Vec<String>,
    /// The functions that objects call and none of them defines: there is an instruction that traps.
    pub functions: BTreeSet<String>,
    /// The other names that no object defines: zeroes are there.
    pub variables: BTreeSet<String>,
}

/// A name that no object of a kernel defines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Absent<'a> {
    /// A function.
    Function(&'a str),
    /// A variable.
    Variable(&'a str),
}

impl ObjectsNote {
    /// The bytes that stand in for an absent function.
    pub const FUNCTION_BYTES: u64 = 16;
    /// The bytes that stand in for an absent variable. No variable that is known is larger.
    pub const VARIABLE_BYTES: u64 = 0x1_0000;

    /// Returns the absent function whose stand-in has a byte, given by its distance from [`FUNCTIONS`].
    pub(crate) fn function_at(&self, distance: u64) -> Option<&str> {
        nth(&self.functions, distance / ObjectsNote::FUNCTION_BYTES)
    }

    /// Returns the absent variable whose stand-in has a byte, given by its distance from [`VARIABLES`].
    pub(crate) fn variable_at(&self, distance: u64) -> Option<&str> {
        nth(&self.variables, distance / ObjectsNote::VARIABLE_BYTES)
    }

    /// Returns the note as it is in a kernel, with the NUL byte.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let line = |kind: &str, name: &String| format!("{kind} {name}\n");
        let lines = self.objects.iter().map(|name| line("object", name));
        let lines = lines.chain(self.functions.iter().map(|name| line("function", name)));
        let text: String = lines.chain(self.variables.iter().map(|name| line("variable", name))).collect();
        text.into_bytes().into_iter().chain([0]).collect()
    }

    /// Reads a note from the bytes at its symbol. Lines of other kinds are left out.
    pub fn parse(bytes: &[u8]) -> ObjectsNote {
        let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
        let mut note = ObjectsNote::default();
        for line in String::from_utf8_lossy(&bytes[..end]).lines() {
            match line.split_once(' ') {
                Some(("object", name)) => note.objects.push(name.to_owned()),
                Some(("function", name)) => _ = note.functions.insert(name.to_owned()),
                Some(("variable", name)) => _ = note.variables.insert(name.to_owned()),
                _ => (),
            }
        }
        note
    }
}

fn nth(names: &BTreeSet<String>, number: u64) -> Option<&str> {
    names.iter().nth(usize::try_from(number).ok()?).map(String::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_survives_its_bytes() {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let note = ObjectsNote {
            objects: vec!["mm/gup.o".to_owned()],
            functions: names(&["schedule"]),
            variables: names(&["jiffies_64"]),
        };
        let mut bytes = note.to_bytes();
        bytes.extend(b"function not_ours\n");
        assert_eq!(ObjectsNote::parse(&bytes), note);
        assert_eq!(ObjectsNote::parse(b""), ObjectsNote::default());
    }
}
