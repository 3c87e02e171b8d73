//! What was learned of a pattern: the bits that matter, the answer of each of their combinations, and the
//! exceptions.

use pmdscope_arches::{Pattern, bits_of};

/// A pattern, and the answers of its entries.
pub(super) struct Region {
    /// The pattern.
    pub(super) cube: Pattern,
    /// The bits that the answer depends on, outside of the exceptions.
    pub(super) matters: u64,
    /// The answer of each combination of these bits, in ascending order of combinations.
    pub(super) table: Vec<u32>,
    /// The regions with other answers. An entry in several belongs to the first.
    pub(super) exceptions: Vec<Region>,
}

impl Region {
    /// Returns the learned answer of an entry of this pattern.
    pub(super) fn answer(&self, entry: u64) -> u32 {
        match self.exceptions.iter().find(|exception| exception.cube.contains(entry)) {
            Some(exception) => exception.answer(entry),
            None => self.table[combination(self.matters, entry)],
        }
    }

    /// Whether an entry lies in one of the exceptions.
    pub(super) fn is_exception(&self, entry: u64) -> bool {
        self.exceptions.iter().any(|exception| exception.cube.contains(entry))
    }

    /// Returns the bits that matter here and in the exceptions, and those that distinguish the exceptions from the
    /// rest.
    pub(super) fn told_by(&self) -> u64 {
        let exceptions = self.exceptions.iter();
        exceptions.fold(self.matters, |bits, one| bits | one.told_by() | self.cube.free & !one.cube.free)
    }

    /// Returns the number of regions in it, itself included.
    pub(super) fn regions(&self) -> usize {
        1 + self.exceptions.iter().map(Region::regions).sum::<usize>()
    }
}

/// Returns the number of the combination of `bits` that an entry has.
pub(super) fn combination(bits: u64, entry: u64) -> usize {
    bits_of(bits).enumerate().fold(0, |number, (n, bit)| number | usize::from(entry & bit != 0) << n)
}

/// Returns the bits of a combination, in their places.
pub(super) fn bits_of_combination(bits: u64, number: usize) -> u64 {
    bits_of(bits).enumerate().fold(0, |placed, (n, bit)| placed | if number >> n & 1 == 1 { bit } else { 0 })
}
