//! Swap and migration entries: how an architecture lays out type and offset, and which types the
//! generic layer gives to migration.

use crate::arch::Arch;
use crate::field::{Bits, By, Field, Form};
use crate::version::{Era, Version, v};

/// The generic layer keeps a type and an offset in one word: 6 bits of type above 58 of offset
/// (include/linux/swapops.h: `SWP_TYPE_SHIFT`). Higher bits of an architecture's type are lost.
const GENERIC: (Bits, Bits) = (Bits::new(58, 63), Bits::new(0, 57));

/// Where a swap PMD keeps what it holds (`__swp_entry_to_pmd()` and its inverse).
///
/// The mark of an exclusive page that swap PTEs have (`PTE_SWP_EXCLUSIVE` and the like) is a bit of
/// PTEs only: a migration PMD says it by its type. Where it has a bit, the bit is a named field.
#[derive(Debug, Clone, Copy)]
pub struct SwapFormat {
    /// The swap type.
    pub kind: Bits,
    /// The offset: for a migration entry the page frame number and, from 6.1, young and dirty.
    pub offset: Bits,
    /// Whether the offset is stored inverted.
    pub offset_inverted: bool,
    /// Bits that are always set.
    pub fixed: u64,
    /// The soft-dirty marker.
    pub soft_dirty: Option<u8>,
    /// The userfaultfd write-protect marker.
    pub uffd_wp: Option<u8>,
}

impl SwapFormat {
    /// The largest swap type that it can hold and the generic layer keeps.
    pub fn largest_kind(&self) -> u64 {
        self.kind.max().min(GENERIC.0.max())
    }

    /// The entry of a swap type and offset; `None` if either does not fit.
    pub fn entry(&self, kind: u64, offset: u64) -> Option<u64> {
        if kind > self.largest_kind() || offset > self.offset.max() {
            return None;
        }
        let stored = if self.offset_inverted { !offset } else { offset };
        Some(self.fixed | self.kind.place(kind) | self.offset.place(stored))
    }

    /// The swap type of an entry, as the generic layer has it.
    pub fn kind_of(&self, entry: u64) -> u64 {
        self.kind.of(entry) & GENERIC.0.max()
    }

    /// The offset of an entry.
    pub fn offset_of(&self, entry: u64) -> u64 {
        self.offset.of(if self.offset_inverted { !entry } else { entry }) & GENERIC.1.max()
    }

    /// The swap type as a named field.
    pub const fn kind_field(&self) -> Field {
        Field {
            bits: self.kind,
            name: "SWP_TYPE",
            meaning: "swap type: which swap file, or what kind of migration",
            by: By::Software,
            forms: &[Form::Swap],
        }
    }

    /// The offset as a named field.
    pub const fn offset_field(&self) -> Field {
        Field {
            bits: self.offset,
            name: "SWP_OFFSET",
            meaning: if self.offset_inverted {
                "offset, stored inverted; in a migration entry the PFN, with dirty and young above it"
            } else {
                "offset; in a migration entry the PFN, with dirty and young above it"
            },
            by: By::Software,
            forms: &[Form::Swap],
        }
    }
}

/// The swap types that mean migration, and whether the offset also holds young and dirty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MigrationTypes {
    /// `SWP_MIGRATION_READ`.
    pub read: u64,
    /// `SWP_MIGRATION_READ_EXCLUSIVE`.
    pub read_exclusive: Option<u64>,
    /// `SWP_MIGRATION_WRITE`.
    pub write: u64,
    /// Whether young and dirty are kept in the offset above the page frame number.
    pub young_dirty: bool,
}

impl MigrationTypes {
    /// Whether a swap type means migration.
    pub fn contains(&self, kind: u64) -> bool {
        kind == self.read || kind == self.write || self.read_exclusive == Some(kind)
    }
}

