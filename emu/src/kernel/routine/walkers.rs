//! Recipes of walkers, which read an entry.

use pmdscope_guest::WalkResult;
use pmdscope_guest::routine::Routine;

use crate::EmuError;
use crate::kernel::layout_probe::GUP_FAST;
use crate::kernel::routine::recipe::{
    Caller, Conclusion, KERNEL_WALKER, MAX_POINTER, Recipe, drops_nothing, outcome_of, returns_unlocked,
};

/// The function that finds out where a page is mapped, step by step. The structure that it takes has the same name.
pub(super) const STEP: &str = "page_vma_mapped_walk";

/// FOLL_WRITE and FOLL_GET of include/linux/mm.h, and mm_types.h since v6.3.
const FOLL_WRITE: u64 = 1;
const FOLL_GET: u64 = 4;
/// PVMW_MIGRATION of include/linux/rmap.h: look for migration entries.
const PVMW_MIGRATION: u64 = 2;

/// Every walker of kernels.
pub(super) static ALL: &[Recipe] = &[
    GUP_FAST_READ,
    GUP_FAST_WRITE,
    PERF_PAGE_SIZE,
    PTE_OFFSET_MAP,
    MAPPED_WALK,
    MAPPED_WALK_MIGRATION,
    FOLLOW_PAGE,
];

pub(crate) const GUP_FAST_READ: Recipe = Recipe {
    routine: Routine {
        name: "gup-fast-read",
        symbols: &[GUP_FAST],
        meaning: "get_user_pages_fast_only() for reading: takes a page with interrupts off, without locks",
        ..KERNEL_WALKER
    },
    may_drop: drops_nothing,
    arguments: |caller| gup(caller, 0),
    under_table_lock: false,
    conclude: pinned,
    held_lock: returns_unlocked,
};

const GUP_FAST_WRITE: Recipe = Recipe {
    routine: Routine {
        name: "gup-fast-write",
        symbols: &[GUP_FAST],
        meaning: "get_user_pages_fast_only() for writing",
        ..KERNEL_WALKER
    },
    may_drop: drops_nothing,
    arguments: |caller| gup(caller, FOLL_WRITE),
    under_table_lock: false,
    conclude: pinned,
    held_lock: returns_unlocked,
};

const PERF_PAGE_SIZE: Recipe = Recipe {
    routine: Routine {
        name: "perf-page-size",
        symbols: &[OF_MM, "perf_get_page_size", "perf_get_page_size.part.0"],
        meaning: "perf_get_pgtable_size(): size of the mapping at a sampled address",
        ..KERNEL_WALKER
    },
    may_drop: drops_nothing,
    arguments: |Caller { process, symbol, .. }| {
        let of_mm = *symbol == OF_MM;
        Ok(of_mm.then_some(process.mm).into_iter().chain([process.address()]).collect())
    },
    under_table_lock: false,
    conclude: |caller, size| {
        Ok(match size {
            0 => outcome_of(WalkResult::Refused),
            size if size < caller.huge_bytes() => Conclusion { size, ..outcome_of(WalkResult::Table) },
            size => Conclusion { size, ..outcome_of(WalkResult::Leaf) },
        })
    },
    held_lock: returns_unlocked,
};

/// The function that takes an address space. The others use the current one.
const OF_MM: &str = "perf_get_pgtable_size";

const PTE_OFFSET_MAP: Recipe = Recipe {
    routine: Routine {
        name: "pte-offset-map",
        symbols: &["__pte_offset_map"],
        meaning: "pte_offset_map(): from a PMD to its page table",
        ..KERNEL_WALKER
    },
    may_drop: drops_nothing,
    arguments: |caller| {
        let Caller { process, .. } = *caller;
        process.machine.put64(caller.out(), 0)?;
        Ok(vec![process.tables.entry, process.address(), caller.out()])
    },
    under_table_lock: false,
    conclude: |_, pte| Ok(outcome_of(if pte == 0 { WalkResult::Refused } else { WalkResult::Table })),
    held_lock: returns_unlocked,
};

const MAPPED_WALK: Recipe = Recipe {
    routine: Routine {
        name: "page-vma-mapped-walk",
        symbols: &[STEP],
        meaning: "page_vma_mapped_walk() without PVMW_MIGRATION: is the page mapped here? Takes the lock if so",
        ..KERNEL_WALKER
    },
    may_drop: drops_nothing,
    arguments: |caller| mapped_walk(caller, 0),
    under_table_lock: false,
    conclude: mapped,
    held_lock: lock_of_walk,
};

const MAPPED_WALK_MIGRATION: Recipe = Recipe {
    routine: Routine {
        name: "page-vma-mapped-walk-migration",
        symbols: &[STEP],
        meaning: "page_vma_mapped_walk() with PVMW_MIGRATION: is there a migration entry of the page here?",
        ..KERNEL_WALKER
    },
    may_drop: drops_nothing,
    arguments: |caller| mapped_walk(caller, PVMW_MIGRATION),
    under_table_lock: false,
    conclude: mapped,
    held_lock: lock_of_walk,
};

