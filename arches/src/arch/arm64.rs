//! arm64: usually 4K pages and physical addresses of 48 bits, also pages of 16K and 64K and physical addresses of
//! 52 bits (`CONFIG_ARM64_PA_BITS_52`). Protection keys deny nothing.
//!
//! Facts from arch/arm64/include/asm/{pgtable,pgtable-prot,pgtable-hwdef,pgalloc,sparsemem}.h of
//! Linux 5.10.262, 6.1.176, 6.12.107 and 7.2.12; those of the other sizes from 5.10.218, 6.1.192, 6.12.117 and 7.2.13,
//! with arch/arm64/Kconfig and arch/arm64/mm/mmap.c of 7.2.13.
//!
//! Pages of 64K have 52 bits since Linux kernel commit 75387b92635e ("arm64: handle 52-bit physical addresses in page
//! table entries"), which is older than 5.10. Pages of 4K and 16K have them with LPA2, where the bits of SH belong to
//! the address, since 9684ec186f8f ("arm64: Enable LPA2 at boot if supported by the system") and its series, which
//! `ERAS_FROM_6_10` dates.
//!
//! A kernel that is built for LPA2 looks at TCR_EL1.DS (`lpa2_is_enabled()`). On a machine without LPA2 its entries
//! are those of 48 bits. It then also takes `MAX_PHYSMEM_BITS` to be 48, since bf74bb73cd87 ("arm64/mm: Reduce PA
//! space to 48 bits when LPA2 is not enabled"), which stable kernels have too. Before that commit it takes 52, and
//! keeps young and dirty of migration entries four bits higher than the layout here says.
//!
//! `pmd_trans_huge()` is worded in three ways over these versions (6.12.107 has the `pmd_table()` form of v6.15 as
//! a backport). They agree on every value, so one function covers all three.

use crate::architecture::{Architecture, DEFAULT_PFN, Layouts, LayoutsByMmu};
use crate::byte_order::ByteOrder;
use crate::field::*;
use crate::layout::*;
use crate::marks::EntryMarks;
use crate::numbering::MARKERS_FROM_6_2;
use crate::swap::SwapFormat;
use crate::version::{Era, v};

pub(super) static ARM64: Architecture = Architecture {
    name: "arm64",
    aliases: &["aarch64"],
    byte_order: ByteOrder::Little,
    entry_byte_order: ByteOrder::Little,
    elf_machine: 183, // EM_AARCH64
    default_pfn: DEFAULT_PFN,
    layouts: LayoutsByMmu::One(Layouts {
        usual: LAYOUTS,
        others: &[
            &Sizes::<14, 48>::ERAS,
            &Sizes::<16, 48>::ERAS,
            &Sizes::<12, 52>::ERAS_FROM_6_10,
            &Sizes::<14, 52>::ERAS_FROM_6_10,
            &Sizes::<16, 52>::ERAS,
        ],
    }),
    swap_types: MARKERS_FROM_6_2,
    absences: &[],
};

const VALID: u64 = 1 << 0;
const TABLE_BIT: u64 = 1 << 1;
const TYPE: u64 = VALID | TABLE_BIT;
const USER: u64 = 1 << 6;
const RDONLY: u64 = 1 << 7;
const SHARED: u64 = 3 << 8;
const AF: u64 = 1 << 10;
const NG: u64 = 1 << 11;
/// Dirty bit management (DBM) of the hardware; the kernel reads the bit as "writable".
const WRITE: u64 = 1 << 51;
const PXN: u64 = 1 << 53;
const UXN: u64 = 1 << 54;
const DIRTY: u64 = 1 << 55;
const SPECIAL: u64 = 1 << 56;
const UFFD_WP: u64 = 1 << 58;
const DEVMAP: u64 = 1 << 57;
const TABLE_PXN: u64 = 1 << 59;

/// Up to 6.9 two bits mark an entry as present that the MMU does not use.
mod two_marks {
    pub const PROT_NONE: u64 = 1 << 58;
    pub const PRESENT_INVALID: u64 = 1 << 59;
}
/// From 6.10 one bit does so, in the place of nG.
const PRESENT_INVALID: u64 = NG;

