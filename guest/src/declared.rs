//! Routines that a guest file declares itself: they are not in the registry.
//!
//! A user's guest has a section [`SECTION`] with a line of text for each such routine; `guest/c/guest.h` has a
//! macro for it. A line ends with a zero byte, and has these words, separated by one blank:
//!
//! ```text
//! ROLE NAME FUNCTION DETAIL PRECONDITION WHAT IT IS, IN ONE LINE
//! ```

use std::sync::{Mutex, PoisonError};

use crate::outcome::Check;
use crate::routine::{self, AGENT, Installs, PastPresent, Precondition, Role, Routine, WALKER, WRITER};

/// The name of the section.
pub const SECTION: &str = ".pmdscope.routines";

/// The largest section to read, in bytes. A section has a few hundred; the limit stops a mistaken file.
const MOST_BYTES: usize = 1 << 16;
/// The most routines that a guest may declare.
const MOST_ROUTINES: usize = 64;
/// The greatest length of a name, of a routine or of its function.
const LONGEST_NAME: usize = 64;

/// Errors of parsing the declarations of a guest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DeclarationError {
    /// The section is larger than it may be.
    #[error("its section {SECTION} has {0} bytes, and may have {MOST_BYTES}")]
    TooLarge(usize),
    /// The section declares more routines than it may.
    #[error("it declares more than {MOST_ROUTINES} routines")]
    TooMany,
    /// A declaration is malformed.
    #[error("its declaration {number} is not one: {fault}")]
    Malformed {
        /// The number of the declaration, counted from 1.
        number: usize,
        /// The fault in the declaration.
        fault: Fault,
    },
}

/// A fault in a declaration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The line does not end with a zero byte, is not UTF-8, or contains a control character.
    #[error("it is no line of printable text that ends with a zero byte")]
    NoText,
    /// A word is missing.
    #[error("it has no {0}")]
    Lacks(&'static str),
    /// A word is not one of the known words.
    #[error("its {what} is '{found}', and there are {known}")]
    Unknown {
        /// What the word names.
        what: &'static str,
        /// The word.
        found: String,
        /// The known words.
        known: String,
    },
    /// The name has a length, a beginning or a character that no name may have.
    #[error(
        "'{0}' is no {1}: it is made of at most {LONGEST_NAME} letters, digits, - and _, and begins with a letter or _"
    )]
    Name(String, &'static str),
    /// The name belongs to another routine.
    #[error("'{0}' is the name of another routine")]
    Taken(String),
}

/// Whether a word can be a name of a routine or a function.
fn is_name(word: &str) -> bool {
    word.len() <= LONGEST_NAME
        && word.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
}

/// Returns the value in `all` whose name is `word`. `what` says in the error what the word names.
fn one_of<T: Copy>(what: &'static str, word: &str, all: &[(&str, T)]) -> Result<T, Fault> {
    let unknown = || Fault::Unknown {
        what,
        found: word.to_owned(),
        known: all.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", "),
    };
    all.iter().find(|(name, _)| *name == word).map(|(_, one)| *one).ok_or_else(unknown)
}

/// Parses the routines that a section declares.
pub(crate) fn parse(section: &[u8]) -> Result<Vec<&'static Routine>, DeclarationError> {
    if section.len() > MOST_BYTES {
        return Err(DeclarationError::TooLarge(section.len()));
    }
    let mut declared: Vec<&'static Routine> = Vec::new();
    // Compilers align long strings, so that more than one zero can follow a line.
    let lines = section.split_inclusive(|byte| *byte == 0).filter(|line| *line != [0]);
    for (number, line) in (1..).zip(lines) {
        if number > MOST_ROUTINES {
            return Err(DeclarationError::TooMany);
        }
        let malformed = |fault| DeclarationError::Malformed { number, fault };
        let one = Declaration::parse(line).map_err(malformed)?;
        // A registered routine has facts of its own, by which the declared one must not be judged.
        let in_registry = routine::all(one.role).iter().any(|routine| routine.name == one.name);
        let same = |other: &&Routine| (other.role, other.name) == (one.role, one.name.as_str());
        if in_registry || declared.iter().any(same) {
            return Err(malformed(Fault::Taken(one.name)));
        }
        declared.push(one.intern());
    }
    Ok(declared)
}

/// A declaration: one line of a section.
#[derive(PartialEq, Eq)]
struct Declaration {
    role: Role,
    name: String,
    symbol: String,
    /// What a writer installs; nothing for other routines.
    installs: Installs,
    /// The checks that a walker applies only to an entry that it takes for a present one; none for other routines.
    past_present: Vec<Check>,
    precondition: Precondition,
    meaning: String,
}

impl Declaration {
    fn parse(line: &[u8]) -> Result<Declaration, Fault> {
        let text = line.strip_suffix(&[0]).and_then(|line| std::str::from_utf8(line).ok());
        let text = text.filter(|text| !text.contains(char::is_control)).ok_or(Fault::NoText)?;
        let mut words = text.splitn(6, ' ');
        let mut word = |what| words.next().filter(|word| !word.is_empty()).ok_or(Fault::Lacks(what));
        let role = one_of("role", word("role")?, &Role::ALL.map(|role| (role.name(), role)))?;
        let mut name = |what| -> Result<String, Fault> {
            let name = word(what)?;
            if is_name(name) { Ok(name.to_owned()) } else { Err(Fault::Name(name.to_owned(), what)) }
        };
        let (name, symbol) = (name("name")?, name("function")?);
        let (mut installs, mut past_present) = (Installs::Nothing, Vec::new());
        match role {
            Role::Writer => {
                let all = [Installs::Nothing, Installs::Table, Installs::Entry];
                let what = "what it installs";
                installs = one_of(what, word(what)?, &all.map(|one| (one.name(), one)))?;
            }
            Role::Walker => {
                let what = "checks past its present check";
                let all: Vec<_> = Check::ALL.iter().map(|check| (check.name(), *check)).collect();
                let checks = word(what)?.split(',').filter(|check| *check != "-");
                past_present = checks.map(|check| one_of(what, check, &all)).collect::<Result<_, _>>()?;
            }
            Role::Agent => one_of("detail", word("detail")?, &[("-", ())])?,
        }
        let all = [Precondition::Any, Precondition::Mapping, Precondition::Migration];
        let precondition = one_of("precondition", word("precondition")?, &all.map(|one| (one.name(), one)))?;
        let meaning = word("line that says what it is")?.to_owned();
        Ok(Declaration { role, name, symbol, installs, past_present, precondition, meaning })
    }

