//! Patterns: sets of entries that have some bits fixed and all others free.

/// The entries whose bits outside of `free` equal those of `value`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pattern {
    /// Values of the fixed bits; 0 where a bit is free.
    pub value: u64,
    /// Mask of the free bits.
    pub free: u64,
}

impl Pattern {
    /// Every entry.
    pub const ANY: Pattern = Pattern { value: 0, free: u64::MAX };

    /// Returns the entries whose bits outside of `free` equal those of `value`.
    pub const fn new(value: u64, free: u64) -> Self {
        Pattern { value: value & !free, free }
    }

    /// Returns the number of entries.
    pub const fn entries(self) -> u128 {
        1 << self.free.count_ones()
    }

    /// Whether the pattern contains an entry.
    pub const fn contains(self, entry: u64) -> bool {
        entry & !self.free == self.value
    }

    /// Whether the pattern contains every entry of `other`.
    pub const fn covers(self, other: Pattern) -> bool {
        other.free & !self.free == 0 && self.contains(other.value)
    }

    /// Returns the entries that both patterns contain; `None` if they have none in common.
    pub const fn and(self, other: Pattern) -> Option<Pattern> {
        if (self.value ^ other.value) & !self.free & !other.free != 0 {
            return None;
        }
        Some(Pattern { value: self.value | other.value, free: self.free & other.free })
    }

    /// Returns the entries that `other` does not contain, as disjoint patterns: at most one for each bit that is
    /// fixed in `other`.
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

/// Returns the bits of a mask, each as a mask of its own, the lowest first.
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
