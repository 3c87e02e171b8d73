//! s390x: segment-table entries with 1 MB huge pages (EDAT1) and instruction-execution protection.
//!
//! Facts from arch/s390/include/asm/{pgtable,pgalloc,sparsemem}.h and arch/s390/mm/pgtable.c of
//! Linux 5.10.262, 6.1.176, 6.12.107 and 7.2.12, without PAGE_TABLE_CHECK (with it 7.2's
//! `pmdp_invalidate()` also clears READ).
//!
//! The hardware's invalid bit does not mean "not present": an old or prot-none page has it too.

use crate::architecture::{Architecture, DEFAULT_PFN, Layouts, LayoutsByMmu};
use crate::byte_order::ByteOrder;
use crate::field::*;
use crate::layout::*;
use crate::marks::EntryMarks;
use crate::numbering::TYPES_6_15;
use crate::swap::SwapFormat;
use crate::version::{Era, v};

pub(super) static S390X: Architecture = Architecture {
    name: "s390x",
    aliases: &["s390"],
    byte_order: ByteOrder::Big,
    entry_byte_order: ByteOrder::Big,
    elf_machine: 22, // EM_S390
    default_pfn: DEFAULT_PFN,
    layouts: LayoutsByMmu::One(Layouts { usual: LAYOUTS, others: &[] }),
    // Migration of huge pages came in 6.17.
    swap_types: &[TYPES_6_15],
    absences: &[],
};

const TYPE: u64 = 3 << 2;
const COMMON_SEGMENT: u64 = 1 << 4;
const INVALID_BIT: u64 = 1 << 5;
const NOEXEC: u64 = 1 << 8;
const PROTECT: u64 = 1 << 9;
const LARGE: u64 = 1 << 10;
const YOUNG: u64 = 1 << 12;
const DIRTY: u64 = 1 << 13;
// Bits of PTEs, the same at every version.
const PTE_SOFT_DIRTY: u64 = 1 << 1;
const PTE_YOUNG: u64 = 1 << 2;
const PTE_DIRTY: u64 = 1 << 3;

/// The software bits, which moved in 6.13.
#[derive(Clone, Copy)]
struct Soft {
    present: u64,
    read: u64,
    write: u64,
    soft_dirty: u64,
}

const OLD: Soft = Soft { present: 0, read: 1 << 0, write: 1 << 1, soft_dirty: 1 << 14 };
const NEW: Soft = Soft { present: 1 << 0, read: 1 << 14, write: 1 << 15, soft_dirty: 1 << 1 };

const EMPTY_ENTRY: u64 = INVALID_BIT;
/// The bits, besides the table type, that make an entry bad (`pmd_bad()`).
const UNUSED: u64 = 7 << 6;
const PAGE_SHIFT: u8 = 12;
const PMD_SHIFT: u8 = 20;
const ORIGIN_LARGE: u64 = bits(20, 63).mask();
const ORIGIN: u64 = bits(11, 63).mask();

const COMMON: &[Field] = &[
    hw(bits(2, 3), "TT", "table type; 0 is a segment table", ANY),
    hw(bit(5), "INVALID", "the MMU does not use the entry; also of old and prot-none pages", ANY),
    hw(bit(8), "NOEXEC", "not executable", LEAF),
    hw(bit(9), "PROTECT", "read-only; a writable page has it while clean", LEAF_OR_TABLE),
    hw(bit(10), "LARGE", "a huge page, not a table", LEAF_OR_TABLE),
    sw(bit(12), "YOUNG", "accessed", LEAF),
    sw(bit(13), "DIRTY", "dirty", LEAF),
    hw(bits(20, 63), "ORIGIN", "physical address of the huge page", LEAF),
    hw(bits(11, 63), "ORIGIN", "physical address of the page table", TABLE),
];

const UP_TO_6_12: &[Field] = &[
    sw(bit(0), "READ", "readable", LEAF),
    sw(bit(1), "WRITE", "writable", LEAF),
    hw(bit(4), "COMM", "common segment", LEAF_OR_TABLE),
    sw(bit(14), "SOFT_DIRTY", "written since the last clearing by user space", LEAF),
];

const FROM_6_13: &[Field] = &[
    sw(bit(0), "PRESENT", "present", ANY),
    sw(bit(1), "SOFT_DIRTY", "written since the last clearing by user space", LEAF),
    sw(bit(14), "READ", "readable", LEAF),
    sw(bit(15), "WRITE", "writable", LEAF),
    hw(bit(4), "COMM", "common segment", LEAF_OR_TABLE),
    sw(bit(4), "COMM", "marks swap entries", SWAP),
    sw(bit(1), "SWP_SOFT_DIRTY", "written since the last clearing by user space", SWAP),
    SWAP_FORMAT.kind_field(),
    SWAP_FORMAT.offset_field(),
];

/// Swap types from 16 on set the LARGE bit: only PRESENT distinguishes such an entry from a huge page.
const SWAP_FORMAT: SwapFormat = SwapFormat {
    kind: bits(6, 10),
    offset: bits(12, 63),
    offset_inverted: false,
    fixed: INVALID_BIT | COMMON_SEGMENT,
    soft_dirty: Some(1),
    uffd_wp: None,
    same_in_ptes: false,
};