const FOLLOW_PAGE: Recipe = Recipe {
    routine: Routine {
        name: "follow-page",
        symbols: &["follow_page", FOLIO_WALK],
        meaning: "follow_page() with FOLL_GET, later folio_walk_start(): takes a page under the page table's lock",
        ..KERNEL_WALKER
    },
    may_drop: drops_nothing,
    arguments: |caller| {
        let Caller { process, symbol, .. } = *caller;
        let (vma, address) = (process.vma, process.address());
        if symbol != FOLIO_WALK {
            return Ok(vec![vma, address, FOLL_GET]);
        }
        // The function asserts that its caller holds the lock of mappings.
        process.hold_mmap_lock()?;
        process.machine.write(caller.out(), &[0; 0x80])?;
        Ok(vec![caller.out(), vma, address, 0])
    },
    under_table_lock: false,
    conclude: |caller, page| {
        let Caller { process, symbol, .. } = *caller;
        if page == 0 || page >= MAX_POINTER {
            return Ok(outcome_of(WalkResult::Refused));
        }
        if symbol != FOLIO_WALK {
            return Ok(Conclusion { pfn: Some(process.pages.pfn(page)), ..outcome_of(WalkResult::Page) });
        }
        // The function takes no reference: the page is valid for as long as the lock is held.
        let pfn = Some(process.pages.pfn(caller.left("folio_walk", "page", 8)?));
        let level = caller.left("folio_walk", "level", 4)?;
        let of_huge = process.fields.enumerator(LEVEL_PMD).and_then(|number| u64::try_from(number).ok());
        let of_huge = of_huge.ok_or_else(|| {
            EmuError::Environment(format!("this kernel does not say which number {LEVEL_PMD} is"))
        })?;
        Ok(if level == of_huge {
            Conclusion { pfn, size: caller.huge_bytes(), ..outcome_of(WalkResult::Leaf) }
        } else {
            Conclusion { pfn, ..outcome_of(WalkResult::Table) }
        })
    },
    held_lock: |caller, folio| {
        let holds = caller.symbol == FOLIO_WALK && folio != 0;
        holds.then(|| caller.left("folio_walk", "ptl", 8)).transpose()
    },
};

/// The function that finds the page at an address. It returns with the page table's lock held.
const FOLIO_WALK: &str = "folio_walk_start";
/// The level that it reports for a huge page.
const LEVEL_PMD: &str = "FW_LEVEL_PMD";

fn gup(caller: &Caller<'_>, flags: u64) -> Result<Vec<u64>, EmuError> {
    Ok(vec![caller.process.address(), 1, flags, caller.out()])
}

/// Derives the outcome of GUP: the page that it took, if any.
fn pinned(caller: &Caller<'_>, returned: u64) -> Result<Conclusion, EmuError> {
    // The return value is an int: a number of pages, or an error.
    if returned & u64::from(u32::MAX) != 1 {
        return Ok(outcome_of(WalkResult::Refused));
    }
    let page = caller.process.machine.get64(caller.out())?;
    Ok(Conclusion { pfn: Some(caller.process.pages.pfn(page)), ..outcome_of(WalkResult::Page) })
}

/// Writes a walk before its first step. It asks whether the huge page's first page is mapped, as
/// page_mapped_in_vma() does.
fn mapped_walk(caller: &Caller<'_>, flags: u64) -> Result<Vec<u64>, EmuError> {
    let Caller { process, .. } = *caller;
    let at = caller.out();
    process.mapped_walk_at(at)?;
    let member = |name| process.fields.offset(STEP, name);
    process.machine.put64(at + member("pmd")?, 0)?;
    process.machine.put(at + member("flags")?, 4, flags)?;
    let layout = process.encoding.layout();
    match process.fields.find(STEP, "pfn") {
        Some(pfn) => {
            process.machine.put64(at + pfn, process.pfn)?;
            process.machine.put64(at + member("nr_pages")?, 1)?;
        }
        None => process.machine.put64(at + member("page")?, process.pages.page(process.pfn))?,
    }
    if let Some(offset) = process.fields.find(STEP, "pgoff") {
        process.machine.put64(at + offset, process.address() >> layout.page_shift)?;
    }
    Ok(vec![at])
}

fn mapped(caller: &Caller<'_>, found: u64) -> Result<Conclusion, EmuError> {
    // A bool is one byte. The rest of the register means nothing.
    Ok(if found & 0xff == 0 {
        outcome_of(WalkResult::Refused)
    } else if caller.left(STEP, "pte", 8)? != 0 {
        outcome_of(WalkResult::Table)
    } else {
        Conclusion { size: caller.huge_bytes(), ..outcome_of(WalkResult::Leaf) }
    })
}

fn lock_of_walk(caller: &Caller<'_>, found: u64) -> Result<Option<u64>, EmuError> {
    let lock = (found & 0xff != 0).then(|| caller.left(STEP, "ptl", 8)).transpose()?;
    Ok(lock.filter(|lock| *lock != 0))
}
