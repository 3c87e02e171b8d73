//! What changes an entry.

use pmdscope_arches::{ByteOrder, EntryMarks, Version};
use pmdscope_guest::WalkResult;

use crate::EmuError;
use crate::kernel::KernelMachine;
use crate::kernel::routine::{
    Caller, Conclusion, Given, Recipe, Role, came_to, drops_nothing, holds_nothing,
};

pub(super) const SPLIT: Recipe = Recipe {
    name: "split",
    symbols: &["__split_huge_pmd"],
    role: Role::Writer,
    meaning: "__split_huge_pmd(): replaces a huge entry by a page table of small ones",
    // Up to 6.12 a page or folio comes last, which there need not be.
    installs: true,
    invalidates: true,
    may_drop: what_a_split_hands_to_the_page,
    returns_entry: false,
    given: Given::Any,
    arguments: |Caller { world, .. }| Ok(vec![world.vma, world.tables.entry, world.platform.address, 0, 0]),
    conclude: returned,
    holds: holds_nothing,
};

pub(super) const INVALIDATE: Recipe = Recipe {
    name: "pmdp_invalidate",
    // Where it is inline, the other is nothing but it.
    symbols: &["pmdp_invalidate", INVALIDATE_AD.name],
    role: Role::Writer,
    meaning: "pmdp_invalidate(): makes a mapping invalid to the hardware and flushes it",
    installs: false,
    invalidates: true,
    may_drop: drops_nothing,
    returns_entry: true,
    given: Given::Any,
    arguments: invalidate,
    conclude: returned_entry,
    holds: holds_nothing,
};

pub(super) const INVALIDATE_AD: Recipe = Recipe {
    name: "pmdp_invalidate_ad",
    symbols: &["pmdp_invalidate_ad"],
    role: Role::Writer,
    meaning: "pmdp_invalidate_ad(): the same for callers who care about accessed and dirty only",
    installs: false,
    invalidates: true,
    may_drop: drops_nothing,
    returns_entry: true,
    given: Given::Any,
    arguments: invalidate,
    conclude: returned_entry,
    holds: holds_nothing,
};

pub(super) const SET_MIGRATION: Recipe = Recipe {
    name: "set_pmd_migration_entry",
    symbols: &["set_pmd_migration_entry"],
    role: Role::Writer,
    meaning: "set_pmd_migration_entry(): replaces a mapping by a migration entry",
    installs: true,
    invalidates: true,
    may_drop: what_migration_keeps_elsewhere,
    returns_entry: false,
    given: Given::Mapping,
    arguments: walk_and_page,
    conclude: returned,
    holds: holds_nothing,
};

pub(super) const REMOVE_MIGRATION: Recipe = Recipe {
    name: "remove_migration_pmd",
    symbols: &["remove_migration_pmd"],
    role: Role::Writer,
    meaning: "remove_migration_pmd(): replaces a migration entry by a mapping of the same page",
    installs: true,
    invalidates: false,
    may_drop: what_the_page_says,
    returns_entry: false,
    given: Given::Migration,
    arguments: walk_and_page,
    conclude: returned,
    holds: holds_nothing,
};

pub(super) const CHANGE: Recipe = Recipe {
    name: "change_huge_pmd",
    symbols: &["change_huge_pmd"],
    role: Role::Writer,
    meaning: "change_huge_pmd(): takes the right to write away, as mprotect() does",
    installs: true,
    invalidates: true,
    may_drop: drops_nothing,
    returns_entry: false,
    given: Given::Any,
    arguments: |caller| {
        let Caller { world, symbol, .. } = *caller;
        let mut arguments = vec![world.vma, world.tables.entry, world.platform.address];
        arguments.extend([world.protection, 0]);
        // 5.10 flushes by itself. Kernels that do not say how it is called are later ones.
        let gathers = |prototype: pmdscope_guest::kernel::Prototype| {
            prototype.parameters.first().is_some_and(|first| first.type_name.contains("mmu_gather"))
        };
        if world.machine.kernel.prototype(symbol).is_none_or(gathers) {
            // One that has gathered nothing, which is all that this needs.
            world.machine.write(caller.out(), &[0; GATHER_BYTES])?;
            arguments.insert(0, caller.out());
        }
        Ok(arguments)
    },
    conclude: |_, returned| {
        // An int, or an unsigned long: 0, or how many pages it changed, or 1 if it is no mapping.
        Ok(came_to(match returned & u64::from(u32::MAX) {
            0 => WalkResult::Unsplit,
            1 => WalkResult::Migrating,
            _ => WalkResult::Mapped,
        }))
    },
    holds: holds_nothing,
};

/// More than an mmu_gather has before what it gathers.
const GATHER_BYTES: usize = 0x1c0;

#[expect(clippy::unnecessary_wraps, reason = "one of the recipes' functions, which can fail")]
fn returned(_: &Caller<'_>, _: u64) -> Result<Conclusion, EmuError> {
    Ok(came_to(WalkResult::Old))
}

/// The entry that comes back, in a register or in memory.
fn returned_entry(caller: &Caller<'_>, returned: u64) -> Result<Conclusion, EmuError> {
    let Caller { world, .. } = *caller;
    let raw = if world.entries_return_in_memory { world.machine.get64(caller.out())? } else { returned };
    let arch = world.encoding.arch();
    let in_cpu_order = match ByteOrder::of(arch) == ByteOrder::of_entries(arch) {
        true => raw,
        false => raw.swap_bytes(),
    };
    Ok(Conclusion { entry: Some(in_cpu_order), ..came_to(WalkResult::Old) })
}

/// Dirty goes to the page, and since v6.4 to its small mappings as well. Linux kernel commit 0ccf7f168e17 ("mm/thp: carry
/// over dirty bit when thp splits on pmd") (in v6.1) was partly reverted in 6.1.7 and v6.2, and that again in v6.4
/// (mm/huge_memory.c).
fn what_a_split_hands_to_the_page(machine: &KernelMachine) -> EntryMarks {
    EntryMarks { dirty: machine.encoding().version() < Version::new(6, 4), ..EntryMarks::default() }
}

/// A migration entry has accessed and dirty only where its offset has room for them; dirty is handed to the page then,
/// and accessed is given up (set_pmd_migration_entry() in Linux mm/huge_memory.c).
fn what_migration_keeps_elsewhere(machine: &KernelMachine) -> EntryMarks {
    let keeps = machine.keeps_young_dirty();
    EntryMarks { young: !keeps, dirty: !keeps, ..EntryMarks::default() }
}

/// A mapping is dirty only if the page is still: it may have been written back meanwhile (remove_migration_pmd() in Linux
/// mm/huge_memory.c).
fn what_the_page_says(_: &KernelMachine) -> EntryMarks {
    EntryMarks { dirty: true, ..EntryMarks::default() }
}

fn invalidate(caller: &Caller<'_>) -> Result<Vec<u64>, EmuError> {
    let Caller { world, .. } = *caller;
    let mut arguments = vec![world.vma, world.platform.address, world.tables.entry];
    if world.entries_return_in_memory {
        arguments.insert(0, caller.out());
    }
    Ok(arguments)
}

fn walk_and_page(caller: &Caller<'_>) -> Result<Vec<u64>, EmuError> {
    let Caller { world, .. } = *caller;
    world.mapped_walk_at(caller.out())?;
    // Who migrates a page has locked it.
    world.lock_page()?;
    Ok(vec![caller.out(), world.pages.page(world.pfn)])
}
