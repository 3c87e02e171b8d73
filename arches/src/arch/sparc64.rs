//! SPARC V9, sun4v format: 8K pages, 8 MB huge pages (two 4 MB translations each), no migration of
//! huge pages, no NUMA balancing.
//!
//! Facts from arch/sparc/include/asm/{pgtable_64,page_64}.h and arch/sparc/mm/{tlb,init_64}.c of Linux 5.10.262,
//! 6.1.176, 6.12.107 and 7.2.12, which agree on all facts used here. Pages are cached with CP and CV, as on CPUs
//! before the M7.

use crate::architecture::{Architecture, DEFAULT_PFN, Layouts, LayoutsByMmu};
use crate::byte_order::ByteOrder;
use crate::field::*;
use crate::layout::*;
use crate::marks::EntryMarks;
use crate::version::{Era, v};

pub(super) static SPARC64: Architecture = Architecture {
    name: "sparc64",
    aliases: &["sparc"],
    byte_order: ByteOrder::Big,
    entry_byte_order: ByteOrder::Big,
    elf_machine: 43, // EM_SPARCV9
    default_pfn: DEFAULT_PFN,
    layouts: LayoutsByMmu::One(Layouts { usual: LAYOUTS, others: &[] }),
    swap_types: &[],
    absences: &[],
};

const SIZE_4M: u64 = 3;
const PRESENT: u64 = 1 << 4;
const W: u64 = 1 << 6;
const CV: u64 = 1 << 9;
const CP: u64 = 1 << 10;
const HUGE: u64 = 1 << 56;
const WRITE: u64 = 1 << 58;
const READ: u64 = 1 << 59;
const ACCESSED: u64 = 1 << 60;
const MODIFIED: u64 = 1 << 61;
const VALID: u64 = 1 << 63;

const PAGE_SHIFT: u8 = 13;
const PMD_SHIFT: u8 = 23;
const ADDRESS: Bits = bits(13, 55);

const FIELDS: &[Field] = &[
    hw(bits(0, 2), "SIZE", "size of the translation; 3 is 4 MB", LEAF),
    sw(bit(4), "PRESENT", "present (of PTEs; a PMD is present unless it is 0)", LEAF),
    hw(bit(6), "W", "writable, and dirty", LEAF),
    hw(bit(7), "EXEC", "executable", LEAF),
    hw(bit(8), "P", "the kernel alone has access", LEAF),
    hw(bit(9), "CV", "cached in virtually indexed caches; memory corruption detection from the M7 on", LEAF),
    hw(bit(10), "CP", "cached in physically indexed caches", LEAF),
    hw(bit(11), "E", "accesses have side effects", LEAF),
    hw(bit(12), "IE", "invert endianness", LEAF),
    hw(bits(13, 55), "ADDRESS", "physical address of the huge page", LEAF),
    sw(bits(13, 55), "ADDRESS", "physical address of the page table", TABLE),
    sw(bit(56), "PMD_HUGE", "a huge page, not a table", ANY),
    sw(bit(57), "SPECIAL", "no struct page to take", LEAF),
    sw(bit(58), "WRITE", "writable", LEAF),
    sw(bit(59), "READ", "readable", LEAF),
    sw(bit(60), "ACCESSED", "accessed", LEAF),
    sw(bit(61), "MODIFIED", "dirty", LEAF),
    hw(bit(62), "NFO", "for loads that must not fault only", LEAF),
    hw(bit(63), "VALID", "the MMU uses the entry; an old page has it clear", LEAF),
];

fn present(entry: u64) -> bool {
    entry != 0
}

fn is_huge(entry: u64) -> bool {
    entry & HUGE != 0
}

fn write(entry: u64) -> bool {
    entry & WRITE != 0
}

fn leaf(leaf: Leaf) -> u64 {
    leaf.pfn << PAGE_SHIFT
        | SIZE_4M
        | HUGE
        | PRESENT
        | CP
        | CV
        | READ
        | when(leaf.young, ACCESSED | VALID)
        | when(leaf.write, WRITE)
        | when(leaf.dirty, MODIFIED)
        | when(leaf.write && leaf.dirty, W)
}

const LAYOUT: Layout = Layout {
    page_shift: PAGE_SHIFT,
    pmd_shift: PMD_SHIFT,
    physical_bits: 53,
    fields: &[FIELDS],
    swap: None,
    predicates: Predicates {
        none: |entry| entry == 0,
        present,
        leaf: is_huge,
        trans_huge: is_huge,
        bad: |entry| entry & bits(0, 12).mask() != 0,
        protnone: never,
        write,
        devmap: never,
        special: never,
        access_permitted: |entry, for_write| present(entry) && (!for_write || write(entry)),
        pfn: |entry| ADDRESS.of(entry),
    },
    hardware_valid: |entry| entry & VALID != 0,
    marks: |entry| EntryMarks {
        young: entry & ACCESSED != 0,
        dirty: entry & MODIFIED != 0,
        ..EntryMarks::default()
    },
    pte_marks: None,
    none: 0,
    table: |table| table,
    leaf: |asked| (!asked.soft_dirty && !asked.devmap && !asked.protnone).then(|| leaf(asked)),
    invalidated: |entry| entry & !VALID,
};

static LAYOUTS: &[Era<Layout>] = &[Era {
    from: v(5, 10),
    to: v(7, 2),
    source: "as read in 5.10.262, 6.1.176, 6.12.107 and 7.2.12",
    value: LAYOUT,
}];
