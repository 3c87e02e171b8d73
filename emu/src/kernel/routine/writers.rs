//! What changes an entry.

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
        // Up to 6.12 a page or folio comes last, which there need not be.
        installs: Installs::Entry,
        splits: true,
        returns_entry: false,
        ..WRITER
    },
    may_drop: what_a_split_hands_to_the_page,
    arguments: |Caller { process, .. }| {
        Ok(vec![process.vma, process.tables.entry, process.platform.address, 0, 0])
    },
    conclude: returned,
    held_lock: returns_unlocked,
};

const INVALIDATE: Recipe = Recipe {
    routine: Routine {
        name: "pmdp_invalidate",
        // Where it is inline, the other is nothing but it.
        symbols: &["pmdp_invalidate", "pmdp_invalidate_ad"],
        meaning: "pmdp_invalidate(): makes a mapping invalid to the hardware and flushes it",
        ..WRITER
    },
    may_drop: drops_nothing,
    arguments: invalidate,
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
        let mut arguments = vec![process.vma, process.tables.entry, process.platform.address];
        arguments.extend([process.protection, 0]);
        // 5.10 flushes by itself. Kernels that do not say how it is called are later ones.
        let gathers = |prototype: pmdscope_guest::kernel::Prototype| {
            prototype.parameters.first().is_some_and(|first| first.type_name.contains("mmu_gather"))
        };
        if process.machine.kernel.prototype(symbol).is_none_or(gathers) {
            // One that has gathered nothing, which is all that this needs.
            process.machine.write(caller.out(), &[0; GATHER_BYTES])?;
            arguments.insert(0, caller.out());
        }
        Ok(arguments)
    },
    conclude: |_, returned| {
        // An int, or an unsigned long: 0, or how many pages it changed, or 1 if it is no mapping.
        Ok(outcome_of(match returned & u64::from(u32::MAX) {
            0 => WalkResult::Unsplit,
            1 => WalkResult::Migrating,
            _ => WalkResult::Mapped,
        }))
    },
    held_lock: returns_unlocked,
};

/// More than an mmu_gather has before what it gathers.
const GATHER_BYTES: usize = 0x1c0;

#[expect(clippy::unnecessary_wraps, reason = "one of the recipes' functions, which can fail")]
fn returned(_: &Caller<'_>, _: u64) -> Result<Conclusion, EmuError> {
    Ok(outcome_of(WalkResult::Old))
}

/// The entry that comes back, in a register or in memory.
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

/// Dirty goes to the page, and since v6.4 to its small mappings as well. Linux kernel commit 0ccf7f168e17 ("mm/thp: carry
/// over dirty bit when thp splits on pmd") (in v6.1) was partly reverted in 6.1.7 and v6.2, and that again in v6.4
/// (mm/huge_memory.c).
fn what_a_split_hands_to_the_page(process: &KernelProcess) -> EntryMarks {
    EntryMarks { dirty: process.encoding.version() < Version::new(6, 4), ..EntryMarks::default() }
}

/// A migration entry has accessed and dirty only where its offset has room for them; dirty is handed to the page then,
/// and accessed is given up (set_pmd_migration_entry() in Linux mm/huge_memory.c).
fn what_migration_keeps_elsewhere(process: &KernelProcess) -> EntryMarks {
    let keeps = process.keeps_young_dirty();
    EntryMarks { young: !keeps, dirty: !keeps, ..EntryMarks::default() }
}

/// A mapping is dirty only if the page is still: it may have been written back meanwhile (remove_migration_pmd() in Linux
/// mm/huge_memory.c).
fn what_the_page_says(_: &KernelProcess) -> EntryMarks {
    EntryMarks { dirty: true, ..EntryMarks::default() }
}

fn invalidate(caller: &Caller<'_>) -> Result<Vec<u64>, EmuError> {
    let Caller { process, .. } = *caller;
    let mut arguments = vec![process.vma, process.platform.address, process.tables.entry];
    if process.entries_return_in_memory {
        arguments.insert(0, caller.out());
    }
    Ok(arguments)
}

fn walk_and_page(caller: &Caller<'_>) -> Result<Vec<u64>, EmuError> {
    let Caller { process, .. } = *caller;
    process.mapped_walk_at(caller.out())?;
    // Who migrates a page has locked it.
    process.lock_page()?;
    Ok(vec![caller.out(), process.pages.page(process.pfn)])
}
