//! Swap and migration entries: how an architecture lays out type and offset.

use crate::field::{Bits, By, Field, Form};

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