const COMMON: &[Field] = &[
    hw(bit(0), "VALID", "the MMU uses the entry", ANY),
    hw(bit(1), "TABLE", "a table, if valid; 0 is a block", ANY),
    hw(bits(2, 4), "AttrIndx", "memory type, an index into MAIR; 0 is normal memory", LEAF),
    hw(bit(5), "NS", "non-secure", LEAF),
    hw(bit(6), "USER", "AP[1]: user space has access", LEAF),
    hw(bit(7), "RDONLY", "AP[2]: read-only; a writable page has it while clean", LEAF),
    hw(bit(10), "AF", "accessed", LEAF),
    hw(bit(50), "GP", "guarded page (BTI)", LEAF),
    hw(bit(51), "WRITE", "writable: hardware dirty bit management (DBM)", LEAF),
    hw(bit(52), "CONT", "one of a contiguous range", LEAF),
    hw(bit(53), "PXN", "the kernel must not execute it", LEAF),
    hw(bit(54), "UXN", "user space must not execute it", LEAF),
    sw(bit(55), "DIRTY", "dirty, kept by software", LEAF),
    sw(bit(56), "SPECIAL", "no struct page to take", LEAF),
    hw(bit(59), "PXNTable", "the kernel must not execute anything below", TABLE),
    hw(bit(60), "UXNTable", "user space must not execute anything below", TABLE),
];

const SH: &[Field] = &[hw(bits(8, 9), "SH", "shareability; 3 is inner shareable", LEAF)];

const DEVMAP_FIELD: &[Field] = &[sw(bit(57), "DEVMAP", "device memory with struct pages", LEAF)];

const UP_TO_6_9: &[Field] = &[
    hw(bit(11), "NG", "not global: the translation belongs to one ASID", LEAF),
    sw(bit(58), "PROT_NONE", "present, kept from access, if not valid", INVALID),
    sw(bit(59), "PRESENT_INVALID", "present, invalidated, if not valid", INVALID),
];

const FROM_6_10: &[Field] = &[
    hw(bit(11), "NG", "not global: the translation belongs to one ASID", VALID_LEAF),
    sw(bit(11), "PRESENT_INVALID", "present, though not valid (NG in a valid entry)", INVALID),
    sw(bit(58), "UFFD_WP", "write-protected for userfaultfd", LEAF),
    sw(bit(3), "SWP_UFFD_WP", "write-protected for userfaultfd", SWAP),
];

const PKEY: &[Field] = &[hw(bits(60, 62), "POIndex", "protection key", LEAF)];

const TABLE_AF: &[Field] = &[hw(bit(10), "AF", "table accessed (FEAT_HAFT)", TABLE)];

const SWP_EXCLUSIVE: &[Field] =
    &[sw(bit(2), "SWP_EXCLUSIVE", "belongs to this process alone; of swap PTEs only", SWAP)];

const SWAP_5_10: SwapFormat = SwapFormat {
    kind: bits(2, 7),
    offset: bits(8, 57),
    offset_inverted: false,
    fixed: 0,
    soft_dirty: None,
    uffd_wp: None,
    same_in_ptes: true,
};
const SWAP_6_1: SwapFormat = SwapFormat { kind: bits(3, 7), ..SWAP_5_10 };
const SWAP_6_10: SwapFormat =
    SwapFormat { kind: bits(6, 10), offset: bits(12, 61), uffd_wp: Some(3), ..SWAP_5_10 };

const SWAP_FIELDS_5_10: &[Field] = &[SWAP_5_10.kind_field(), SWAP_5_10.offset_field()];
const SWAP_FIELDS_6_1: &[Field] = &[SWAP_6_1.kind_field(), SWAP_6_1.offset_field()];
const SWAP_FIELDS_6_10: &[Field] = &[SWAP_6_10.kind_field(), SWAP_6_10.offset_field()];

fn none(entry: u64) -> bool {
    entry == 0
}

fn present_two_marks(entry: u64) -> bool {
    entry & (VALID | two_marks::PROT_NONE | two_marks::PRESENT_INVALID) != 0
}

fn present_invalid(entry: u64) -> bool {
    entry & (VALID | PRESENT_INVALID) == PRESENT_INVALID
}

fn present(entry: u64) -> bool {
    entry & VALID != 0 || present_invalid(entry)
}

fn is_table(entry: u64) -> bool {
    entry & TYPE == TYPE
}

fn bad(entry: u64) -> bool {
    !is_table(entry)
}

