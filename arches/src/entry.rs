//! The kinds of entry a run can start from, built in an encoding.

use std::fmt;
use std::str::FromStr;

use crate::nearest::UnknownName;

/// A kind of entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EntryKind {
    /// A migration entry of a page that was not writable.
    MigrationRead,
    /// A migration entry of a page that was not writable and belongs to this process alone.
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
    /// A mapping kept from access for NUMA balancing.
    Protnone,
    /// A writable mapping of device memory.
    Devmap,
    /// Nothing.
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

/// An entry to build: its kind, and what it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EntrySpec {
    /// The kind.
    pub kind: EntryKind,
    /// The page frame number: of the huge page, or of the page table of a `table` entry.
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

/// Why an encoding cannot express an entry.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{encoding} {}", self.reason())]
pub struct EntryError {
    pub(crate) encoding: String,
    pub(crate) kind: EntryKind,
    pub(crate) why: String,
}

impl EntryError {
    /// What cannot be expressed, and why, without saying where.
    pub fn reason(&self) -> String {
        format!("cannot express {}: {}", self.kind, self.why)
    }
}

/// What a swap entry holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SwapParts {
    /// The swap type.
    pub kind: u64,
    /// The offset, whole.
    pub offset: u64,
    /// Soft-dirty.
    pub soft_dirty: bool,
    /// Write-protected for userfaultfd.
    pub uffd_wp: bool,
    /// What it says if its type means migration.
    pub migration: Option<MigrationParts>,
}

/// What a migration entry says of the page that is under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MigrationParts {
    /// Which of the migration kinds it is: how the page was mapped.
    pub kind: EntryKind,
    /// The page frame number of the first base page.
    pub pfn: u64,
    /// The page was accessed.
    pub young: bool,
    /// The page was dirty.
    pub dirty: bool,
}

impl MigrationParts {
    /// Whether the page is marked as belonging to this process alone. A writable one does anyway.
    pub fn exclusive(&self) -> bool {
        self.kind == EntryKind::MigrationReadExclusive
    }
}
