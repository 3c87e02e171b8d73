//! POWER, Book3S 64, both byte orders, radix and hash, with keys that deny nothing. Pages have 64K, for radix also
//! 4K: with 4K pages the hash MMU has no transparent huge pages.
//!
//! Facts from arch/powerpc/include/asm/book3s/64/{pgtable,radix,radix-4k,radix-64k,hash,hash-64k}.h,
//! asm/pgtable-masks.h and arch/powerpc/mm/book3s64/{pgtable,radix_pgtable,hash_pgtable}.c of Linux
//! 5.10.262, 6.1.176, 6.12.107 and 7.2.12.
//!
//! Values are those of `pmd_val()`. With the hash MMU only software reads these tables: the hardware reads the
//! hashed page table instead.

use crate::architecture::{Architecture, DEFAULT_PFN, Layouts, LayoutsByMmu};
use crate::byte_order::ByteOrder;
use crate::field::*;
use crate::layout::*;
use crate::marks::EntryMarks;
use crate::numbering::MARKERS_FROM_6_2;
use crate::swap::SwapFormat;
use crate::version::{Era, v};

pub(super) static PPC64: Architecture = Architecture {
    name: "ppc64",
    aliases: &["powerpc64"],
    byte_order: ByteOrder::Big,
    entry_byte_order: ByteOrder::Big,
    elf_machine: 21, // EM_PPC64
    default_pfn: DEFAULT_PFN,
    layouts: LayoutsByMmu::RadixAndHash {
        radix: Layouts { usual: RADIX_LAYOUTS, others: &[RADIX_4K_LAYOUTS] },
        hash: Layouts { usual: HASH_LAYOUTS, others: &[] },
    },
    swap_types: MARKERS_FROM_6_2,
    absences: &[],
};

pub(super) static PPC64LE: Architecture = Architecture {
    name: "ppc64le",
    aliases: &["powerpc64le", "ppc64el"],
    byte_order: ByteOrder::Little,
    ..PPC64
};

const EXEC: u64 = 1 << 0;
const WRITE: u64 = 1 << 1;
const READ: u64 = 1 << 2;
const RWX: u64 = READ | WRITE | EXEC;
const PRIVILEGED: u64 = 1 << 3;
const DIRTY: u64 = 1 << 7;
const ACCESSED: u64 = 1 << 8;
const SOFT_DIRTY: u64 = 1 << 9;
const SPECIAL: u64 = 1 << 10;
const DEVMAP: u64 = 1 << 11;
const THP_HUGE: u64 = 1 << 13;
const INVALIDATED: u64 = 1 << 61;
const PTE: u64 = 1 << 62;
const PRESENT: u64 = 1 << 63;

const PAGE_SHIFT: u8 = 16;
const ADDRESS: Bits = bits(16, 52);
/// With pages of 4K.
const PAGE_SHIFT_4K: u8 = 12;
const ADDRESS_4K: Bits = bits(12, 52);
/// A page table has 32 entries, or 512 with pages of 4K.
const RADIX_PMD_SHIFT: u8 = 21;
/// A page table has 256 entries.
const HASH_PMD_SHIFT: u8 = 24;
/// The bits of a table entry besides the address: valid, and for radix the log of the table's number of entries.
const RADIX_TABLE: u64 = PRESENT | 5;
const RADIX_TABLE_4K: u64 = PRESENT | 9;
const HASH_TABLE: u64 = PRESENT;
const RADIX_BAD: u64 = 0x6000_0000_0000_00e0;
/// Tables are aligned to 4K: 2K of entries and 2K of data that the hash MMU keeps about them.
const HASH_BAD: u64 = 0xfff;

const fn field(
    by: By,
    bits: Bits,
    name: &'static str,
    meaning: &'static str,
    forms: &'static [Form],
) -> Field {
    Field { bits, name, meaning, by, forms }
}

