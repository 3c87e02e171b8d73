//! Memory that several vCPUs use and that is not watched.
//!
//! Schedules are enumerated over watched memory only. If one CPU writes other memory that another touches, the
//! enumeration proves nothing.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::ops::Range;

use rustc_hash::{FxHashMap, FxHashSet};

/// The CPUs that use a word, one bit each.
#[derive(Debug, Clone, Copy, Default)]
struct Uses {
    touched: u8,
    written: u8,
    /// Whether its conflict was noted already.
    known: bool,
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
    /// The words in conflict that are not watched: kept, since an exploration asks before each read.
    conflicts: RefCell<BTreeSet<u64>>,
    watched: RefCell<FxHashSet<u64>>,
}

impl Sharing {
    /// Notes an access to shared memory.
    pub(crate) fn note(&self, cpu: u8, address: u64, size: usize, writes: bool) {
        let last = address.saturating_add(size.saturating_sub(1) as u64);
        let mut words = self.words.borrow_mut();
        for word in address / 8..=last / 8 {
            let uses = words.entry(word * 8).or_default();
            uses.touched |= 1 << cpu;
            if writes {
                uses.written |= 1 << cpu;
            }
            if uses.conflict() && !std::mem::replace(&mut uses.known, true) {
                let unwatched = Some(word * 8).filter(|word| !self.watched.borrow().contains(word));
                self.conflicts.borrow_mut().extend(unwatched);
            }
        }
    }

    /// Whether one CPU wrote a word that another touched and that is not watched.
    pub(crate) fn has_conflict(&self) -> bool {
        !self.conflicts.borrow().is_empty()
    }

    /// Returns all words that one CPU wrote and another touched and that are not watched.
    pub(crate) fn conflicts(&self) -> Vec<u64> {
        self.conflicts.borrow().iter().copied().collect()
    }

    /// From now on, words in a range are watched: they are in no conflict.
    pub(crate) fn watch(&self, range: Range<u64>) {
        let words = range.step_by(8).map(|address| address & !7);
        self.watched.borrow_mut().extend(words);
        self.conflicts.borrow_mut().retain(|word| !self.watched.borrow().contains(word));
    }

    /// Forgets which words are watched, and everything else.
    pub(crate) fn unwatch(&self) {
        self.watched.take();
        self.reset();
    }

    /// Whether anything in a range was written since the last reset.
    pub(crate) fn wrote(&self, range: Range<u64>) -> bool {
        let is_in = |word: u64| word + 7 >= range.start && word < range.end;
        self.words.borrow().iter().any(|(word, uses)| uses.written != 0 && is_in(*word))
    }

    /// Forgets all accesses.
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
        assert_eq!(sharing.conflicts(), [], "both read, or each has its own");
        sharing.note(1, 0x2006, 4, false);
        assert_eq!(sharing.conflicts(), [0x2000], "across the end of a word");
        assert!(sharing.has_conflict());
        assert!(sharing.wrote(0x1000..0x2001) && sharing.wrote(0x2004..0x2005), "a word is written whole");
        assert!(!sharing.wrote(0x1000..0x2000) && !sharing.wrote(0x2010..u64::MAX));
        sharing.reset();
        assert!(!sharing.has_conflict());
        assert!(!sharing.wrote(0..u64::MAX));
    }

    #[test]
    fn a_word_that_is_watched_is_in_no_conflict() {
        let sharing = Sharing::default();
        let share = |word| [0, 1].into_iter().for_each(|cpu| sharing.note(cpu, word, 8, true));
        share(0x1000);
        share(0x1008);
        sharing.watch(0x1000..0x1008);
        assert_eq!(sharing.conflicts(), [0x1008], "one that was found before");
        sharing.watch(0x1010..0x1020);
        share(0x1018);
        assert_eq!(sharing.conflicts(), [0x1008], "one that was watched before");
        sharing.reset();
        share(0x1000);
        assert!(!sharing.has_conflict(), "accesses are forgotten, and what is watched is not");
        sharing.unwatch();
        share(0x1000);
        assert_eq!(sharing.conflicts(), [0x1000]);
    }
}