fn protnone_two_marks(entry: u64) -> bool {
    entry & (VALID | two_marks::PROT_NONE) == two_marks::PROT_NONE
}

fn protnone(entry: u64) -> bool {
    present_invalid(entry) && entry & USER == 0 && entry & UXN != 0
}

fn write(entry: u64) -> bool {
    entry & WRITE != 0
}

fn devmap(entry: u64) -> bool {
    entry & DEVMAP != 0
}

fn special(entry: u64) -> bool {
    entry & SPECIAL != 0
}

fn access_permitted(entry: u64, for_write: bool) -> bool {
    entry & (VALID | USER) == VALID | USER && (!for_write || write(entry))
}

/// A writable page is dirty once the hardware has cleared RDONLY.
fn marks(entry: u64) -> EntryMarks {
    EntryMarks {
        young: entry & AF != 0,
        dirty: entry & DIRTY != 0 || entry & (WRITE | RDONLY) == WRITE,
        ..EntryMarks::default()
    }
}

/// Where an entry holds a physical address.
#[derive(Clone, Copy)]
struct Address {
    /// These bits of the address, in their own place.
    low: Bits,
    /// The highest bits of an address of 52 bits.
    high: Option<Bits>,
}

impl Address {
    /// Places a physical address into an entry (`__phys_to_pte_val()`).
    const fn place(self, physical: u64) -> u64 {
        match self.high {
            None => physical,
            Some(high) => physical & self.low.mask() | high.place(physical >> (52 - high.width())),
        }
    }

    /// Returns the physical address in an entry (`__pte_to_phys()`).
    const fn of(self, entry: u64) -> u64 {
        let low = entry & self.low.mask();
        match self.high {
            None => low,
            Some(high) => low | high.of(entry) << (52 - high.width()),
        }
    }
}

/// The layouts of a kernel that is built for pages and physical addresses of these sizes.
struct Sizes<const PAGE_SHIFT: u8, const PHYSICAL_BITS: u8>;

impl<const PAGE_SHIFT: u8, const PHYSICAL_BITS: u8> Sizes<PAGE_SHIFT, PHYSICAL_BITS> {
    /// A page table is a page of entries of 8 bytes.
    const PMD_SHIFT: u8 = PAGE_SHIFT + (PAGE_SHIFT - 3);

    /// Whether the entries are those of LPA2, which have no SH.
    const LPA2: bool = PHYSICAL_BITS == 52 && PAGE_SHIFT < 16;

    /// The highest bits of an address of 52 bits.
    const HIGH: Bits = if Self::LPA2 { bits(8, 9) } else { bits(12, 15) };

    const PLACE_UP_TO_6_9: Address = Self::address(47);
    /// With pages of 64K and 52 bits the kernel places bits 48 and 49 of an address twice: in their own place and in
    /// [`HIGH`](Self::HIGH).
    const PLACE_FROM_6_10: Address = Self::address(49);

    /// Returns where the address is whose low bits end at `highest`.
    const fn address(highest: u8) -> Address {
        let high = if PHYSICAL_BITS == 52 { Some(Self::HIGH) } else { None };
        Address { low: bits(PAGE_SHIFT, highest), high }
    }

    const SH: &[Field] = if Self::LPA2 { &[] } else { SH };

    const HIGH_FIELDS: &[Field] = if PHYSICAL_BITS == 52 { &Self::HIGH_FIELD } else { &[] };
    const HIGH_FIELD: [Field; 1] = [hw(
        Self::HIGH,
        "ADDRESS_HIGH",
        if Self::LPA2 { "bits 50 and 51 of the address" } else { "bits 48 to 51 of the address" },
        LEAF_OR_TABLE,
    )];

    const ADDRESS_UP_TO_6_9: &[Field] = &Self::address_fields(47, 47);
    // The address of a table grows beyond bit 47 only where physical addresses have more than 48 bits.
    const ADDRESS_FROM_6_10: &[Field] = &Self::address_fields(49, if PHYSICAL_BITS == 52 { 49 } else { 47 });

    /// Returns the fields of an address whose low bits end at these bits, in a leaf and in a table.
    const fn address_fields(in_leaf: u8, in_table: u8) -> [Field; 2] {
        [
            hw(bits(Self::PMD_SHIFT, in_leaf), "ADDRESS", "physical address of the huge page", LEAF),
            hw(bits(PAGE_SHIFT, in_table), "ADDRESS", "physical address of the page table", TABLE),
        ]
    }

