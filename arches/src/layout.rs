//! The layout of one architecture's page-table entry over a range of versions: a table of its bits, its swap
//! format, and its predicates as small pure functions.

use crate::field::Field;
use crate::marks::EntryMarks;
use crate::swap::SwapFormat;

/// Returns `mask` if `on`, else 0.
pub(crate) const fn when(on: bool, mask: u64) -> u64 {
    if on { mask } else { 0 }
}

/// A predicate that the architecture does not have: constant false.
pub(crate) fn never(_: u64) -> bool {
    false
}

/// A request to build a mapping of a huge page.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Leaf {
    /// The page frame number of the first base page.
    pub pfn: u64,
    /// Writable.
    pub write: bool,
    /// Accessed.
    pub young: bool,
    /// Dirty.
    pub dirty: bool,
    /// Soft-dirty.
    pub soft_dirty: bool,
    /// Made inaccessible for NUMA balancing.
    pub protnone: bool,
    /// Device memory with struct pages (ZONE_DEVICE).
    pub devmap: bool,
}

/// The kernel's predicates as that version defines them, and the values that it extracts from an entry. All take
/// the 64-bit value in CPU order.
#[derive(Debug, Clone, Copy)]
pub struct Predicates {
    /// `pmd_none()`. A kernel may have another empty entry: see [`Encoding::is_none`](crate::Encoding::is_none).
    pub none: fn(u64) -> bool,
    /// `pmd_present()`. See [`Encoding::is_present`](crate::Encoding::is_present), as for `none`.
    pub present: fn(u64) -> bool,
    /// `pmd_leaf()` (`pmd_large()` in older kernels).
    pub leaf: fn(u64) -> bool,
    /// `pmd_trans_huge()`.
    pub trans_huge: fn(u64) -> bool,
    /// `pmd_bad()`.
    pub bad: fn(u64) -> bool,
    /// `pmd_protnone()`.
    pub protnone: fn(u64) -> bool,
    /// `pmd_write()`.
    pub write: fn(u64) -> bool,
    /// `pmd_devmap()`; constant false where the architecture has no such bit.
    pub devmap: fn(u64) -> bool,
    /// `pmd_special()`; constant false where the architecture has no such bit.
    pub special: fn(u64) -> bool,
    /// `pmd_access_permitted(entry, write)`, with no protection key denying anything.
    pub access_permitted: fn(u64, bool) -> bool,
    /// `pmd_pfn()`.
    pub pfn: fn(u64) -> u64,
}

/// An architecture's entry over a range of versions.
#[derive(Debug, Clone, Copy)]
pub struct Layout {
    /// Base-2 logarithm of the base page size.
    pub page_shift: u8,
    /// Base-2 logarithm of the size of memory that one PMD maps.
    pub pmd_shift: u8,
    /// `MAX_PHYSMEM_BITS`: the largest number of bits in a physical address. It bounds the PFN, and decides where
    /// a migration entry keeps young and dirty.
    pub physical_bits: u8,
    /// The named fields, in groups that eras share. Within one form no two overlap.
    pub fields: &'static [&'static [Field]],
    /// The swap format of a PMD; `None` where the architecture cannot migrate huge pages.
    pub swap: Option<SwapFormat>,
    /// The predicates, and the values that the kernel takes from an entry.
    pub predicates: Predicates,
    /// Whether the MMU uses a present leaf of this value. It does not use one that was invalidated, or made
    /// invalid to deny access.
    pub hardware_valid: fn(u64) -> bool,
    /// The marks of a mapping: `pmd_young()`, `pmd_dirty()`, `pmd_soft_dirty()` and `pmd_uffd_wp()`.
    pub marks: fn(u64) -> EntryMarks,
    /// The marks of a PTE of the page table that a huge page is split into, if PTEs keep them in other bits.
    pub pte_marks: Option<fn(u64) -> EntryMarks>,
    /// The empty entry. A kernel may have another: see [`Encoding::none`](crate::Encoding::none).
    pub none: u64,
    /// Builds an entry that points to the page table at a physical address, which is aligned to the table's size.
    pub table: fn(u64) -> u64,
    /// Builds a user's mapping of a huge page; `None` if the request needs a bit that the architecture lacks
    /// (device memory, soft-dirty, protnone).
    pub leaf: fn(Leaf) -> Option<u64>,
    /// Returns the value that `pmdp_invalidate()` leaves in memory, given the value before.
    pub invalidated: fn(u64) -> u64,
}
