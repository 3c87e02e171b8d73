//! x86-64: 4-level paging, 4K pages, no memory encryption, a physical mask of 52 bits as the macro
//! has it, protection keys that deny nothing, and a CPU without shadow stacks (`X86_FEATURE_SHSTK`
//! would make `pmd_write()` true also for a leaf that is dirty and not writable, from 6.6).
//!
//! Facts from arch/x86/include/asm/{pgtable,pgtable_64,pgtable_types,pgtable-invert,page_types,
//! pgalloc,sparsemem}.h of Linux 5.10.262, 6.1.176, 6.12.107 and 7.2.12.

use crate::architecture::{Architecture, DEFAULT_PFN, Layouts, LayoutsByMmu};
use crate::byte_order::ByteOrder;
use crate::field::*;
use crate::layout::*;
use crate::marks::EntryMarks;
use crate::numbering::WITH_EVERY_OPTION;
use crate::swap::SwapFormat;
use crate::version::{Era, v};

pub(super) static X86_64: Architecture = Architecture {
    name: "x86_64",
    aliases: &["amd64", "x86-64", "x64"],
    byte_order: ByteOrder::Little,
    entry_byte_order: ByteOrder::Little,
    elf_machine: 62, // EM_X86_64
    default_pfn: DEFAULT_PFN,
    layouts: LayoutsByMmu::One(Layouts { usual: LAYOUTS, others: &[] }),
    swap_types: WITH_EVERY_OPTION,
    absences: &[],
};

const PRESENT: u64 = 1 << 0;
const RW: u64 = 1 << 1;
const USER: u64 = 1 << 2;
const ACCESSED: u64 = 1 << 5;
const DIRTY: u64 = 1 << 6;
const PSE: u64 = 1 << 7;
/// In a present entry this is the global bit.
const PROTNONE: u64 = 1 << 8;
const SPECIAL: u64 = 1 << 9;
const UFFD_WP: u64 = 1 << 10;
const SOFT_DIRTY: u64 = 1 << 11;
const DEVMAP_57: u64 = 1 << 57;
const DEVMAP_58: u64 = 1 << 58;
const SAVED_DIRTY: u64 = 1 << 58;
const NX: u64 = 1 << 63;
/// The bits of a table entry, apart from `USER`.
const KERNEL_TABLE: u64 = PRESENT | RW | ACCESSED | DIRTY;

const PAGE_SHIFT: u8 = 12;
const PMD_SHIFT: u8 = 21;
const HUGE_ADDRESS: u64 = bits(21, 51).mask();
const TABLE_ADDRESS: u64 = bits(12, 51).mask();

const COMMON: &[Field] = &[
    hw(bit(0), "PRESENT", "the MMU uses the entry", ANY),
    hw(bit(1), "RW", "writable", LEAF_OR_TABLE),
    hw(bit(2), "USER", "user space has access", LEAF_OR_TABLE),
    hw(bit(3), "PWT", "write-through; part of the memory type", LEAF_OR_TABLE),
    hw(bit(4), "PCD", "not cached; part of the memory type", LEAF_OR_TABLE),
    hw(bit(5), "ACCESSED", "accessed", LEAF_OR_TABLE),
    hw(bit(6), "DIRTY", "dirty", LEAF_OR_TABLE),
    hw(bits(5, 6), "ERRATUM", "accessed and dirty, ignored: a CPU may set them in an empty entry", EMPTY),
    hw(bit(7), "PSE", "a huge page, not a table", ANY),
    hw(bit(8), "GLOBAL", "the translation survives a switch of address spaces", VALID_LEAF),
    sw(bit(8), "PROTNONE", "present, kept from access, if not PRESENT", INVALID),
    sw(bit(9), "SPECIAL", "no struct page to take", LEAF),
    sw(bit(10), "UFFD_WP", "write-protected for userfaultfd", LEAF),
    sw(bit(11), "SOFT_DIRTY", "written since the last clearing by user space", LEAF),
    hw(bit(12), "PAT_LARGE", "part of the memory type", LEAF),
    hw(bits(21, 51), "ADDRESS", "physical address of the huge page", VALID_LEAF),
    sw(bits(21, 51), "ADDRESS", "physical address of the huge page, stored inverted", INVALID_LEAF),
    hw(bits(12, 51), "ADDRESS", "physical address of the page table", TABLE),
    hw(bits(59, 62), "PKEY", "protection key", LEAF),
    hw(bit(63), "NX", "not executable", LEAF_OR_TABLE),
    sw(bit(1), "SWP_SOFT_DIRTY", "written since the last clearing by user space", SWAP),
    sw(bit(2), "SWP_UFFD_WP", "write-protected for userfaultfd", SWAP),
    SWAP_FORMAT.kind_field(),
    SWAP_FORMAT.offset_field(),
];