/// The fields that radix and hash share. Only their reader differs.
const fn common(by: By, address: Bits) -> [Field; 15] {
    [
        field(by, bit(0), "EXEC", "executable", LEAF),
        field(by, bit(1), "WRITE", "writable", LEAF),
        field(by, bit(2), "READ", "readable", LEAF),
        field(by, bit(3), "PRIVILEGED", "the kernel alone has access", LEAF),
        field(by, bits(4, 5), "ATT", "memory attributes; 0 is normal memory", LEAF),
        field(by, bit(7), "DIRTY", "dirty (C)", LEAF),
        field(by, bit(8), "ACCESSED", "accessed (R)", LEAF),
        sw(bit(9), "SOFT_DIRTY", "written since the last clearing by user space", LEAF),
        sw(bit(10), "SPECIAL", "no struct page to take", LEAF),
        field(by, address, "ADDRESS", "physical address of the huge page (RPN)", LEAF),
        sw(bit(56), "PKEY0", "lowest bit of the protection key", LEAF),
        sw(bits(57, 60), "PKEY", "protection key, the other bits", LEAF),
        sw(bit(61), "INVALID", "present, invalidated, if not PRESENT", ANY),
        field(by, bit(62), "PTE", "a leaf, not a table; swap entries have it too", ANY),
        field(by, bit(63), "PRESENT", "valid", ANY),
    ]
}

const RADIX: &[Field] = &common(By::Hardware, ADDRESS);
const RADIX_4K: &[Field] = &common(By::Hardware, ADDRESS_4K);
const HASH: &[Field] = &common(By::Software, ADDRESS);

const RADIX_ONLY: &[Field] = &[
    hw(bits(0, 4), "NLS", "log of the number of entries of the page table", TABLE),
    hw(bits(8, 52), "ADDRESS", "physical address of the page table (NLB)", TABLE),
];

const HASH_ONLY: &[Field] = &[
    sw(bit(6), "BUSY", "locked while the hashed page table is changed", LEAF),
    sw(bit(12), "COMBO", "mapped in parts of 4K", LEAF),
    sw(bit(13), "THP_HUGE", "a transparent huge page", LEAF),
    sw(bit(55), "HASHPTE", "something of it is in the hashed page table", LEAF),
    sw(bits(12, 52), "ADDRESS", "physical address of the page table", TABLE),
];

const DEVMAP_FIELD: &[Field] = &[sw(bit(11), "DEVMAP", "device memory with struct pages", LEAF)];

const SWAP_5_10: SwapFormat = SwapFormat {
    kind: bits(0, 4),
    offset: ADDRESS,
    offset_inverted: false,
    fixed: PTE,
    soft_dirty: Some(5),
    uffd_wp: None,
    same_in_ptes: true,
};
const SWAP_6_1: SwapFormat = SwapFormat { soft_dirty: Some(9), ..SWAP_5_10 };
const SWAP_4K_5_10: SwapFormat = SwapFormat { offset: ADDRESS_4K, ..SWAP_5_10 };
const SWAP_4K_6_1: SwapFormat = SwapFormat { offset: ADDRESS_4K, ..SWAP_6_1 };

const fn swap_fields_5_10(swap: SwapFormat) -> [Field; 3] {
    [
        swap.kind_field(),
        swap.offset_field(),
        sw(bit(5), "SWP_SOFT_DIRTY", "written since the last clearing by user space", SWAP),
    ]
}

const fn swap_fields_6_1(swap: SwapFormat) -> [Field; 4] {
    [
        swap.kind_field(),
        swap.offset_field(),
        sw(bit(5), "SWP_EXCLUSIVE", "belongs to this process alone; of swap PTEs only", SWAP),
        sw(bit(9), "SWP_SOFT_DIRTY", "written since the last clearing by user space", SWAP),
    ]
}

