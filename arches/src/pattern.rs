//! Sets of entries by their bits.

/// Entries by their bits: those of `free` are anything, all others are as in `value`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pattern {
    /// The bits that are fixed, as they are; 0 where a bit is free.
    pub value: u64,
    /// The bits that are free.
    pub free: u64,
}

impl Pattern {
    /// Every entry.
    pub const ANY: Pattern = Pattern { value: 0, free: u64::MAX };

    /// The entries that have the bits outside of `free` as `value` has them.
    pub const fn new(value: u64, free: u64) -> Self {
        Pattern { value: value & !free, free }
    }

    /// How many entries.
    pub const fn entries(self) -> u128 {
        1 << self.free.count_ones()
    }

    /// Whether an entry is one of these.
    pub const fn contains(self, entry: u64) -> bool {
        entry & !self.free == self.value
    }

    /// Whether all entries of another are among these.
    pub const fn covers(self, other: Pattern) -> bool {
        other.free & !self.free == 0 && self.contains(other.value)
    }

    /// The entries that are in both; `None` if there are none.
    pub const fn and(self, other: Pattern) -> Option<Pattern> {
        if (self.value ^ other.value) & !self.free & !other.free != 0 {
            return None;
        }
        Some(Pattern { value: self.value | other.value, free: self.free & other.free })
    }

    /// The entries that are not in another, in patterns none of which has an entry of the next: at most one for each
    /// bit that the other has fixed.
    pub fn without(self, other: Pattern) -> Vec<Pattern> {
        if self.and(other).is_none() {
            return vec![self];
        }
        let mut rest = self;
        let mut parts = Vec::new();
        for bit in bits_of(self.free & !other.free).rev() {
            let free = rest.free & !bit;
            parts.push(Pattern { value: rest.value | (!other.value & bit), free });
            rest = Pattern { value: rest.value | (other.value & bit), free };
        }
        parts
    }
}

/// The bits of a mask, each in its place, the lowest first.
pub fn bits_of(mask: u64) -> impl DoubleEndedIterator<Item = u64> + Clone {
    (0..64).map(|bit| 1 << bit).filter(move |bit| mask & bit != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_without_another_is_every_other_entry_once() {
        let all = Pattern::new(0x40, 0x1f);
        for other in [
            Pattern::new(0x40, 0),
            Pattern::new(0x52, 0x5),
            Pattern::new(0x41, 0x3e),
            Pattern::new(0, 0x1f),
            Pattern::ANY,
        ] {
            let parts = all.without(other);
            for entry in 0..256 {
                let within = parts.iter().filter(|part| part.contains(entry)).count();
                let wanted = all.contains(entry) && !other.contains(entry);
                assert_eq!(within, usize::from(wanted), "{entry:#x} in {all:x?} without {other:x?}");
            }
            let common = all.and(other).map_or(0, Pattern::entries);
            assert_eq!(parts.iter().map(|part| part.entries()).sum::<u128>(), all.entries() - common);
        }
    }

    #[test]
    fn one_covers_another_if_all_it_has_is_in_it() {
        let some = Pattern::new(0x40, 0x1f);
        assert!(some.covers(some) && Pattern::ANY.covers(some) && some.covers(Pattern::new(0x43, 0xc)));
        assert!(!some.covers(Pattern::ANY) && !some.covers(Pattern::new(0x43, 0x20)));
        assert!(!some.covers(Pattern::new(0x3, 0xc)));
    }
}
