//! LoongArch, 64-bit: 16K pages, 32 MB huge pages.
//!
//! Facts from arch/loongarch/include/asm/{pgtable,pgtable-bits,pgalloc,addrspace,sparsemem}.h of
//! Linux 6.1.176, 6.12.107 and 7.2.12, and from pgtable.h in a tree of 6.6.52. Linux 5.10 has no LoongArch.
//!
//! An entry that is not a leaf holds the virtual address of a page table. An empty entry holds the address of
//! `invalid_pte_table`, which differs between kernel images; [`INVALID_PTE_TABLE`] is a placeholder for it, which
//! the encoding of one kernel replaces ([`Encoding::with_none`](crate::Encoding::with_none)).

use crate::architecture::{Architecture, Layouts, LayoutsByMmu};
use crate::byte_order::ByteOrder;
use crate::field::*;
use crate::layout::*;
use crate::marks::EntryMarks;
use crate::numbering::{GROUPS_6_2, NO_DEVICES, TYPES_6_2, TYPES_6_15, WITHOUT_DEVICES_6_1};
use crate::swap::SwapFormat;
use crate::swap_types::SwapTypes;
use crate::version::{Era, v};

pub(super) static LOONGARCH64: Architecture = Architecture {
    name: "loongarch64",
    aliases: &["loongarch", "loong64"],
    byte_order: ByteOrder::Little,
    entry_byte_order: ByteOrder::Little,
    elf_machine: 258, // EM_LOONGARCH
    // Of a migration entry, pmd_page() takes the page frame 0x400 times as high, and some more (the type). This one is in
    // the lower 64 GiB, so it has a struct page on a machine of a common size. Those from 0x1000 on have none there.
    default_pfn: 0x800,
    layouts: LayoutsByMmu::One(Layouts { usual: LAYOUTS, others: &[] }),
    swap_types: SWAP_TYPES,
    absences: &[Era {
        from: v(5, 10),
        to: v(5, 18),
        source: "Linux kernel commit (\"LoongArch: Add memory management\") (in v5.19, by its date)",
        value: "LoongArch came in Linux 5.19",
    }],
};

/// The MMU uses the entry. The kernel sets it when the page is accessed.
const VALID: u64 = 1 << 0;
const DIRTY: u64 = 1 << 1;
const USER: u64 = 3 << 2;
const CACHED: u64 = 1 << 4;
const HUGE: u64 = 1 << 6;
const PRESENT: u64 = 1 << 7;
const WRITE: u64 = 1 << 8;
const MODIFIED: u64 = 1 << 9;
const PROTNONE: u64 = 1 << 10;
const DEVMAP: u64 = 1 << 59;
const PRESENT_INVALID: u64 = 1 << 60;
const NO_READ: u64 = 1 << 61;

/// Base of the window in which the kernel sees physical memory, cached.
const CACHED_WINDOW: u64 = 0x9000_0000_0000_0000;
/// Placeholder for the address of `invalid_pte_table`.
const INVALID_PTE_TABLE: u64 = CACHED_WINDOW | 0x0100_0000;

const PAGE_SHIFT: u8 = 14;
const PMD_SHIFT: u8 = 25;
const ADDRESS: Bits = bits(14, 47);

const COMMON: &[Field] = &[
    hw(bit(0), "VALID", "the MMU uses the entry; the kernel's accessed", LEAF),
    hw(bit(1), "DIRTY", "the MMU lets it be written: writable and dirty", LEAF),
    hw(bits(2, 3), "PLV", "the least privilege that has access; 3 is user space", LEAF),
    hw(bits(4, 5), "CACHE", "memory type; 1 is cached", LEAF),
    hw(bit(6), "HUGE", "a huge page, not a table; swap entries have it too", ANY),
    sw(bit(7), "PRESENT", "present", LEAF_OR_SWAP),
    sw(bit(8), "WRITE", "writable", LEAF),
    sw(bit(9), "MODIFIED", "dirty", LEAF),
    sw(bit(10), "PROTNONE", "present, kept from access", LEAF_OR_SWAP),
    sw(bit(11), "SPECIAL", "no struct page to take", LEAF),
    hw(bit(12), "HGLOBAL", "the translation is in every address space", LEAF),
    hw(bits(14, 47), "ADDRESS", "physical address of the huge page", LEAF),
    sw(bit(60), "PRESENT_INVALID", "present, invalidated", LEAF),
    hw(bit(61), "NO_READ", "not readable", LEAF),
    hw(bit(62), "NO_EXEC", "not executable", LEAF),
    hw(bit(63), "RPLV", "for the privilege of PLV alone", LEAF),
    sw(bits(14, 63), "TABLE", "virtual address of the page table", TABLE),
    sw(bits(14, 63), "TABLE", "virtual address of invalid_pte_table", EMPTY),
];

const LEAF_OR_SWAP: &[Form] = &[Form::Leaf, Form::InvalidLeaf, Form::Swap];
const DEVMAP_FIELD: &[Field] = &[sw(bit(59), "DEVMAP", "device memory with struct pages", LEAF)];

/// A PFN takes 36 bits together with young and dirty above it. They end just below PRESENT_INVALID; a larger
/// offset would set that bit, and the entry would be present.
const SWAP_6_1: SwapFormat = SwapFormat {
    kind: bits(16, 23),
    offset: bits(24, 63),
    offset_inverted: false,
    fixed: HUGE,
    soft_dirty: None,
    uffd_wp: None,
    same_in_ptes: true,
};
const SWAP_6_6: SwapFormat = SwapFormat { kind: bits(16, 22), ..SWAP_6_1 };