    fn leaf(leaf: Leaf, address: Address, protnone: u64) -> u64 {
        address.place(leaf.pfn << PAGE_SHIFT)
            | when(!Self::LPA2, SHARED)
            | NG
            | PXN
            | UXN
            | when(leaf.protnone, protnone)
            | when(!leaf.protnone, VALID | USER)
            | when(leaf.write, WRITE)
            | when(leaf.young, AF)
            | when(leaf.dirty, DIRTY)
            | when(!(leaf.write && leaf.dirty), RDONLY)
            | when(leaf.devmap, DEVMAP)
    }

    fn leaf_from_6_10(leaf: Leaf) -> u64 {
        Self::leaf(leaf, Self::PLACE_FROM_6_10, PRESENT_INVALID)
    }

    /// `pmd_pfn()`, of an entry that holds this address.
    const fn pfn(physical: u64) -> u64 {
        physical >> Self::PMD_SHIFT << Self::PMD_SHIFT >> PAGE_SHIFT
    }

    const L_5_10: Layout = Layout {
        page_shift: PAGE_SHIFT,
        pmd_shift: Self::PMD_SHIFT,
        physical_bits: PHYSICAL_BITS,
        fields: &[
            COMMON,
            Self::SH,
            Self::ADDRESS_UP_TO_6_9,
            Self::HIGH_FIELDS,
            DEVMAP_FIELD,
            UP_TO_6_9,
            SWAP_FIELDS_5_10,
        ],
        swap: Some(SWAP_5_10),
        predicates: Predicates {
            none,
            present: present_two_marks,
            leaf: |entry| present_two_marks(entry) && !is_table(entry),
            trans_huge: |entry| present_two_marks(entry) && entry & TABLE_BIT == 0,
            bad,
            protnone: protnone_two_marks,
            write,
            devmap,
            special: never,
            access_permitted,
            pfn: |entry| Self::pfn(Self::PLACE_UP_TO_6_9.of(entry)),
        },
        hardware_valid: |entry| entry & VALID != 0,
        marks,
        pte_marks: None,
        none: 0,
        table: |table| Self::PLACE_UP_TO_6_9.place(table) | TYPE,
        leaf: |asked| {
            (!asked.soft_dirty).then(|| Self::leaf(asked, Self::PLACE_UP_TO_6_9, two_marks::PROT_NONE))
        },
        invalidated: |entry| entry & !VALID | two_marks::PRESENT_INVALID,
    };

    const L_6_1: Layout = Layout {
        fields: &[
            COMMON,
            Self::SH,
            Self::ADDRESS_UP_TO_6_9,
            Self::HIGH_FIELDS,
            DEVMAP_FIELD,
            UP_TO_6_9,
            SWP_EXCLUSIVE,
            SWAP_FIELDS_6_1,
        ],
        swap: Some(SWAP_6_1),
        table: |table| Self::PLACE_UP_TO_6_9.place(table) | TYPE | TABLE_PXN,
        ..Self::L_5_10
    };

    const L_6_10: Layout = Layout {
        fields: &[
            COMMON,
            Self::SH,
            Self::ADDRESS_FROM_6_10,
            Self::HIGH_FIELDS,
            DEVMAP_FIELD,
            FROM_6_10,
            SWP_EXCLUSIVE,
            SWAP_FIELDS_6_10,
        ],
        swap: Some(SWAP_6_10),
        predicates: Predicates {
            present,
            leaf: |entry| present(entry) && !is_table(entry),
            trans_huge: |entry| present(entry) && entry & TABLE_BIT == 0,
            protnone,
            pfn: |entry| Self::pfn(Self::PLACE_FROM_6_10.of(entry)),
            ..Self::L_6_1.predicates
        },
        marks: |entry| EntryMarks { uffd_wp: entry & UFFD_WP != 0, ..marks(entry) },
        table: |table| Self::PLACE_FROM_6_10.place(table) | TYPE | TABLE_PXN,
        leaf: |asked| (!asked.soft_dirty).then(|| Self::leaf_from_6_10(asked)),
        invalidated: |entry| entry & !VALID | PRESENT_INVALID,
        ..Self::L_6_1
    };

