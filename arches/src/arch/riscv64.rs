//! RISC-V, 64-bit: Sv39 or Sv48 with 4K pages, without Svpbmt and Svnapot, and from 6.19 with
//! Svrsw60t59b, which gives soft-dirty and userfaultfd write protection their bits.
//!
//! Facts from arch/riscv/include/asm/{pgtable,pgtable-64,pgtable-bits,pgalloc,sparsemem}.h of Linux
//! 6.1.176, 6.12.107 and 7.2.12. Linux 5.10 has no transparent huge pages here.

use crate::architecture::{Architecture, DEFAULT_PFN, Layouts, LayoutsByMmu};
use crate::byte_order::ByteOrder;
use crate::field::*;
use crate::layout::*;
use crate::marks::EntryMarks;
use crate::numbering::{GROUPS_6_2, NO_DEVICES, TYPES_6_2, TYPES_6_15, WITHOUT_DEVICES_6_1};
use crate::swap::SwapFormat;
use crate::swap_types::SwapTypes;
use crate::version::{Era, v};

pub(super) static RISCV64: Architecture = Architecture {
    name: "riscv64",
    aliases: &["riscv"],
    byte_order: ByteOrder::Little,
    entry_byte_order: ByteOrder::Little,
    elf_machine: 243, // EM_RISCV
    default_pfn: DEFAULT_PFN,
    layouts: LayoutsByMmu::One(Layouts { usual: LAYOUTS, others: &[] }),
    swap_types: SWAP_TYPES,
    absences: &[Era {
        from: v(5, 10),
        to: v(5, 10),
        source: "arch/riscv/Kconfig of 5.10.262",
        value: "riscv64 had no transparent huge pages in Linux 5.10",
    }],
};

const VALID: u64 = 1 << 0;
const READ: u64 = 1 << 1;
const WRITE: u64 = 1 << 2;
const EXEC: u64 = 1 << 3;
/// The bits by which the MMU distinguishes a leaf from a table.
const RWX: u64 = READ | WRITE | EXEC;
const USER: u64 = 1 << 4;
/// In a valid entry this is the global bit.
const PROT_NONE: u64 = 1 << 5;
const ACCESSED: u64 = 1 << 6;
const DIRTY: u64 = 1 << 7;
const SPECIAL: u64 = 1 << 8;
const DEVMAP: u64 = 1 << 9;
const SOFT_DIRTY: u64 = 1 << 59;
const UFFD_WP: u64 = 1 << 60;

const PAGE_SHIFT: u8 = 12;
const PMD_SHIFT: u8 = 21;
const PFN: Bits = bits(10, 53);

const COMMON: &[Field] = &[
    hw(bit(0), "VALID", "the MMU uses the entry", ANY),
    hw(bit(1), "READ", "readable; with WRITE and EXEC 0 a table", ANY),
    hw(bit(2), "WRITE", "writable", ANY),
    hw(bit(3), "EXEC", "executable", LEAF_OR_TABLE),
    hw(bit(4), "USER", "user space has access", LEAF_OR_TABLE),
    hw(bit(5), "GLOBAL", "the translation is in every address space", VALID_LEAF),
    sw(bit(5), "PROT_NONE", "present, kept from access, if not valid", INVALID),
    hw(bit(6), "ACCESSED", "accessed", LEAF),
    hw(bit(7), "DIRTY", "dirty", LEAF),
    sw(bit(8), "SPECIAL", "no struct page to take", LEAF),
    hw(bits(10, 53), "PFN", "page frame number of the huge page or of the page table", LEAF_OR_TABLE),
    hw(bits(61, 62), "PBMT", "memory type (Svpbmt)", LEAF),
    hw(bit(63), "NAPOT", "one of a contiguous range (Svnapot)", LEAF),
];

const DEVMAP_FIELD: &[Field] = &[sw(bit(9), "DEVMAP", "device memory with struct pages", LEAF)];

const SWAP_6_1: SwapFormat = SwapFormat {
    kind: bits(6, 10),
    offset: bits(11, 63),
    offset_inverted: false,
    fixed: 0,
    soft_dirty: None,
    uffd_wp: None,
    same_in_ptes: true,
};
const SWAP_6_12: SwapFormat = SwapFormat { kind: bits(7, 11), offset: bits(12, 63), ..SWAP_6_1 };
/// The soft-dirty bit of a swap entry is the EXEC bit of a leaf.
const SWAP_6_19: SwapFormat = SwapFormat { soft_dirty: Some(3), uffd_wp: Some(4), ..SWAP_6_12 };

const SWAP_FIELDS_6_1: &[Field] =
    &[sw(bit(3), "EXEC", "must be 0", SWAP), SWAP_6_1.kind_field(), SWAP_6_1.offset_field()];
const SWAP_FIELDS_6_12: &[Field] =
    &[sw(bit(3), "EXEC", "must be 0", SWAP), SWAP_6_12.kind_field(), SWAP_6_12.offset_field(), SWP_EXCLUSIVE];
const SWAP_FIELDS_6_19: &[Field] = &[
    sw(bit(3), "SWP_SOFT_DIRTY", "written since the last clearing by user space; a leaf has EXEC here", SWAP),
    sw(bit(4), "SWP_UFFD_WP", "write-protected for userfaultfd", SWAP),
    SWAP_6_19.kind_field(),
    SWAP_6_19.offset_field(),
    SWP_EXCLUSIVE,
    sw(bit(59), "SOFT_DIRTY", "written since the last clearing by user space", LEAF),
    sw(bit(60), "UFFD_WP", "write-protected for userfaultfd", LEAF),
];
const SWP_EXCLUSIVE: Field =
    sw(bit(6), "SWP_EXCLUSIVE", "belongs to this process alone; of swap PTEs only", SWAP);