const SWAP_FIELDS_6_1: &[Field] = &[SWAP_6_1.kind_field(), SWAP_6_1.offset_field()];
const SWAP_FIELDS_6_6: &[Field] = &[
    SWAP_6_6.kind_field(),
    SWAP_6_6.offset_field(),
    sw(bit(23), "SWP_EXCLUSIVE", "belongs to this process alone; of swap PTEs only", SWAP),
];

fn none(entry: u64) -> bool {
    entry == INVALID_PTE_TABLE
}

fn is_huge(entry: u64) -> bool {
    entry & HUGE != 0
}

fn present(entry: u64) -> bool {
    if is_huge(entry) { entry & (PRESENT | PROTNONE | PRESENT_INVALID) != 0 } else { !none(entry) }
}

fn write(entry: u64) -> bool {
    entry & WRITE != 0
}

fn leaf(leaf: Leaf) -> u64 {
    leaf.pfn << PAGE_SHIFT
        | HUGE
        | USER
        | CACHED
        | if leaf.protnone { PROTNONE | NO_READ } else { PRESENT }
        | when(leaf.write, WRITE)
        | when(leaf.young, VALID)
        | when(leaf.dirty, MODIFIED)
        | when(leaf.write && leaf.dirty, DIRTY)
        | when(leaf.devmap, DEVMAP)
}

const L_6_1: Layout = Layout {
    page_shift: PAGE_SHIFT,
    pmd_shift: PMD_SHIFT,
    physical_bits: 48,
    fields: &[COMMON, SWAP_FIELDS_6_1],
    swap: Some(SWAP_6_1),
    predicates: Predicates {
        none,
        present,
        leaf: is_huge,
        trans_huge: |entry| is_huge(entry) && present(entry),
        bad: |entry| entry & bits(0, 13).mask() != 0,
        protnone: |entry| entry & PROTNONE != 0,
        write,
        devmap: never,
        special: never,
        access_permitted: |entry, for_write| present(entry) && (!for_write || write(entry)),
        pfn: |entry| ADDRESS.of(entry),
    },
    hardware_valid: |entry| entry & VALID != 0,
    marks: |entry| EntryMarks {
        young: entry & VALID != 0,
        dirty: entry & MODIFIED != 0,
        ..EntryMarks::default()
    },
    pte_marks: None,
    none: INVALID_PTE_TABLE,
    table: |table| table | CACHED_WINDOW,
    leaf: |asked| (!asked.soft_dirty && !asked.devmap).then(|| leaf(asked)),
    invalidated: |entry| entry & !(PRESENT | VALID | DIRTY | PROTNONE) | PRESENT_INVALID,
};

/// Hardware that walks page tables by itself sets DIRTY without MODIFIED.
const L_6_6: Layout = Layout {
    fields: &[COMMON, SWAP_FIELDS_6_6],
    swap: Some(SWAP_6_6),
    marks: |entry| EntryMarks {
        young: entry & VALID != 0,
        dirty: entry & (DIRTY | MODIFIED) != 0,
        ..EntryMarks::default()
    },
    ..L_6_1
};

const L_6_12: Layout = Layout {
    fields: &[COMMON, DEVMAP_FIELD, SWAP_FIELDS_6_6],
    predicates: Predicates { devmap: |entry| entry & DEVMAP != 0, ..L_6_6.predicates },
    leaf: |asked| (!asked.soft_dirty).then(|| leaf(asked)),
    ..L_6_6
};

static LAYOUTS: &[Era<Layout>] = &[
    Era {
        from: v(6, 1),
        to: v(6, 1),
        source: "as read in 6.1.176, which has PRESENT_INVALID as a backport of Linux kernel commit (\"LoongArch: Let \
                 pmd_present() return true when splitting pmd\") (in v6.4)",
        value: L_6_1,
    },
    Era {
        from: v(6, 6),
        to: v(6, 6),
        source: "an exclusive bit of swap PTEs: arch/loongarch/include/asm/pgtable.h as read in a tree of 6.6.52; \
                 pmd_dirty() also by DIRTY: Linux kernel commit 01158487af60 (\"LoongArch: Introduce hardware page \
                 table walker\") (in v6.5)",
        value: L_6_6,
    },
    Era { from: v(6, 12), to: v(6, 16), source: "DEVMAP: as read in 6.12.107", value: L_6_12 },
    Era {
        from: v(6, 17),
        to: v(7, 2),
        source: "no DEVMAP: Linux kernel commit d438d2734170 (\"mm: remove devmap related functions and page table \
                 bits\") (in v6.17); as read in 7.2.12",
        value: L_6_6,
    },
];

static SWAP_TYPES: &[Era<SwapTypes>] = &[
    WITHOUT_DEVICES_6_1,
    Era {
        to: v(6, 6),
        source: "as 6.1, but with the one type for markers in place of that for swap errors; a tree of 6.6.52 has no \
                 DEVMAP, hence no ZONE_DEVICE",
        value: SwapTypes::new(GROUPS_6_2, NO_DEVICES, true),
        ..TYPES_6_2
    },
    Era { from: v(6, 12), ..TYPES_6_2 },
    TYPES_6_15,
];