    const L_6_12: Layout = Layout {
        fields: &[
            COMMON,
            Self::SH,
            Self::ADDRESS_FROM_6_10,
            Self::HIGH_FIELDS,
            DEVMAP_FIELD,
            FROM_6_10,
            PKEY,
            SWP_EXCLUSIVE,
            SWAP_FIELDS_6_10,
        ],
        predicates: Predicates { special, ..Self::L_6_10.predicates },
        ..Self::L_6_10
    };

    const L_6_13: Layout = Layout {
        fields: &[
            COMMON,
            Self::SH,
            Self::ADDRESS_FROM_6_10,
            Self::HIGH_FIELDS,
            TABLE_AF,
            DEVMAP_FIELD,
            FROM_6_10,
            PKEY,
            SWP_EXCLUSIVE,
            SWAP_FIELDS_6_10,
        ],
        table: |table| Self::PLACE_FROM_6_10.place(table) | TYPE | AF | TABLE_PXN,
        ..Self::L_6_12
    };

    const L_6_17: Layout = Layout {
        fields: &[
            COMMON,
            Self::SH,
            Self::ADDRESS_FROM_6_10,
            Self::HIGH_FIELDS,
            TABLE_AF,
            FROM_6_10,
            PKEY,
            SWP_EXCLUSIVE,
            SWAP_FIELDS_6_10,
        ],
        predicates: Predicates { devmap: never, ..Self::L_6_12.predicates },
        leaf: |asked| (!asked.soft_dirty && !asked.devmap).then(|| Self::leaf_from_6_10(asked)),
        ..Self::L_6_13
    };

    const ERAS_FROM_6_10: [Era<Layout>; 4] = [
        Era {
            from: v(6, 10),
            to: v(6, 11),
            source: "present-invalid in the place of nG, no PROT_NONE, userfaultfd write protection: Linux kernel \
                     commits 55564814a838 (\"arm64/mm: Move PTE_PRESENT_INVALID to overlay PTE_NG\"), f0f5863a0fb0 \
                     (\"arm64/mm: Remove PTE_PROT_NONE bit\"), 5b32510af77b (\"arm64/mm: Add uffd write-protect \
                     support\") (in v6.10); address to bit 49: 9684ec186f8f (\"arm64: Enable LPA2 at boot if \
                     supported by the system\"), which a fix of 2024-06-21 names, and its series; as read in 6.12.107",
            value: Self::L_6_10,
        },
        Era {
            from: v(6, 12),
            to: v(6, 12),
            source: "protection keys, pmd_special(): Linux kernel commit 3e509c9b03f9 (\"mm/arm64: support large pfn \
                     mappings\") (in v6.12, by its date 2024-09-17); as read in 6.12.107",
            value: Self::L_6_12,
        },
        Era {
            from: v(6, 13),
            to: v(6, 16),
            source: "tables have an access flag: Linux kernel commit efe72541355d (\"arm64: Add support for \
                     FEAT_HAFT\") (in v6.13); as read in 7.2.12",
            value: Self::L_6_13,
        },
        Era {
            from: v(6, 17),
            to: v(7, 2),
            source: "no DEVMAP: Linux kernel commit d438d2734170 (\"mm: remove devmap related functions and page table \
                     bits\") (in v6.17); as read in 7.2.12",
            value: Self::L_6_17,
        },
    ];

    const ERAS: [Era<Layout>; 6] = {
        let [from_6_10, from_6_12, from_6_13, from_6_17] = Self::ERAS_FROM_6_10;
        [
            Era { from: v(5, 10), to: v(5, 10), source: "as read in 5.10.262", value: Self::L_5_10 },
            Era {
                from: v(6, 1),
                to: v(6, 8),
                source: "swap PTEs have an exclusive bit: as read in 6.1.176. The address had not grown to bit 49 in \
                         v6.8: the series with (\"arm64: mm: Add LPA2 support to phys<->pte conversion routines\") was \
                         posted once more on 2024-02-14",
                value: Self::L_6_1,
            },
            from_6_10,
            from_6_12,
            from_6_13,
            from_6_17,
        ]
    };
}

static LAYOUTS: &[Era<Layout>] = &Sizes::<12, 48>::ERAS;
