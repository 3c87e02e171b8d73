//! The functions of a kernel that take the address of an entry: what each was seen to do when it ran alone.

mod text;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::entry::{Hex, Value};
use crate::entry_name::EntryName;
use crate::report::GuestInfo;

pub use text::{UNTYPED, text};

/// The name and number of the report. A change that breaks a reader raises the number.
pub const FUNCTIONS_SCHEMA: &str = "pmdscope.functions/1";

/// The functions of a kernel that take the address of an entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FunctionsReport {
    /// `pmdscope.functions/1`.
    pub schema: String,
    /// The program that ran it, with its version.
    pub made_by: String,
    /// The architecture.
    pub arch: String,
    /// The Linux version.
    pub linux: String,
    /// The kernel.
    pub guest: GuestInfo,
    /// The routines that are called by a recipe, which knows more than types say.
    pub recipes: Vec<RecipeReport>,
    /// The functions that are called by their types, by name.
    pub functions: Vec<FunctionReport>,
    /// Whether the kernel has no prototypes, so that no function could be found by its types.
    #[serde(default)]
    pub untyped: bool,
    /// The functions that could walk down to an entry, and were not seen to access it themselves.
    #[serde(default)]
    pub above: AboveReport,
    /// Why no function was run; null if they were.
    pub incomplete: Option<String>,
}

/// Functions that take a user address and what leads to its entry, but not the entry's address, and are none of the
/// functions that walk down to it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AboveReport {
    /// The number of those that leave the entry to functions that they call, or do not come near it.
    pub elsewhere: usize,
    /// Those that stopped before they accessed it, so that it is not known whether they do.
    pub stopped: Vec<String>,
    /// Those that could not be called.
    pub not_called: Vec<String>,
}

/// A routine that is called by a recipe.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RecipeReport {
    /// Its name in commands.
    pub name: String,
    /// `writer` or `walker`.
    pub role: String,
    /// What it is, in one line.
    pub meaning: String,
    /// The address of the function that is called; null if the kernel lacks it.
    pub address: Option<Hex>,
    /// The function that is called, in C syntax if its types are known; null if the kernel lacks it.
    pub function: Option<String>,
    /// The functions of which one is called.
    pub symbols: Vec<String>,
    /// Whether its callers hold the lock of the PMD table.
    pub locked_by_caller: bool,
    /// What it does to an entry, if it was run alone: a writer to change it, a walker to read it.
    pub seen: Vec<FunctionSeen>,
}

/// A function that is called by its types.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FunctionReport {
    /// Its name in commands: the symbol, and for a variant the value of a flag with which it goes another way.
    pub name: String,
    /// Its prototype in C syntax.
    pub prototype: String,
    /// `writer` or `walker`, if a file of routines says so; null if what it does tells that.
    pub role: Option<String>,
    /// The recipes that call it.
    pub recipes: Vec<String>,
    /// Why it cannot be called; null if it was.
    pub refused: Option<String>,
    /// Whether it is given no address of an entry, and walks down to the entry of a user address.
    #[serde(default)]
    pub walks: bool,
    /// The function that calls it, if it is a callback.
    pub through: Option<String>,
    /// Whether its callers hold the lock of the PMD table: it stores to the entry, or stops, without taking that lock.
    pub locked_by_caller: bool,
    /// Whether it can return with the lock of a table held.
    pub returns_locked: bool,
    /// Whether it releases the lock that its callers hold.
    #[serde(default)]
    pub releases_lock: bool,
    /// What its callers pass to it, if its types do not tell.
    #[serde(default)]
    pub contract: Option<ContractReport>,
    /// What it needs beside its arguments, and was given.
    pub provided: Vec<String>,
    /// What it does to an entry of each kind.
    pub seen: Vec<FunctionSeen>,
}

/// What the callers of a function pass to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ContractReport {
    /// The entries.
    pub passed: PassedEntries,
    /// The caller that shows it: a file of Linux, and a function in it.
    pub source: String,
}

/// The entries that the callers of a function pass to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PassedEntries {
    /// Mappings of a process alone.
    Mappings,
    /// Entries of the kernel's own page tables, of which no process has one.
    KernelTables,
    /// Entries of mappings that have no transparent huge pages: those of hugetlbfs, and of drivers that insert pages.
    OtherMappings,
}

/// What a function does to one entry when it runs alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FunctionSeen {
    /// The kind of the entry.
    pub entry: EntryName,
    /// The entry.
    pub value: Value,
    /// Whether callers pass it such an entry, as far as that is known: a recipe says which it takes.
    pub given: bool,
    /// How it ended, in words.
    pub ended: String,
    /// Whether it ran to an end: it returned, or went to sleep.
    pub whole: bool,
    /// Whether it loaded the entry.
    pub reads: bool,
    /// The entries that it stored, in order. A store of what was there does not count.
    pub stores: Vec<Value>,
    /// Whether it cleared the entry for bad.
    pub clears_bad: bool,
    /// Whether it took the lock of the PMD table.
    pub locks: bool,
    /// The places of its warnings.
    pub warnings: Vec<String>,
    /// The other functions that take the address of an entry and that it called.
    pub calls: Vec<String>,
}

impl FunctionReport {
    /// Whether it ran to an end on an entry of some kind.
    pub fn runs(&self) -> bool {
        self.seen.iter().any(|seen| seen.whole)
    }
}

/// How many functions of a kernel access an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Numbers {
    /// Those that take the address of an entry.
    pub take: usize,
    /// Those that walk down to one.
    pub walk: usize,
    /// Those of both that ran to an end on an entry of some kind.
    pub run: usize,
}

impl FunctionsReport {
    /// Returns how many functions there are. Variants do not count.
    pub fn numbers(&self) -> Numbers {
        let functions = || self.functions.iter().filter(|function| !function.name.contains(':'));
        let walk = functions().filter(|function| function.walks).count();
        let run = functions().filter(|function| function.runs()).count();
        Numbers { take: functions().count() - walk, walk, run }
    }
}
