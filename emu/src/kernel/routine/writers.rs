//! Recipes of writers, which change an entry.

use pmdscope_arches::{ByteOrder, EntryMarks, Version};
use pmdscope_guest::WalkResult;
use pmdscope_guest::routine::{Installs, Precondition, Routine, WRITER};

use crate::EmuError;
use crate::kernel::process::KernelProcess;
use crate::kernel::routine::recipe::{
    Caller, Conclusion, Recipe, drops_nothing, outcome_of, returns_unlocked,
};

/// Every writer of kernels.
pub(super) static ALL: &[Recipe] =
    &[SPLIT, INVALIDATE, INVALIDATE_AD, SET_MIGRATION, REMOVE_MIGRATION, CHANGE];

const SPLIT: Recipe = Recipe {
    routine: Routine {
        name: "split",
        symbols: &["__split_huge_pmd"],
        meaning: "__split_huge_pmd(): replaces a huge entry by a page table of small ones",
        // Up to 6.12 the last argument is a page or folio, which may be NULL.
        installs: Installs::Entry,
        splits: true,
        returns_entry: false,
        ..WRITER
    },
    may_drop: what_a_split_hands_to_the_page,
    arguments: |Caller { process, .. }| Ok(vec![process.vma, process.tables.entry, process.address(), 0, 0]),
    under_table_lock: false,
    conclude: returned,
    held_lock: returns_unlocked,
};

const INVALIDATE: Recipe = Recipe {
    routine: Routine {
        name: "pmdp_invalidate",
        // Where pmdp_invalidate() is inline, pmdp_invalidate_ad() consists of it alone.
        symbols: &["pmdp_invalidate", "pmdp_invalidate_ad"],
        meaning: "pmdp_invalidate(): makes a mapping invalid to the hardware and flushes it",
        ..WRITER
    },
    may_drop: drops_nothing,
    arguments: invalidate,
    under_table_lock: true,
    conclude: returned_entry,
    held_lock: returns_unlocked,
};

const INVALIDATE_AD: Recipe = Recipe {
    routine: Routine {
        name: "pmdp_invalidate_ad",
        symbols: &["pmdp_invalidate_ad"],
        meaning: "pmdp_invalidate_ad(): the same for callers who care about accessed and dirty only",
        ..WRITER
    },
    may_drop: drops_nothing,
    arguments: invalidate,
    under_table_lock: true,
    conclude: returned_entry,
    held_lock: returns_unlocked,
};

const SET_MIGRATION: Recipe = Recipe {
    routine: Routine {
        name: "set_pmd_migration_entry",
        symbols: &["set_pmd_migration_entry"],
        meaning: "set_pmd_migration_entry(): replaces a mapping by a migration entry",
        precondition: Precondition::Mapping,
        installs: Installs::Entry,
        returns_entry: false,
        ..WRITER
    },
    may_drop: what_migration_keeps_elsewhere,
    arguments: walk_and_page,
    under_table_lock: true,
    conclude: returned,
    held_lock: returns_unlocked,
};

const REMOVE_MIGRATION: Recipe = Recipe {
    routine: Routine {
        name: "remove_migration_pmd",
        symbols: &["remove_migration_pmd"],
        meaning: "remove_migration_pmd(): replaces a migration entry by a mapping of the same page",
        precondition: Precondition::Migration,
        installs: Installs::Entry,
        invalidates: false,
        returns_entry: false,
        ..WRITER
    },
    may_drop: what_the_page_says,
    arguments: walk_and_page,
    under_table_lock: true,
    conclude: returned,
    held_lock: returns_unlocked,
};