    /// Returns the routine, which lives as long as the program runs. It is then as cheap to hand around as a
    /// routine of the registry, and a guest that is loaded often takes no more memory than one that is loaded
    /// once.
    fn intern(self) -> &'static Routine {
        static ALL: Mutex<Vec<(Declaration, &'static Routine)>> = Mutex::new(Vec::new());
        let mut all = ALL.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, known)) = all.iter().find(|(known, _)| *known == self) {
            return known;
        }
        let routine: &'static Routine = Box::leak(Box::new(self.to_routine()));
        all.push((self, routine));
        routine
    }

    /// Makes the declared routine.
    ///
    /// A declaration does not say whether a writer invalidates mappings, so the writer is not judged by that. A
    /// writer returns the old entry, as `guest/c/guest.h` asks.
    fn to_routine(&self) -> Routine {
        let base = match self.role {
            Role::Writer => WRITER,
            Role::Walker => WALKER,
            Role::Agent => AGENT,
        };
        let symbol: &'static str = self.symbol.clone().leak();
        Routine {
            name: self.name.clone().leak(),
            symbols: vec![symbol].leak(),
            meaning: self.meaning.clone().leak(),
            precondition: self.precondition,
            installs: self.installs,
            splits: self.installs == Installs::Table,
            invalidates: false,
            past_present: PastPresent::Checks(self.past_present.clone().leak()),
            declared: true,
            ..base
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error_of(section: &[u8]) -> String {
        parse(section).unwrap_err().to_string()
    }

    #[test]
    fn a_section_declares_routines() {
        let section = b"writer set-it set_it entry mapping puts another entry there\0\0\0\0\
                        walker look look_at leaf,bad any looks\0agent mark mark - any marks\0";
        let declared = parse(section).unwrap();
        let [writer, walker, agent] = declared[..] else { panic!("{declared:?}") };
        assert_eq!((writer.name, writer.symbol()), ("set-it", "set_it"));
        assert_eq!((writer.installs, writer.precondition), (Installs::Entry, Precondition::Mapping));
        assert_eq!(writer.meaning, "puts another entry there");
        assert_eq!(
            (walker.role, walker.past_present),
            (Role::Walker, PastPresent::Checks(&[Check::Leaf, Check::Bad]))
        );
        assert_eq!((agent.role, agent.to_string().as_str()), (Role::Agent, "mark"));
        // Parsing a declaration again gives the same routine.
        assert!(std::ptr::eq(parse(section).unwrap()[0], writer));
        assert_eq!(parse(b"").unwrap(), Vec::<&Routine>::new());
        assert_eq!(parse(b"\0\0\0").unwrap(), Vec::<&Routine>::new());
    }

    #[test]
    fn what_is_wrong_with_a_declaration_is_said() {
        let first = |line: &str| error_of(format!("{line}\0").as_bytes());
        for (line, says) in [
            ("writer", "its declaration 1 is not one: it has no name"),
            ("reader a a - any x", "its role is 'reader', and there are writer, walker, agent"),
            ("writer a a all any x", "its what it installs is 'all', and there are nothing, table, entry"),
            ("walker a a leaf,leaves any x", "is 'leaves', and there are no check, none, present"),
            ("agent a a x any x", "its detail is 'x', and there are -"),
            (
                "writer a a nothing some x",
                "its precondition is 'some', and there are any, mapping, migration",
            ),
            ("writer a a nothing any", "it has no line that says what it is"),
            ("writer a/b a nothing any x", "'a/b' is no name: it is made of"),
            ("writer a -a nothing any x", "'-a' is no function: it is made of"),
            ("writer  a nothing any x", "it has no name"),
            ("writer pmdp_invalidate mine nothing any x", "'pmdp_invalidate' is the name of another routine"),
            ("walker hmm mine - any x", "'hmm' is the name of another routine"),
            ("writer a a nothing any \u{1b}[2J", "it is no line of printable text"),
        ] {
            assert!(first(line).contains(says), "{line}: {}", first(line));
        }
        let long = "a".repeat(LONGEST_NAME + 1);
        assert!(first(&format!("writer {long} a nothing any x")).contains("is no name"));
        assert!(error_of(b"writer a a nothing any x").contains("ends with a zero byte"));
        assert!(error_of(b"writer a a nothing any \xff\0").contains("no line of printable text"));
        assert!(error_of(b"writer a a nothing any x\0writer a b nothing any x\0").contains("declaration 2"));
        assert!(error_of(&vec![b' '; MOST_BYTES + 1]).contains("and may have 65536"));
        let many: String = (0..=MOST_ROUTINES).map(|n| format!("writer a{n} a nothing any x\0")).collect();
        assert_eq!(error_of(many.as_bytes()), "it declares more than 64 routines");
        // A name may be that of a routine of another role.
        parse(b"writer hmm mine nothing any x\0").unwrap();
    }
}