const TYPES_5_10: Era<MigrationTypes> = Era {
    from: v(5, 10),
    to: v(5, 10),
    source: "include/linux/swap.h of 5.10.262",
    value: MigrationTypes { read: 28, read_exclusive: None, write: 29, young_dirty: false },
};
const TYPES_6_1: Era<MigrationTypes> = Era {
    from: v(6, 1),
    to: v(6, 1),
    source: "include/linux/swap.h and swapops.h of 6.1.176",
    value: MigrationTypes { read: 23, read_exclusive: Some(24), write: 25, young_dirty: true },
};
const TYPES_6_2: Era<MigrationTypes> = Era {
    from: v(6, 2),
    to: v(6, 14),
    source: "include/linux/swap.h of 6.12.107; Linux kernel commits (\"mm: always compile in pte markers\"), (\"mm: use \
             pte markers for swap errors\") (in v6.2, by their date 2022-11-30)",
    value: MigrationTypes { read: 24, read_exclusive: Some(25), write: 26, young_dirty: true },
};
const TYPES_6_15: Era<MigrationTypes> = Era {
    from: v(6, 15),
    to: v(7, 2),
    source: "include/linux/swap.h of 7.2.12; Linux kernel commit (\"mm: use single SWP_DEVICE_EXCLUSIVE entry type\") \
             (in v6.15, by its date 2025-03-16)",
    value: MigrationTypes { read: 25, read_exclusive: Some(26), write: 27, young_dirty: true },
};

/// What an encoding has whose huge pages cannot be migrated: types that no entry can hold.
pub(crate) static NO_MIGRATION: Era<MigrationTypes> = Era {
    from: Version::OLDEST,
    to: Version::NEWEST,
    source: "no type: huge pages cannot be migrated",
    value: MigrationTypes { read: u64::MAX, read_exclusive: None, write: u64::MAX, young_dirty: false },
};

static WITH_ALL: &[Era<MigrationTypes>] = &[TYPES_5_10, TYPES_6_1, TYPES_6_2, TYPES_6_15];

/// 6.1 has PTE markers only with userfaultfd write protection, so on x86_64 only.
static MARKERS_FROM_6_2: &[Era<MigrationTypes>] = &[
    TYPES_5_10,
    Era {
        source: "include/linux/swap.h of 6.1.176, without PTE_MARKER (mm/Kconfig)",
        value: TYPES_6_2.value,
        ..TYPES_6_1
    },
    TYPES_6_2,
    TYPES_6_15,
];

/// Without ZONE_DEVICE there is no device-private memory either, and no swap type for it.
const TYPES_WITHOUT_DEVICES: Era<MigrationTypes> = Era {
    to: v(6, 2),
    source: "include/linux/swap.h of 6.1.176, without PTE_MARKER and DEVICE_PRIVATE (mm/Kconfig); 6.2 has one type \
             for markers in place of that for swap errors",
    value: MigrationTypes { read: 28, read_exclusive: Some(29), write: 30, young_dirty: true },
    ..TYPES_6_1
};

static LOONGARCH: &[Era<MigrationTypes>] =
    &[TYPES_WITHOUT_DEVICES, Era { from: v(6, 12), ..TYPES_6_2 }, TYPES_6_15];

static RISCV: &[Era<MigrationTypes>] = &[
    Era {
        to: v(6, 6),
        source: "include/linux/swap.h and mm/Kconfig of 6.1.176 and of a tree of 6.6.36, without DEVICE_PRIVATE",
        ..TYPES_WITHOUT_DEVICES
    },
    Era { from: v(6, 12), ..TYPES_6_2 },
    TYPES_6_15,
];

/// The migration types of an architecture by version.
///
/// They follow from how many of the 32 types include/linux/swap.h takes for other ends, so from the
/// configuration. These are with DEVICE_PRIVATE and PTE_MARKER where the architecture can have them
/// (MEMORY_FAILURE makes no difference); a kernel without has its types higher up.
pub fn migration_types(arch: Arch) -> &'static [Era<MigrationTypes>] {
    match arch {
        Arch::X86_64 => WITH_ALL,
        // Migration of huge pages came in 6.17.
        Arch::S390x => &[TYPES_6_15],
        Arch::Sparc64 => &[],
        Arch::Arm64 | Arch::Ppc64 | Arch::Ppc64le => MARKERS_FROM_6_2,
        Arch::Riscv64 => RISCV,
        Arch::LoongArch64 => LOONGARCH,
    }
}
