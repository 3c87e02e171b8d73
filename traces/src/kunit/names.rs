//! The kernel's names for what a test needs, by version and architecture.

use pmdscope_arches::{EntryKind, Mmu, Version};

use super::NoKunit;
use crate::entry_name::EntryName;
use crate::report::RunReport;

/// The name of the test's file in `mm/` of a kernel tree, as the test's comment gives it.
pub const FILE: &str = "pmdscope_kunit.c";

/// The first version with a function for each kind of migration entry: Linux kernel commit 4dd845b5a3e5
/// ("mm/swapops: rework swap entry manipulation code") (in v5.14). The function before it takes a locked page.
const BUILDERS: Version = Version::new(5, 14);

/// The first version that has `include/linux/leafops.h` and no `pmd_to_swp_entry()`: the series "mm: remove
/// is_swap_[pte, pmd]() + non-swap entries, introduce leaf entries" of 2025-11 (in v6.19), as read in 6.19-rc4.
const SOFTLEAF: Version = Version::new(6, 19);

/// The kernel's names, and what else a test depends on.
pub struct Names {
    /// The header with the functions that decode swap entries.
    pub header: &'static str,
    /// The call that builds the entry, up to its last argument, the page frame number.
    pub build: &'static str,
    /// The function that converts an entry to `swp_entry_t`.
    pub decode: &'static str,
    /// The predicate of migration entries.
    pub is_migration: &'static str,
    /// Whether `pmdp_invalidate()` consists of `pmd_mkinvalid()` and an exchange.
    pub mkinvalid: bool,
    /// On powerpc, `PAGE_SHIFT` of the run: the lowest bit of swap offsets.
    pub page_shift: Option<u8>,
    /// On powerpc, whether the run's MMU is radix.
    pub radix: Option<bool>,
    /// The arguments with which `kunit.py` builds and runs the architecture, if it can.
    pub kunit_py: Option<&'static [&'static str]>,
}

/// Returns the kernel's names for a run.
pub fn of(report: &RunReport) -> Result<Names, NoKunit> {
    let version: Version = report.linux.parse()?;
    let (decode, is_migration, header) = if version < SOFTLEAF {
        ("pmd_to_swp_entry", "is_pmd_migration_entry", "swapops")
    } else {
        ("softleaf_from_pmd", "pmd_is_migration_entry", "leafops")
    };
    let mkinvalid = is_by_mkinvalid(&report.arch).ok_or_else(|| NoKunit::Arch(report.arch.clone()))?;
    let build = builder(report.entry, version).ok_or(NoKunit::NotMigration(report.entry))?;
    let page_shift = if mkinvalid { None } else { Some(offset_begins(report)?) };
    let radix = report.mmu.as_deref().map(|mmu| mmu == Mmu::Radix.name());
    let kunit_py = match report.arch.as_str() {
        _ if version < BUILDERS => None,
        "arm64" => Some(&["--arch=arm64", "--cross_compile=aarch64-linux-gnu-"][..]),
        "x86_64" => Some(&["--arch=x86_64"][..]),
        _ => None,
    };
    Ok(Names { header, build, decode, is_migration, mkinvalid, page_shift, radix, kunit_py })
}

/// Whether `pmdp_invalidate()` of an architecture is `pmd_mkinvalid()` and an exchange, where that is known.
pub fn is_by_mkinvalid(arch: &str) -> Option<bool> {
    match arch {
        "arm64" | "x86_64" => Some(true),
        "ppc64" | "ppc64le" => Some(false),
        _ => None,
    }
}

/// Returns the lowest bit of the swap offset in the run's entry.
fn offset_begins(report: &RunReport) -> Result<u8, NoKunit> {
    let field = report.before.bits.iter().find(|field| field.name == "SWP_OFFSET");
    field
        .and_then(|field| field.bits.as_deref()?.rsplit("..").next()?.parse().ok())
        .ok_or(NoKunit::Lacks("the bits of the swap offset"))
}

/// Returns the call that builds a kind of migration entry, up to its last argument.
fn builder(entry: EntryName, version: Version) -> Option<&'static str> {
    Some(match (entry.kind()?, version >= BUILDERS) {
        (EntryKind::MigrationRead, true) => "make_readable_migration_entry(",
        (EntryKind::MigrationReadExclusive, true) => "make_readable_exclusive_migration_entry(",
        (EntryKind::MigrationWrite, true) => "make_writable_migration_entry(",
        (EntryKind::MigrationRead, false) => "swp_entry(SWP_MIGRATION_READ, ",
        (EntryKind::MigrationWrite, false) => "swp_entry(SWP_MIGRATION_WRITE, ",
        _ => return None,
    })
}