const SWP_EXCLUSIVE: &[Field] =
    &[sw(bit(3), "SWP_EXCLUSIVE", "belongs to this process alone; of swap PTEs only", SWAP)];
const DEVMAP_58_FIELD: &[Field] = &[sw(bit(58), "DEVMAP", "device memory with struct pages", LEAF)];
const DEVMAP_57_FIELD: &[Field] = &[sw(bit(57), "DEVMAP", "device memory with struct pages", LEAF)];
const SAVED_DIRTY_FIELD: &[Field] =
    &[sw(bit(58), "SAVED_DIRTY", "dirty, of a page that is not writable (else it were shadow stack)", LEAF)];

const SWAP_FORMAT: SwapFormat = SwapFormat {
    kind: bits(59, 63),
    offset: bits(9, 58),
    offset_inverted: true,
    fixed: 0,
    soft_dirty: Some(1),
    uffd_wp: Some(2),
    same_in_ptes: true,
};

/// The bits that hold an address depend on PSE alone.
fn address_bits(entry: u64) -> u64 {
    if entry & PSE != 0 { HUGE_ADDRESS } else { TABLE_ADDRESS }
}

fn flags(entry: u64) -> u64 {
    entry & !address_bits(entry)
}

/// Against L1TF, an entry that is neither empty nor PRESENT has its address inverted.
fn inversion(flags: u64) -> u64 {
    when(flags != 0 && flags & PRESENT == 0, u64::MAX)
}

fn pfn(entry: u64) -> u64 {
    ((entry ^ inversion(entry)) & address_bits(entry)) >> PAGE_SHIFT
}

/// `pfn_pmd()`, with `flags` as the protection bits.
fn huge(pfn: u64, flags: u64) -> u64 {
    ((pfn << PAGE_SHIFT) ^ inversion(flags)) & HUGE_ADDRESS | flags
}

fn protnone(entry: u64) -> bool {
    entry & (PROTNONE | PRESENT) == PROTNONE
}

fn access_permitted(entry: u64, for_write: bool) -> bool {
    let needed = PRESENT | USER | when(for_write, RW);
    entry & needed == needed
}

/// `dirty` is the mask of all bits that record a dirty page.
fn marks(entry: u64, dirty: u64) -> EntryMarks {
    EntryMarks {
        young: entry & ACCESSED != 0,
        dirty: entry & dirty != 0,
        soft_dirty: entry & SOFT_DIRTY != 0,
        uffd_wp: entry & UFFD_WP != 0,
    }
}

/// Builds a mapping. `saved_dirty` is the dirty bit of pages that are not writable.
fn leaf(leaf: Leaf, devmap: u64, saved_dirty: u64) -> u64 {
    let flags = PSE
        | when(leaf.protnone, PROTNONE)
        | when(!leaf.protnone, PRESENT | USER | NX)
        | when(leaf.write, RW)
        | when(leaf.young, ACCESSED)
        | when(leaf.dirty, if leaf.write { DIRTY } else { saved_dirty })
        | when(leaf.soft_dirty, SOFT_DIRTY)
        | when(leaf.devmap, devmap);
    huge(leaf.pfn, flags)
}

const PREDICATES_5_10: Predicates = Predicates {
    none: |entry| entry & !(ACCESSED | DIRTY) == 0,
    present: |entry| entry & (PRESENT | PROTNONE | PSE) != 0,
    leaf: |entry| entry & PSE != 0,
    trans_huge: |entry| entry & (PSE | DEVMAP_58) == PSE,
    bad: |entry| flags(entry) & !USER != KERNEL_TABLE,
    protnone,
    write: |entry| entry & RW != 0,
    devmap: |entry| entry & DEVMAP_58 != 0,
    special: never,
    access_permitted,
    pfn,
};

