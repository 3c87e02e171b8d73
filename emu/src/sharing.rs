//! Memory that several vCPUs use and that is not watched.
//!
//! Schedules are enumerated over watched memory only. If one CPU writes other memory that another touches, the
//! enumeration proves nothing.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::ops::Range;

use rustc_hash::FxHashMap;

/// The CPUs that use a word, one bit each.
#[derive(Debug, Clone, Copy, Default)]
struct Uses {
    touched: u8,
    written: u8,
}

impl Uses {
    /// Whether one CPU wrote the word and another touched it.
    const fn conflict(self) -> bool {
        self.written != 0 && self.touched.count_ones() > 1
    }
}

/// Which CPUs used which words of the shared memory.
#[derive(Default)]
pub(crate) struct Sharing {
    words: RefCell<FxHashMap<u64, Uses>>,
    /// The words in conflict: kept, since an exploration asks after each run.
    conflicts: RefCell<BTreeSet<u64>>,
}

impl Sharing {
    /// Notes an access to shared memory that is not watched.
    pub(crate) fn note(&self, cpu: u8, address: u64, size: usize, writes: bool) {
        let last = address.saturating_add(size.saturating_sub(1) as u64);
        let mut words = self.words.borrow_mut();
        for word in address / 8..=last / 8 {
            let uses = words.entry(word * 8).or_default();
            uses.touched |= 1 << cpu;
            if writes {
                uses.written |= 1 << cpu;
            }
            if uses.conflict() {
                self.conflicts.borrow_mut().insert(word * 8);
            }
        }
    }

    /// Whether one CPU wrote a word that another touched, apart from the `known` ones.
    pub(crate) fn has_conflict(&self, known: impl Fn(u64) -> bool) -> bool {
        !self.conflicts.borrow().iter().all(|address| known(*address))
    }

    /// Returns all words that one CPU wrote and another touched, apart from the `known` ones.
    pub(crate) fn conflicts(&self, known: impl Fn(u64) -> bool) -> Vec<u64> {
        self.conflicts.borrow().iter().copied().filter(|address| !known(*address)).collect()
    }

    /// Whether anything in a range was written since the last reset.
    pub(crate) fn wrote(&self, range: Range<u64>) -> bool {
        let is_in = |word: u64| word + 7 >= range.start && word < range.end;
        self.words.borrow().iter().any(|(word, uses)| uses.written != 0 && is_in(*word))
    }

    /// Forgets everything.
    pub(crate) fn reset(&self) {
        self.words.take();
        self.conflicts.take();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_word_that_one_writes_and_another_touches_is_a_conflict() {
        let sharing = Sharing::default();
        sharing.note(0, 0x1000, 8, false);
        sharing.note(1, 0x1000, 8, false);
        sharing.note(0, 0x2000, 8, true);
        sharing.note(1, 0x2008, 8, true);
        assert_eq!(sharing.conflicts(|_| false), [], "both read, or each has its own");
        sharing.note(1, 0x2006, 4, false);
        assert_eq!(sharing.conflicts(|_| false), [0x2000], "across the end of a word");
        assert!(sharing.wrote(0x1000..0x2001) && sharing.wrote(0x2004..0x2005), "a word is written whole");
        assert!(!sharing.wrote(0x1000..0x2000) && !sharing.wrote(0x2010..u64::MAX));
        sharing.reset();
        assert_eq!(sharing.conflicts(|_| false), []);
        assert!(!sharing.wrote(0..u64::MAX));
    }
}