fn present(entry: u64) -> bool {
    entry & (VALID | PROT_NONE | RWX) != 0
}

fn is_leaf(entry: u64) -> bool {
    entry & RWX != 0
}

fn write(entry: u64) -> bool {
    entry & WRITE != 0
}

fn special(entry: u64) -> bool {
    entry & SPECIAL != 0
}

fn marks(entry: u64) -> EntryMarks {
    EntryMarks { young: entry & ACCESSED != 0, dirty: entry & DIRTY != 0, ..EntryMarks::default() }
}

fn leaf(leaf: Leaf) -> u64 {
    PFN.place(leaf.pfn)
        | READ
        | when(leaf.protnone, PROT_NONE)
        | when(!leaf.protnone, VALID | USER)
        | when(leaf.write, WRITE)
        | when(leaf.young, ACCESSED)
        | when(leaf.dirty, DIRTY)
        | when(leaf.soft_dirty, SOFT_DIRTY)
        | when(leaf.devmap, DEVMAP)
}

const L_6_1: Layout = Layout {
    page_shift: PAGE_SHIFT,
    pmd_shift: PMD_SHIFT,
    physical_bits: 56,
    fields: &[COMMON, SWAP_FIELDS_6_1],
    swap: Some(SWAP_6_1),
    predicates: Predicates {
        none: |entry| entry == 0,
        present,
        // A read, write or execute bit makes an entry present, so these two need not test for it.
        leaf: is_leaf,
        trans_huge: is_leaf,
        bad: |entry| !present(entry) || is_leaf(entry),
        protnone: |entry| entry & (VALID | PROT_NONE) == PROT_NONE,
        write,
        devmap: never,
        special: never,
        access_permitted: |entry, for_write| present(entry) && (!for_write || write(entry)),
        pfn: |entry| PFN.of(entry) >> (PMD_SHIFT - PAGE_SHIFT) << (PMD_SHIFT - PAGE_SHIFT),
    },
    hardware_valid: |entry| entry & VALID != 0,
    marks,
    pte_marks: None,
    none: 0,
    table: |table| PFN.place(table >> PAGE_SHIFT) | VALID,
    leaf: |asked| (!asked.soft_dirty && !asked.devmap).then(|| leaf(asked)),
    invalidated: |entry| entry & !(VALID | PROT_NONE),
};

const L_6_6: Layout = Layout { fields: &[COMMON, SWAP_FIELDS_6_12], swap: Some(SWAP_6_12), ..L_6_1 };

const L_6_12: Layout = Layout {
    fields: &[COMMON, DEVMAP_FIELD, SWAP_FIELDS_6_12],
    swap: Some(SWAP_6_12),
    predicates: Predicates { devmap: |entry| entry & DEVMAP != 0, ..L_6_1.predicates },
    leaf: |asked| (!asked.soft_dirty).then(|| leaf(asked)),
    ..L_6_1
};

const L_6_15: Layout = Layout { predicates: Predicates { special, ..L_6_12.predicates }, ..L_6_12 };

const L_6_17: Layout = Layout {
    fields: &[COMMON, SWAP_FIELDS_6_12],
    predicates: Predicates { devmap: never, ..L_6_15.predicates },
    leaf: L_6_1.leaf,
    ..L_6_15
};

const L_6_19: Layout = Layout {
    fields: &[COMMON, SWAP_FIELDS_6_19],
    swap: Some(SWAP_6_19),
    marks: |entry| EntryMarks {
        soft_dirty: entry & SOFT_DIRTY != 0,
        uffd_wp: entry & UFFD_WP != 0,
        ..marks(entry)
    },
    leaf: |asked| (!asked.devmap).then(|| leaf(asked)),
    ..L_6_17
};

static LAYOUTS: &[Era<Layout>] = &[
    Era { from: v(6, 1), to: v(6, 2), source: "as read in 6.1.176", value: L_6_1 },
    Era {
        from: v(6, 6),
        to: v(6, 6),
        source: "swap types one bit higher for the exclusive bit of PTEs: arch/riscv/include/asm/pgtable.h as read \
                 in a tree of 6.6.36",
        value: L_6_6,
    },
    Era { from: v(6, 12), to: v(6, 14), source: "DEVMAP: as read in 6.12.107", value: L_6_12 },
    Era {
        from: v(6, 15),
        to: v(6, 16),
        source: "pmd_special(): Linux kernel commit 03dc00a2b678 (\"riscv: Support huge pfnmaps\") (in v6.15, by its \
                 date 2025-03-18); as read in 7.2.12",
        value: L_6_15,
    },
    Era {
        from: v(6, 17),
        to: v(6, 18),
        source: "no DEVMAP: Linux kernel commit d438d2734170 (\"mm: remove devmap related functions and page table \
                 bits\") (in v6.17); as read in 7.2.12",
        value: L_6_17,
    },
    Era {
        from: v(6, 19),
        to: v(7, 2),
        source: "soft-dirty and userfaultfd write protection: Linux kernel commit c64da3950cf4 (\"riscv: mm: add \
                 userfaultfd write-protect support\") and its parent (in v6.19); as read in 7.2.12",
        value: L_6_19,
    },
];

static SWAP_TYPES: &[Era<SwapTypes>] = &[
    WITHOUT_DEVICES_6_1,
    Era {
        to: v(6, 6),
        source: "include/linux/swap.h and mm/Kconfig of a tree of 6.6.36, without DEVICE_PRIVATE",
        value: SwapTypes::new(GROUPS_6_2, NO_DEVICES, true),
        ..TYPES_6_2
    },
    Era { from: v(6, 12), ..TYPES_6_2 },
    TYPES_6_15,
];
