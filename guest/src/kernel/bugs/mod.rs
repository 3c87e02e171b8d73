//! The places where a kernel reports a bug or a warning (`__bug_table`).
//!
//! `BUG()` and `WARN_ON()` compile to an instruction that traps, and an entry of a table that says what the trap
//! means: its address, its flags, and where in the sources it is. Source: Linux include/asm-generic/bug.h, lib/bug.c
//! and arch/*/include/asm/bug.h, in v5.10, v6.1, v6.12 and v7.2.

mod layout;
mod search;
mod trap;

use super::image::MemoryImage;
use super::load::Kernel;
use super::text::printable;
use layout::{Entry, EntryLayout, Table};
#[cfg(test)]
pub(crate) use trap::is_trap as traps_at;

/// A place where the kernel reports a bug or a warning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bug {
    /// The address of the instruction that traps.
    ///
    /// If [`has_arguments`](Self::has_arguments), it is an address near the call that reports the warning.
    pub address: u64,
    /// The address of the table's entry (`struct bug_entry`).
    pub entry: u64,
    /// What the kernel does when the instruction traps.
    pub kind: BugKind,
    /// Whether the kernel reports a warning only the first time (`WARN_ON_ONCE()`).
    ///
    /// False for a `WARN_ONCE()` of a kernel whose macro keeps a variable of its own for that.
    pub once: bool,
    /// Whether the warning has a message with arguments (`WARN()`, since Linux 6.19 on x86_64 and s390x).
    ///
    /// Such a warning does not trap where it is. It calls `__WARN_trap()` with the address of its entry as the first
    /// argument, and that function traps.
    pub has_arguments: bool,
    /// The source file, as the compiler was given its name. `None` in kernels without `CONFIG_DEBUG_BUGVERBOSE`.
    pub file: Option<String>,
    /// The line in the source file, from 1, modulo 65536. `None` in kernels without `CONFIG_DEBUG_BUGVERBOSE`.
    pub line: Option<u16>,
    /// The condition (`CONFIG_DEBUG_BUGVERBOSE_DETAILED`) or the format of the message, if the entry has one.
    pub message: Option<String>,
}

/// What a kernel does at a [`Bug`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BugKind {
    /// It stops (`BUG()`, `BUG_ON()`).
    Bug,
    /// It prints a warning, and goes on (`WARN()`, `WARN_ON()` and their kind).
    Warn,
}

/// The table of a kernel, with its entries in order of their addresses.
#[derive(Debug)]
pub(super) struct Bugs {
    table: Table,
    /// For each entry the address that it is about, and its number. In order of addresses, then of numbers.
    by_address: Vec<(u64, usize)>,
}

impl Kernel {
    /// Finds the bug or warning that the kernel reports if it traps at an address.
    ///
    /// `None` if the address is no such place, or the kernel has no table (`CONFIG_BUG` is off, or the architecture is
    /// sparc64). The first call reads the table, which takes some milliseconds, or some 100 ms if no symbol and no
    /// section tells where it is.
    pub fn bug_at(&self, address: u64) -> Option<Bug> {
        let bugs = self.bugs()?;
        let first = bugs.by_address.partition_point(|(of, _)| *of < address);
        // Of several entries the kernel takes the first of the table.
        let (found, number) = bugs.by_address.get(first)?;
        if *found != address {
            return None;
        }
        bugs.bug(&self.file().flat, *number)
    }

    /// Finds the bug or warning of an entry of the table.
    ///
    /// `address` is the address of the `struct bug_entry`, which `__WARN_trap()` gets as its first argument.
    pub fn bug_of_entry(&self, address: u64) -> Option<Bug> {
        let bugs = self.bugs()?;
        bugs.bug(&self.file().flat, bugs.table.number_at(address)?)
    }

    /// Returns all bugs and warnings, in ascending order of addresses.
    pub fn all_bugs(&self) -> Vec<Bug> {
        self.bugs().map_or_else(Vec::new, |bugs| bugs.all(self))
    }
}

impl Bugs {
    /// Reads the table of a kernel, wherever it is.
    pub(super) fn read(kernel: &Kernel) -> Option<Bugs> {
        let image = &kernel.file().flat;
        let symbols = kernel.symbol("__start___bug_table").zip(kernel.symbol("__stop___bug_table"));
        let section = || {
            let section = image.sections.iter().find(|section| section.name == "__bug_table")?;
            Some((section.address, section.address.checked_add(section.size)?))
        };
        match symbols.or_else(section) {
            Some((start, end)) => {
                let table = Table::read(image, start, end, EntryLayout::described(kernel))?;
                Some(Bugs::of_table(image, table))
            }
            None => Bugs::find_by_form(kernel),
        }
    }

    /// Finds the table of a kernel by the form of its entries, without symbols and sections.
    pub(super) fn find_by_form(kernel: &Kernel) -> Option<Bugs> {
        let image = &kernel.file().flat;
        let (start, end) = search::find(image)?;
        let table = Table::read(image, start, end, EntryLayout::described(kernel))?;
        Some(Bugs::of_table(image, table.grown(image)))
    }

    fn of_table(image: &MemoryImage, table: Table) -> Bugs {
        let addresses =
            (0..table.count).filter_map(|number| Some((table.entry(image, number)?.address, number)));
        let mut by_address: Vec<_> = addresses.collect();
        by_address.sort_unstable();
        Bugs { table, by_address }
    }

    /// Returns the bugs and warnings of all entries, in ascending order of addresses.
    pub(super) fn all(&self, kernel: &Kernel) -> Vec<Bug> {
        let image = &kernel.file().flat;
        let numbers = self.by_address.iter().map(|(_, number)| *number);
        numbers.filter_map(|number| self.bug(image, number)).collect()
    }

    /// Returns the bug or warning of an entry, given its number.
    fn bug(&self, image: &MemoryImage, number: usize) -> Option<Bug> {
        Some(describe(image, &self.table.entry(image, number)?))
    }
}

/// Returns a format without its level (Linux include/linux/kern_levels.h) and the end of its line.
fn message_of(format: &[u8]) -> String {
    let text = match format {
        [0x01, _, text @ ..] => text,
        text => text,
    };
    printable(text.trim_ascii_end())
}

/// Makes a [`Bug`] of an entry.
fn describe(image: &MemoryImage, entry: &Entry) -> Bug {
    let text = |address: Option<u64>| {
        let text = layout::string_at(image, address?)?;
        // The file is untrusted, and reports print the text.
        (!text.is_empty()).then(|| printable(text))
    };
    let mut file = text(entry.file);
    let format = entry.format.and_then(|address| layout::string_at(image, address));
    let mut message = format.map(message_of).filter(|message| !message.is_empty());
    // Where entries have no format, `CONFIG_DEBUG_BUGVERBOSE_DETAILED` puts the condition before the name.
    if let Some(whole) = &file
        && let Some((condition, name)) = whole.strip_prefix('[').and_then(|rest| rest.rsplit_once("] "))
    {
        message = message.or(Some(condition.to_owned()));
        file = Some(name.to_owned());
    }
    Bug {
        address: entry.address,
        entry: entry.at,
        kind: if entry.flags & layout::WARNING != 0 { BugKind::Warn } else { BugKind::Bug },
        once: entry.flags & layout::ONCE != 0,
        has_arguments: entry.flags & layout::ARGUMENTS != 0,
        file,
        line: entry.line,
        message,
    }
}