const SWAP_FIELDS_5_10: &[Field] = &swap_fields_5_10(SWAP_5_10);
const SWAP_FIELDS_6_1: &[Field] = &swap_fields_6_1(SWAP_6_1);
const SWAP_FIELDS_4K_5_10: &[Field] = &swap_fields_5_10(SWAP_4K_5_10);
const SWAP_FIELDS_4K_6_1: &[Field] = &swap_fields_6_1(SWAP_4K_6_1);

fn has_all(entry: u64, bits: u64) -> bool {
    entry & bits == bits
}

fn present(entry: u64) -> bool {
    entry & (PRESENT | INVALIDATED) != 0
}

fn is_serializing(entry: u64) -> bool {
    entry & (PRESENT | INVALIDATED) == INVALIDATED
}

fn protnone(entry: u64) -> bool {
    entry & (PRESENT | PTE | RWX) == PRESENT | PTE
}

fn write(entry: u64) -> bool {
    entry & WRITE != 0
}

/// Up to 6.1 an unprivileged entry without any permission counts as writable: it was writable before it was made
/// prot-none (`pte_savedwrite()`).
fn write_or_saved(entry: u64) -> bool {
    write(entry) || entry & (RWX | PRIVILEGED) == 0
}

fn access_permitted(entry: u64, for_write: bool, write: fn(u64) -> bool) -> bool {
    let present = has_all(entry, PRESENT | PTE) || has_all(entry, INVALIDATED | PTE);
    let readable = entry & (PRIVILEGED | READ) == READ;
    !is_serializing(entry) && present && readable && (!for_write || write(entry))
}

fn marks(entry: u64) -> EntryMarks {
    EntryMarks {
        young: entry & ACCESSED != 0,
        dirty: entry & DIRTY != 0,
        soft_dirty: entry & SOFT_DIRTY != 0,
        uffd_wp: false,
    }
}

fn leaf(leaf: Leaf, no_access: u64) -> u64 {
    leaf.pfn << PAGE_SHIFT | flags(leaf, no_access)
}

fn leaf_4k(leaf: Leaf, no_access: u64) -> u64 {
    leaf.pfn << PAGE_SHIFT_4K | flags(leaf, no_access)
}

fn flags(leaf: Leaf, no_access: u64) -> u64 {
    PRESENT
        | PTE
        | if leaf.protnone { no_access } else { READ }
        | when(leaf.write, WRITE)
        | when(leaf.young, ACCESSED)
        | when(leaf.dirty, DIRTY)
        | when(leaf.soft_dirty, SOFT_DIRTY)
        | when(leaf.devmap, DEVMAP)
}

const RADIX_5_10: Layout = Layout {
    page_shift: PAGE_SHIFT,
    pmd_shift: RADIX_PMD_SHIFT,
    physical_bits: 51,
    fields: &[RADIX, RADIX_ONLY, DEVMAP_FIELD, SWAP_FIELDS_5_10],
    swap: Some(SWAP_5_10),
    predicates: Predicates {
        none: |entry| entry == 0,
        present,
        leaf: |entry| entry & PTE != 0,
        trans_huge: |entry| present(entry) && entry & (PTE | DEVMAP) == PTE,
        bad: |entry| entry & RADIX_BAD != 0,
        protnone,
        write: write_or_saved,
        devmap: |entry| has_all(entry, DEVMAP | PTE),
        special: never,
        access_permitted: |entry, for_write| access_permitted(entry, for_write, write_or_saved),
        pfn: |entry| ADDRESS.of(entry),
    },
    hardware_valid: |entry| entry & PRESENT != 0,
    marks,
    pte_marks: None,
    none: 0,
    table: |table| table | RADIX_TABLE,
    leaf: |asked| Some(leaf(asked, PRIVILEGED)),
    // The hash MMU's update would first wait until BUSY is clear; otherwise it works alike for every value.
    invalidated: |entry| entry & !PRESENT | INVALIDATED,
};

const RADIX_6_1: Layout = Layout {
    fields: &[RADIX, RADIX_ONLY, DEVMAP_FIELD, SWAP_FIELDS_6_1],
    swap: Some(SWAP_6_1),
    ..RADIX_5_10
};