const PREDICATES_6_1: Predicates = Predicates {
    bad: |entry| flags(entry) & !(USER | ACCESSED) != KERNEL_TABLE & !ACCESSED,
    ..PREDICATES_5_10
};

const PREDICATES_6_6: Predicates = Predicates {
    trans_huge: |entry| entry & (PSE | DEVMAP_57) == PSE,
    devmap: |entry| entry & DEVMAP_57 != 0,
    ..PREDICATES_6_1
};

const PREDICATES_6_12: Predicates = Predicates { special: |entry| entry & SPECIAL != 0, ..PREDICATES_6_6 };

const PREDICATES_6_17: Predicates =
    Predicates { trans_huge: |entry| entry & PSE != 0, devmap: never, ..PREDICATES_6_12 };

const L_5_10: Layout = Layout {
    page_shift: PAGE_SHIFT,
    pmd_shift: PMD_SHIFT,
    physical_bits: 46,
    fields: &[COMMON, DEVMAP_58_FIELD],
    swap: Some(SWAP_FORMAT),
    predicates: PREDICATES_5_10,
    hardware_valid: |entry| entry & PRESENT != 0,
    marks: |entry| marks(entry, DIRTY),
    pte_marks: None,
    none: 0,
    table: |table| table | KERNEL_TABLE | USER,
    leaf: |asked| Some(leaf(asked, DEVMAP_58, DIRTY)),
    invalidated: |entry| huge(pfn(entry), flags(entry) & !(PRESENT | PROTNONE)),
};

const L_6_1: Layout =
    Layout { fields: &[COMMON, SWP_EXCLUSIVE, DEVMAP_58_FIELD], predicates: PREDICATES_6_1, ..L_5_10 };

const L_6_6: Layout = Layout {
    fields: &[COMMON, SWP_EXCLUSIVE, DEVMAP_57_FIELD, SAVED_DIRTY_FIELD],
    predicates: PREDICATES_6_6,
    marks: |entry| marks(entry, DIRTY | SAVED_DIRTY),
    leaf: |asked| Some(leaf(asked, DEVMAP_57, SAVED_DIRTY)),
    ..L_6_1
};

const L_6_12: Layout = Layout { predicates: PREDICATES_6_12, ..L_6_6 };

const L_6_17: Layout = Layout {
    fields: &[COMMON, SWP_EXCLUSIVE, SAVED_DIRTY_FIELD],
    predicates: PREDICATES_6_17,
    leaf: |asked| (!asked.devmap).then(|| leaf(asked, 0, SAVED_DIRTY)),
    ..L_6_12
};

static LAYOUTS: &[Era<Layout>] = &[
    Era { from: v(5, 10), to: v(5, 10), source: "as read in 5.10.262", value: L_5_10 },
    Era {
        from: v(6, 1),
        to: v(6, 5),
        source: "pmd_bad() ignores ACCESSED: as read in 6.1.176",
        value: L_6_1,
    },
    Era {
        from: v(6, 6),
        to: v(6, 11),
        source: "SAVED_DIRTY in bit 58, DEVMAP in 57: Linux kernel commit (\"x86/mm: Introduce _PAGE_SAVED_DIRTY\") \
                 (in v6.6, by the pull request x86_shstk_for_6.6-rc1); as read in 6.12.107",
        value: L_6_6,
    },
    Era {
        from: v(6, 12),
        to: v(6, 16),
        source: "pmd_special(): Linux kernel commit (\"mm/x86: support large pfn mappings\") (in v6.12, by its date \
                 2024-09-17); as read in 6.12.107",
        value: L_6_12,
    },
    Era {
        from: v(6, 17),
        to: v(7, 2),
        source: "no DEVMAP: Linux kernel commit d438d2734170 (\"mm: remove devmap related functions and page table \
                 bits\") (in v6.17); as read in 7.2.12",
        value: L_6_17,
    },
];
