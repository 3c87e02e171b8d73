//! The kinds of MMU, where one architecture has several.

use std::fmt;
use std::str::FromStr;

use crate::nearest::UnknownName;

/// A kind of MMU, where one architecture has several encodings at the same version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Mmu {
    /// Radix trees, POWER9 and later.
    Radix,
    /// The hashed page table.
    Hash,
}

impl Mmu {
    /// Every kind.
    pub const ALL: [Mmu; 2] = [Mmu::Radix, Mmu::Hash];

    /// The name used in commands and reports.
    pub const fn name(self) -> &'static str {
        match self {
            Mmu::Radix => "radix",
            Mmu::Hash => "hash",
        }
    }
}

impl fmt::Display for Mmu {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Mmu {
    type Err = UnknownName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Mmu::ALL
            .into_iter()
            .find(|mmu| mmu.name().eq_ignore_ascii_case(text))
            .ok_or_else(|| UnknownName::new("MMU", text, Mmu::ALL.iter().map(|mmu| mmu.name())))
    }
}