const RADIX_6_6: Layout = Layout {
    predicates: Predicates {
        write,
        access_permitted: |entry, for_write| access_permitted(entry, for_write, write),
        ..RADIX_6_1.predicates
    },
    ..RADIX_6_1
};

const RADIX_6_12: Layout = Layout { leaf: |asked| Some(leaf(asked, 0)), ..RADIX_6_6 };

const RADIX_6_17: Layout = Layout {
    fields: &[RADIX, RADIX_ONLY, SWAP_FIELDS_6_1],
    predicates: Predicates {
        trans_huge: |entry| present(entry) && entry & PTE != 0,
        devmap: never,
        ..RADIX_6_12.predicates
    },
    leaf: |asked| (!asked.devmap).then(|| leaf(asked, 0)),
    ..RADIX_6_12
};

const RADIX_7_1: Layout =
    Layout { predicates: Predicates { special, ..RADIX_6_17.predicates }, ..RADIX_6_17 };

fn special(entry: u64) -> bool {
    entry & SPECIAL != 0
}

/// Derives the layout with pages of 4K from the one with pages of 64K.
const fn radix_4k(
    radix: Layout,
    fields: &'static [&'static [Field]],
    swap: SwapFormat,
    leaf: fn(Leaf) -> Option<u64>,
) -> Layout {
    Layout {
        page_shift: PAGE_SHIFT_4K,
        fields,
        swap: Some(swap),
        predicates: Predicates { pfn: |entry| ADDRESS_4K.of(entry), ..radix.predicates },
        table: |table| table | RADIX_TABLE_4K,
        leaf,
        ..radix
    }
}

const RADIX_4K_FIELDS_6_1: &[&[Field]] = &[RADIX_4K, RADIX_ONLY, DEVMAP_FIELD, SWAP_FIELDS_4K_6_1];
const RADIX_4K_5_10: Layout =
    radix_4k(RADIX_5_10, &[RADIX_4K, RADIX_ONLY, DEVMAP_FIELD, SWAP_FIELDS_4K_5_10], SWAP_4K_5_10, |asked| {
        Some(leaf_4k(asked, PRIVILEGED))
    });
const RADIX_4K_6_1: Layout = radix_4k(RADIX_6_1, RADIX_4K_FIELDS_6_1, SWAP_4K_6_1, RADIX_4K_5_10.leaf);
const RADIX_4K_6_6: Layout = radix_4k(RADIX_6_6, RADIX_4K_FIELDS_6_1, SWAP_4K_6_1, RADIX_4K_5_10.leaf);
const RADIX_4K_6_12: Layout =
    radix_4k(RADIX_6_12, RADIX_4K_FIELDS_6_1, SWAP_4K_6_1, |asked| Some(leaf_4k(asked, 0)));
const RADIX_4K_6_17: Layout =
    radix_4k(RADIX_6_17, &[RADIX_4K, RADIX_ONLY, SWAP_FIELDS_4K_6_1], SWAP_4K_6_1, |asked| {
        (!asked.devmap).then(|| leaf_4k(asked, 0))
    });
const RADIX_4K_7_1: Layout = radix_4k(RADIX_7_1, RADIX_4K_6_17.fields, SWAP_4K_6_1, RADIX_4K_6_17.leaf);

/// Derives the layout of the hash MMU from the one of radix.
const fn hash(radix: Layout, fields: &'static [&'static [Field]], trans_huge: fn(u64) -> bool) -> Layout {
    Layout {
        pmd_shift: HASH_PMD_SHIFT,
        fields,
        predicates: Predicates { trans_huge, bad: |entry| entry & HASH_BAD != 0, ..radix.predicates },
        table: |table| table | HASH_TABLE,
        ..radix
    }
}

fn hash_trans_huge(entry: u64) -> bool {
    present(entry) && has_all(entry, PTE | THP_HUGE)
}

fn hash_trans_huge_not_devmap(entry: u64) -> bool {
    hash_trans_huge(entry) && entry & DEVMAP == 0
}

