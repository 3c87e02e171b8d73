//! The description of a routine.

use std::fmt;

use pmdscope_arches::Version;

use crate::kernel::Kernel;
use crate::outcome::Check;

/// The role of a routine: what it does with an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// The routine changes the entry.
    Writer,
    /// The routine reads the entry without its lock.
    Walker,
    /// The routine does to the entry what the MMU does when it translates an access. Only guests of architectures
    /// whose MMU marks entries by itself have agents.
    Agent,
}

impl Role {
    /// Every role.
    pub const ALL: [Role; 3] = [Role::Writer, Role::Walker, Role::Agent];

    /// Its name in declarations, lists and messages.
    pub const fn name(self) -> &'static str {
        match self {
            Role::Writer => "writer",
            Role::Walker => "walker",
            Role::Agent => "agent",
        }
    }
}

/// What a writer installs in place of the original entry.
///
/// An installed entry is not a changed form of the original one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Installs {
    /// Nothing: every value that it stores is derived from the entry.
    Nothing,
    /// A pointer to the page table of `env->pte_table`.
    Table,
    /// The entry that it stores last.
    Entry,
}

impl Installs {
    /// The word for it in a declaration.
    pub const fn name(self) -> &'static str {
        match self {
            Installs::Nothing => "nothing",
            Installs::Table => "table",
            Installs::Entry => "entry",
        }
    }
}

/// The entries that the callers of a routine pass to it. A run may use any entry; the report says so if it
/// is not one of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Precondition {
    /// Any: the routine checks the entry itself.
    Any,
    /// Mappings of a huge page.
    Mapping,
    /// Migration entries.
    Migration,
}

impl Precondition {
    /// The word for it in a declaration.
    pub const fn name(self) -> &'static str {
        match self {
            Precondition::Any => "any",
            Precondition::Mapping => "mapping",
            Precondition::Migration => "migration",
        }
    }

    /// Describes these entries in words.
    pub const fn entries(self) -> &'static str {
        match self {
            Precondition::Any => "any entry",
            Precondition::Mapping => "mappings",
            Precondition::Migration => "migration entries",
        }
    }
}

/// How to recognise that a walker went past its present check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PastPresent {
    /// By the check that stopped the walker: it applies these checks only to an entry that it takes for a present
    /// one.
    Checks(&'static [Check]),
    /// By the path of the walker's code, since the walker does not report which check stopped it. On an entry that
    /// is not present, the present check decides the path. A run that leaves this path on a present entry went
    /// past the check.
    Path,
}

/// A function of a guest or kernel that reads or changes an entry: its names, and the facts that it is judged by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Routine {
    /// What it does with an entry.
    pub role: Role,
    /// Its name in commands and reports.
    pub name: &'static str,
    /// The possible names of its function. The first one that a guest or kernel has is run.
    pub symbols: &'static [&'static str],
    /// Its meaning, in one line.
    pub meaning: &'static str,
    /// The first Linux version that has it. Some guests of later versions may still lack it; [`Guest::has_routine`]
    /// decides.
    ///
    /// [`Guest::has_routine`]: crate::Guest::has_routine
    pub since: Version,
    /// The entries that its callers pass to it.
    pub precondition: Precondition,
    /// What it installs in place of the entry, if it is a writer.
    pub installs: Installs,
    /// Whether it splits a mapping: it replaces it by a page table, which it may fill.
    pub splits: bool,
    /// Whether it makes a mapping invalid to the hardware before it replaces it or returns.
    pub invalidates: bool,
    /// Whether it returns the entry that it replaced.
    pub returns_entry: bool,
    /// How to recognise that it went past its present check, if it is a walker.
    pub past_present: PastPresent,
    /// Whether a guest file declares it, rather than the registry.
    pub declared: bool,
}

/// The common fields of all writers. By default a writer makes the entry invalid and returns it.
pub const WRITER: Routine = Routine {
    role: Role::Writer,
    name: "",
    symbols: &[],
    meaning: "",
    since: Version::OLDEST,
    precondition: Precondition::Any,
    installs: Installs::Nothing,
    splits: false,
    invalidates: true,
    returns_entry: true,
    past_present: PastPresent::Checks(&[]),
    declared: false,
};

/// The common fields of all walkers.
pub const WALKER: Routine =
    Routine { role: Role::Walker, invalidates: false, returns_entry: false, ..WRITER };

/// The common fields of all agents.
pub const AGENT: Routine = Routine { role: Role::Agent, ..WALKER };

impl Routine {
    /// Returns the name of its function in a guest. A guest has one name for each routine.
    pub const fn symbol(&self) -> &'static str {
        self.symbols[0]
    }

    /// Returns the name and address of its function in a kernel; `None` if the kernel has none of its functions.
    pub fn function_in(&self, kernel: &Kernel) -> Option<(&'static str, u64)> {
        self.symbols.iter().find_map(|symbol| Some((*symbol, kernel.symbol(symbol)?)))
    }
}

impl fmt::Display for Routine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name)
    }
}