const CHANGE: Recipe = Recipe {
    routine: Routine {
        name: "change_huge_pmd",
        symbols: &["change_huge_pmd"],
        meaning: "change_huge_pmd(): takes the right to write away, as mprotect() does",
        installs: Installs::Entry,
        returns_entry: false,
        ..WRITER
    },
    may_drop: drops_nothing,
    arguments: |caller| {
        let Caller { process, symbol, .. } = *caller;
        let mut arguments = vec![process.vma, process.tables.entry, process.address()];
        arguments.extend([process.protection, 0]);
        // 5.10 flushes in the function itself and takes no mmu_gather. Kernels without a prototype of it are later
        // ones.
        let gathers = |prototype: pmdscope_guest::kernel::Prototype| {
            prototype.parameters.first().is_some_and(|first| first.type_name.contains("mmu_gather"))
        };
        if process.machine.kernel.prototype(symbol).is_none_or(gathers) {
            // An mmu_gather that has gathered nothing is all that this needs.
            process.machine.write(caller.out(), &[0; GATHER_BYTES])?;
            arguments.insert(0, caller.out());
        }
        Ok(arguments)
    },
    under_table_lock: false,
    conclude: |_, returned| {
        // The return value is an int or an unsigned long: 0, or 1 for an entry that is no mapping, or the number of
        // changed pages.
        Ok(outcome_of(match returned & u64::from(u32::MAX) {
            0 => WalkResult::Unsplit,
            1 => WalkResult::Migrating,
            _ => WalkResult::Mapped,
        }))
    },
    held_lock: returns_unlocked,
};

/// Bytes: more than an mmu_gather has before the pages that it gathers.
const GATHER_BYTES: usize = 0x1c0;

#[expect(clippy::unnecessary_wraps, reason = "one of the recipes' functions, which can fail")]
fn returned(_: &Caller<'_>, _: u64) -> Result<Conclusion, EmuError> {
    Ok(outcome_of(WalkResult::Old))
}

/// Derives the outcome from the returned entry, which is in a register or in memory.
fn returned_entry(caller: &Caller<'_>, returned: u64) -> Result<Conclusion, EmuError> {
    let Caller { process, .. } = *caller;
    let raw = if process.entries_return_in_memory { process.machine.get64(caller.out())? } else { returned };
    let arch = process.encoding.arch();
    let in_cpu_order = match ByteOrder::of(arch) == ByteOrder::of_entries(arch) {
        true => raw,
        false => raw.swap_bytes(),
    };
    Ok(Conclusion { entry: Some(in_cpu_order), ..outcome_of(WalkResult::Old) })
}

/// Returns dirty before v6.4, when a split hands it to the page only. Since v6.4 the page's small mappings get it
/// too.
///
/// Linux kernel commit 0ccf7f168e17 ("mm/thp: carry over dirty bit when thp splits on pmd") (in v6.1) was partly
/// reverted in 6.1.7 and v6.2. That revert was itself reverted in v6.4 (mm/huge_memory.c).
///
/// Of a migration entry, what it cannot have in this kernel.
fn what_a_split_hands_to_the_page(process: &KernelProcess, entry: u64) -> EntryMarks {
    if process.encoding.is_migration(entry) {
        return what_migration_keeps_elsewhere(process, entry);
    }
    EntryMarks { dirty: process.encoding.version() < Version::new(6, 4), ..EntryMarks::default() }
}

/// Returns accessed and dirty where the offset of a migration entry has no room for them.
///
/// Dirty is then handed to the page, and accessed is given up (set_pmd_migration_entry() in Linux
/// mm/huge_memory.c).
fn what_migration_keeps_elsewhere(process: &KernelProcess, _: u64) -> EntryMarks {
    let keeps = process.keeps_young_dirty();
    EntryMarks { young: !keeps, dirty: !keeps, ..EntryMarks::default() }
}

/// Returns dirty: the new mapping is dirty only if the page still is. The page may have been written back meanwhile
/// (remove_migration_pmd() in Linux mm/huge_memory.c). And accessed, where a migration entry has no room for it.
fn what_the_page_says(process: &KernelProcess, entry: u64) -> EntryMarks {
    EntryMarks { dirty: true, ..what_migration_keeps_elsewhere(process, entry) }
}

fn invalidate(caller: &Caller<'_>) -> Result<Vec<u64>, EmuError> {
    let Caller { process, .. } = *caller;
    let mut arguments = vec![process.vma, process.address(), process.tables.entry];
    if process.entries_return_in_memory {
        arguments.insert(0, caller.out());
    }
    Ok(arguments)
}

fn walk_and_page(caller: &Caller<'_>) -> Result<Vec<u64>, EmuError> {
    let Caller { process, .. } = *caller;
    process.mapped_walk_at(caller.out())?;
    // Callers that migrate a page hold its lock.
    process.lock_page()?;
    Ok(vec![caller.out(), process.pages.page(process.pfn)])
}