const HASH_5_10: Layout = Layout {
    leaf: |asked| Some(leaf(asked, PRIVILEGED) | THP_HUGE),
    ..hash(RADIX_5_10, &[HASH, HASH_ONLY, DEVMAP_FIELD, SWAP_FIELDS_5_10], hash_trans_huge_not_devmap)
};

const HASH_6_1: Layout = Layout {
    leaf: HASH_5_10.leaf,
    ..hash(RADIX_6_1, &[HASH, HASH_ONLY, DEVMAP_FIELD, SWAP_FIELDS_6_1], hash_trans_huge_not_devmap)
};

const HASH_6_6: Layout =
    Layout { leaf: HASH_5_10.leaf, ..hash(RADIX_6_6, HASH_6_1.fields, hash_trans_huge_not_devmap) };

const HASH_6_12: Layout = Layout {
    leaf: |asked| Some(leaf(asked, 0) | THP_HUGE),
    ..hash(RADIX_6_12, HASH_6_1.fields, hash_trans_huge_not_devmap)
};

const HASH_6_17: Layout = Layout {
    leaf: |asked| (!asked.devmap).then(|| leaf(asked, 0) | THP_HUGE),
    ..hash(RADIX_6_17, &[HASH, HASH_ONLY, SWAP_FIELDS_6_1], hash_trans_huge)
};

const HASH_7_1: Layout =
    Layout { leaf: HASH_6_17.leaf, ..hash(RADIX_7_1, HASH_6_17.fields, hash_trans_huge) };

/// Makes eras of six layouts. Radix and hash have the same eras.
const fn eras(layouts: [Layout; 6]) -> [Era<Layout>; 6] {
    let [from_5_10, from_6_1, from_6_6, from_6_12, from_6_17, from_7_1] = layouts;
    [
        Era { from: v(5, 10), to: v(5, 10), source: "as read in 5.10.262", value: from_5_10 },
        Era {
            from: v(6, 1),
            to: v(6, 1),
            source: "soft-dirty of swap entries moved to bit 9: as read in 6.1.176",
            value: from_6_1,
        },
        Era {
            from: v(6, 6),
            to: v(6, 6),
            source: "no saved write: arch/powerpc/include/asm/book3s/64/pgtable.h as read in a tree of 6.6.y",
            value: from_6_6,
        },
        Era {
            from: v(6, 12),
            to: v(6, 16),
            source: "prot-none not privileged: as read in 6.12.107",
            value: from_6_12,
        },
        Era {
            from: v(6, 17),
            to: v(7, 0),
            source: "no DEVMAP: Linux kernel commit d438d2734170 (\"mm: remove devmap related functions and page \
                     table bits\") (in v6.17); as read in 7.2.12",
            value: from_6_17,
        },
        Era {
            from: v(7, 1),
            to: v(7, 2),
            source: "pmd_special(): Linux kernel commit d1503aa9ab80 (\"powerpc/64s: Add support for huge pfnmaps\") \
                     (in v7.1, by its date 2026-03-30); as read in 7.2.12",
            value: from_7_1,
        },
    ]
}

static RADIX_LAYOUTS: &[Era<Layout>] =
    &eras([RADIX_5_10, RADIX_6_1, RADIX_6_6, RADIX_6_12, RADIX_6_17, RADIX_7_1]);
/// The radix layouts with pages of 4K, as Debian builds its kernels of ppc64le from 6.12 on.
static RADIX_4K_LAYOUTS: &[Era<Layout>] =
    &eras([RADIX_4K_5_10, RADIX_4K_6_1, RADIX_4K_6_6, RADIX_4K_6_12, RADIX_4K_6_17, RADIX_4K_7_1]);
static HASH_LAYOUTS: &[Era<Layout>] = &eras([HASH_5_10, HASH_6_1, HASH_6_6, HASH_6_12, HASH_6_17, HASH_7_1]);
