//! Routines that read an entry without its lock.

use pmdscope_arches::Version;

use super::description::{PastPresent, Routine, WALKER};
use crate::outcome::Check;

/// Every walker of bundled guests.
pub const ALL: &[&Routine] = &[
    &GUP_FAST_READ,
    &GUP_FAST_WRITE,
    &PERF_PAGE_SIZE,
    &HMM,
    &PTE_OFFSET_MAP,
    &FAULT_READ,
    &FAULT_WRITE,
    &PAGE_VMA_MAPPED_WALK,
];

/// GUP-fast for reading.
pub static GUP_FAST_READ: Routine = Routine {
    name: "gup-fast-read",
    symbols: &["gup_fast_read"],
    meaning: "get_user_pages_fast() for reading: takes pages with interrupts off, without locks",
    past_present: PAST_PRESENT_IN_GUP_FAST,
    ..WALKER
};

/// GUP-fast for writing.
pub static GUP_FAST_WRITE: Routine = Routine {
    name: "gup-fast-write",
    symbols: &["gup_fast_write"],
    meaning: "get_user_pages_fast() for writing",
    past_present: PAST_PRESENT_IN_GUP_FAST,
    ..WALKER
};

/// `perf_get_pgtable_size()`.
pub static PERF_PAGE_SIZE: Routine = Routine {
    name: "perf-page-size",
    symbols: &["perf_page_size"],
    meaning: "perf_get_pgtable_size(): size of the mapping at a sampled address",
    since: Version::new(5, 11),
    past_present: PastPresent::Checks(&[Check::Leaf, Check::TransHuge, Check::Devmap, Check::Bad]),
    ..WALKER
};

/// `hmm_vma_walk_pmd()`.
pub static HMM: Routine = Routine {
    name: "hmm",
    symbols: &["hmm"],
    meaning: "hmm_range_fault(): page frames for a device, pages to be faulted in",
    past_present: PastPresent::Checks(&[Check::TransHuge, Check::Devmap, Check::Protnone, Check::Bad]),
    ..WALKER
};

/// `pte_offset_map()`.
pub static PTE_OFFSET_MAP: Routine = Routine {
    name: "pte-offset-map",
    symbols: &["pte_offset_map"],
    meaning: "pte_offset_map(), before 6.5 pmd_none_or_trans_huge_or_clear_bad(): from a PMD to its page table",
    past_present: PastPresent::Checks(&[Check::TransHuge, Check::Devmap, Check::Bad]),
    ..WALKER
};

/// `__handle_mm_fault()` of a read.
pub static FAULT_READ: Routine = Routine {
    name: "fault-read",
    symbols: &["fault_read"],
    meaning: "page fault of a read, up to the first lock",
    past_present: PAST_PRESENT_IN_FAULT,
    ..WALKER
};

/// `__handle_mm_fault()` of a write.
pub static FAULT_WRITE: Routine = Routine {
    name: "fault-write",
    symbols: &["fault_write"],
    meaning: "page fault of a write, up to the first lock",
    past_present: PAST_PRESENT_IN_FAULT,
    ..WALKER
};

/// `page_vma_mapped_walk()`.
pub static PAGE_VMA_MAPPED_WALK: Routine = Routine {
    name: "page-vma-mapped-walk",
    symbols: &["page_vma_mapped_walk"],
    meaning: "page_vma_mapped_walk() without PVMW_MIGRATION: is the page mapped here?",
    past_present: PastPresent::Checks(&[Check::TransHuge, Check::Devmap, Check::Bad]),
    ..WALKER
};

const PAST_PRESENT_IN_GUP_FAST: PastPresent = PastPresent::Checks(&[
    Check::Leaf,
    Check::TransHuge,
    Check::Protnone,
    Check::Access,
    Check::Special,
    Check::Devmap,
    Check::Grab,
    Check::Reread,
]);

const PAST_PRESENT_IN_FAULT: PastPresent = PastPresent::Checks(&[
    Check::TransHuge,
    Check::Devmap,
    Check::Bad,
    Check::Protnone,
    Check::Write,
    Check::SetAccessed,
]);
