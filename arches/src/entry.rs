//! Kinds of entry that a run can start from, requests to build one, and the parts of a decoded one.

use std::fmt;
use std::str::FromStr;

use crate::nearest::UnknownName;

/// A kind of entry that a run can start from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EntryKind {
    /// A migration entry of a page that was not writable.
    MigrationRead,
    /// A migration entry of a page that was not writable and is exclusive to this process.
    MigrationReadExclusive,
    /// A migration entry of a page that was writable.
    MigrationWrite,
    /// A swap entry of an ordinary swap file; the PFN is the offset. Linux makes no such PMD (it
    /// splits a huge page before it swaps it out); it is here as a bit pattern.
    Swap,
    /// A writable mapping of a huge page.
    PresentHuge,
    /// A read-only mapping of a huge page.
    PresentHugeRo,
    /// A mapping made inaccessible for NUMA balancing.
    Protnone,
    /// A writable mapping of device memory.
    Devmap,
    /// The empty entry.
    None,
    /// A pointer to a page table.
    Table,
}

impl EntryKind {
    /// Every kind.
    pub const ALL: [EntryKind; 10] = [
        EntryKind::MigrationRead,
        EntryKind::MigrationWrite,
        EntryKind::MigrationReadExclusive,
        EntryKind::Swap,
        EntryKind::PresentHuge,
        EntryKind::PresentHugeRo,
        EntryKind::Protnone,
        EntryKind::Devmap,
        EntryKind::None,
        EntryKind::Table,
    ];

    /// The name used in commands and reports.
    pub const fn name(self) -> &'static str {
        match self {
            EntryKind::MigrationRead => "migration-read",
            EntryKind::MigrationReadExclusive => "migration-read-exclusive",
            EntryKind::MigrationWrite => "migration-write",
            EntryKind::Swap => "swap",
            EntryKind::PresentHuge => "present-huge",
            EntryKind::PresentHugeRo => "present-huge-ro",
            EntryKind::Protnone => "protnone",
            EntryKind::Devmap => "devmap",
            EntryKind::None => "none",
            EntryKind::Table => "table",
        }
    }

    /// Its meaning, in one line.
    pub const fn meaning(self) -> &'static str {
        match self {
            EntryKind::MigrationRead => "migration entry of a huge page that was mapped read-only",
            EntryKind::MigrationReadExclusive => {
                "migration entry of a read-only page that only this process has"
            }
            EntryKind::MigrationWrite => "migration entry of a huge page that was mapped writable",
            EntryKind::Swap => {
                "swap entry of type 1, offset = PFN (Linux makes no swap PMD: a bit pattern only)"
            }
            EntryKind::PresentHuge => "writable mapping of a huge page",
            EntryKind::PresentHugeRo => "read-only mapping of a huge page",
            EntryKind::Protnone => "huge page kept from access for NUMA balancing",
            EntryKind::Devmap => "writable mapping of device memory",
            EntryKind::None => "empty entry",
            EntryKind::Table => "pointer to a page table",
        }
    }

    /// Whether it is a migration entry.
    pub const fn is_migration(self) -> bool {
        matches!(
            self,
            EntryKind::MigrationRead | EntryKind::MigrationReadExclusive | EntryKind::MigrationWrite
        )
    }

    /// Whether it is a swap or migration entry.
    pub const fn is_swap(self) -> bool {
        self.is_migration() || matches!(self, EntryKind::Swap)
    }

    /// Whether it maps a huge page.
    pub const fn is_mapping(self) -> bool {
        !self.is_swap() && !matches!(self, EntryKind::None | EntryKind::Table)
    }
}

impl fmt::Display for EntryKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for EntryKind {
    type Err = UnknownName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        EntryKind::ALL
            .into_iter()
            .find(|kind| kind.name() == text)
            .ok_or_else(|| UnknownName::new("entry", text, EntryKind::ALL.iter().map(|kind| kind.name())))
    }
}

/// A request to build an entry: its kind and its contents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EntrySpec {
    /// The kind.
    pub kind: EntryKind,
    /// Page frame number of the huge page, or of the page table for `table`; the offset for `swap`.
    pub pfn: u64,
    /// Accessed.
    pub young: bool,
    /// Dirty.
    pub dirty: bool,
    /// Soft-dirty.
    pub soft_dirty: bool,
    /// Write-protected for userfaultfd (swap entries only).
    pub uffd_wp: bool,
}

/// An entry that an encoding cannot express, and the reason.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{encoding} {}", self.reason())]
pub struct EntryError {
    pub(crate) encoding: String,
    pub(crate) kind: EntryKind,
    pub(crate) why: String,
}

impl EntryError {
    /// Returns what cannot be expressed and why, without the encoding.
    pub fn reason(&self) -> String {
        format!("cannot express {}: {}", self.kind, self.why)
    }
}

/// The parts of a swap entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SwapParts {
    /// The swap type.
    pub kind: u64,
    /// The whole offset, including young and dirty of a migration entry.
    pub offset: u64,
    /// Soft-dirty.
    pub soft_dirty: bool,
    /// Write-protected for userfaultfd.
    pub uffd_wp: bool,
    /// The parts of a migration entry, if the type means migration.
    pub migration: Option<MigrationParts>,
}

/// The parts of a migration entry, which describe the page under migration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MigrationParts {
    /// The kind of migration entry.
    pub kind: EntryKind,
    /// The page frame number of the first base page.
    pub pfn: u64,
    /// The page was accessed.
    pub young: bool,
    /// The page was dirty.
    pub dirty: bool,
}

impl MigrationParts {
    /// Whether the page is marked as exclusive to this process. A writable page is exclusive without a mark.
    pub fn exclusive(&self) -> bool {
        self.kind == EntryKind::MigrationReadExclusive
    }
}