fn none(entry: u64) -> bool {
    entry == EMPTY_ENTRY
}

fn present_old(entry: u64) -> bool {
    entry != EMPTY_ENTRY
}

fn present(entry: u64) -> bool {
    entry & NEW.present != 0
}

fn leaf_old(entry: u64) -> bool {
    entry & LARGE != 0
}

fn leaf_new(entry: u64) -> bool {
    present(entry) && entry & LARGE != 0
}

fn bad(entry: u64, is_leaf: bool) -> bool {
    entry & (TYPE | UNUSED) != 0 || is_leaf
}

fn pfn(entry: u64, is_leaf: bool) -> u64 {
    (entry & if is_leaf { ORIGIN_LARGE } else { ORIGIN }) >> PAGE_SHIFT
}

fn marks(entry: u64, soft: Soft) -> EntryMarks {
    EntryMarks {
        young: entry & YOUNG != 0,
        dirty: entry & DIRTY != 0,
        soft_dirty: entry & soft.soft_dirty != 0,
        uffd_wp: false,
    }
}

fn leaf(leaf: Leaf, soft: Soft) -> Option<u64> {
    (!leaf.devmap).then(|| {
        leaf.pfn << PAGE_SHIFT
            | LARGE
            | soft.present
            | when(!leaf.protnone, soft.read | NOEXEC)
            | when(leaf.write, soft.write)
            | when(leaf.young, YOUNG)
            | when(leaf.protnone || !leaf.young, INVALID_BIT)
            | when(leaf.dirty, DIRTY)
            | when(!(leaf.write && leaf.dirty), PROTECT)
            | when(leaf.soft_dirty, soft.soft_dirty)
    })
}

const L_5_10: Layout = Layout {
    page_shift: PAGE_SHIFT,
    pmd_shift: PMD_SHIFT,
    physical_bits: 46,
    fields: &[COMMON, UP_TO_6_12],
    swap: None,
    predicates: Predicates {
        none,
        present: present_old,
        leaf: leaf_old,
        trans_huge: leaf_old,
        bad: |entry| bad(entry, leaf_old(entry)),
        protnone: |entry| leaf_old(entry) && entry & OLD.read == 0,
        write: |entry| entry & OLD.write != 0,
        devmap: never,
        special: never,
        access_permitted: |entry, write| present_old(entry) && (!write || entry & OLD.write != 0),
        pfn: |entry| pfn(entry, leaf_old(entry)),
    },
    hardware_valid: |entry| entry & INVALID_BIT == 0,
    marks: |entry| marks(entry, OLD),
    pte_marks: Some(|pte| EntryMarks {
        young: pte & PTE_YOUNG != 0,
        dirty: pte & PTE_DIRTY != 0,
        soft_dirty: pte & PTE_SOFT_DIRTY != 0,
        uffd_wp: false,
    }),
    none: EMPTY_ENTRY,
    table: |table| table | OLD.present,
    leaf: |asked| leaf(asked, OLD),
    invalidated: |entry| entry | INVALID_BIT,
};

/// Swap entries of this format exist from 6.13 for hugetlb; huge pages of THP have none yet.
const L_6_13: Layout = Layout {
    fields: &[COMMON, FROM_6_13],
    predicates: Predicates {
        present,
        leaf: leaf_new,
        trans_huge: leaf_new,
        bad: |entry| bad(entry, leaf_new(entry)),
        protnone: |entry| leaf_new(entry) && entry & NEW.read == 0,
        write: |entry| entry & NEW.write != 0,
        access_permitted: |entry, write| present(entry) && (!write || entry & NEW.write != 0),
        pfn: |entry| pfn(entry, leaf_new(entry)),
        ..L_5_10.predicates
    },
    marks: |entry| marks(entry, NEW),
    table: |table| table | NEW.present,
    leaf: |asked| leaf(asked, NEW),
    ..L_5_10
};

const L_6_17: Layout = Layout { swap: Some(SWAP_FORMAT), ..L_6_13 };

static LAYOUTS: &[Era<Layout>] = &[
    Era {
        from: v(5, 10),
        to: v(6, 12),
        source: "as read in 5.10.262, 6.1.176 and 6.12.107 (pmd_bad() is worded differently; it agrees on every value)",
        value: L_5_10,
    },
    Era {
        from: v(6, 13),
        to: v(6, 16),
        source: "a PRESENT bit, and software bits moved: Linux kernel commits ae1b9fb2d556 (\"s390/mm: Rearrange \
                 region-third and segment table entry SW bits\"), 03e6db16b808 (\"s390/mm: Introduce region-third and \
                 segment table entry present bits\"), f934f6be76c1 (\"s390/mm: Introduce region-third and segment table \
                 swap entries\") (in v6.13); as read in 7.2.12",
        value: L_6_13,
    },
    Era {
        from: v(6, 17),
        to: v(7, 2),
        source: "migration of huge pages: Linux kernel commit 10dd5a000989 (\"s390/mm: Enable THP_SWAP and \
                 THP_MIGRATION\") (in v6.17); as read in 7.2.12",
        value: L_6_17,
    },
];
