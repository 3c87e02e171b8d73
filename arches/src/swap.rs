//! Swap and migration entries: how an architecture lays out type and offset.

use crate::field::{Bits, By, Field, Form};

/// The generic layer keeps a type and an offset in one word: 6 bits of type above 58 of offset
/// (include/linux/swapops.h: `SWP_TYPE_SHIFT`). Higher bits of an architecture's type are lost.
const GENERIC: (Bits, Bits) = (Bits::new(58, 63), Bits::new(0, 57));

/// The bits in which a swap PMD keeps its parts (`__swp_entry_to_pmd()` and its inverse).
///
/// Swap PTEs mark an exclusive page with a bit (`PTE_SWP_EXCLUSIVE` and the like). A migration PMD has its type
/// for that instead. Where an architecture has the bit, it is a named field.
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
    /// Whether a swap PTE has type and offset at the same places (`__swp_entry_to_pte()`). It has the markers at the
    /// same places in any case.
    pub same_in_ptes: bool,
}

impl SwapFormat {
    /// Returns the largest swap type that the format can hold and the generic layer keeps.
    pub fn largest_kind(&self) -> u64 {
        self.kind.max().min(GENERIC.0.max())
    }

    /// Builds the entry of a swap type and offset; `None` if either does not fit.
    pub fn entry(&self, kind: u64, offset: u64) -> Option<u64> {
        if kind > self.largest_kind() || offset > self.offset.max() {
            return None;
        }
        let stored = if self.offset_inverted { !offset } else { offset };
        Some(self.fixed | self.kind.place(kind) | self.offset.place(stored))
    }

    /// Returns the swap type of an entry, without the bits that the generic layer loses.
    pub fn kind_of(&self, entry: u64) -> u64 {
        self.kind.of(entry) & GENERIC.0.max()
    }

    /// Returns the offset of an entry.
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
