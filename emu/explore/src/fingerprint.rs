//! Fingerprints of what a CPU is in, or has done.

use std::hash::{DefaultHasher, Hash, Hasher};

/// What stands for a number of words. Other words have another fingerprint, but for a chance that does not occur: 128
/// bits of two keyed hashes.
///
/// A CPU that looks at a word a thousand times is at as many reads. Kept whole, the registers of each would take
/// gigabytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint([u64; 2]);

impl Fingerprint {
    /// Returns the fingerprint of words. It is the same in each run of this program.
    pub fn of(words: &[u64]) -> Fingerprint {
        Fingerprint([0_u64, 1].map(|key| {
            let mut hasher = DefaultHasher::new();
            (key, words).hash(&mut hasher);
            hasher.finish()
        }))
    }

    /// Returns the fingerprint as words, to be part of those of another.
    pub const fn words(self) -> [u64; 2] {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_words_have_other_fingerprints() {
        let all = [&[][..], &[0], &[0, 0], &[1], &[0, 1], &[1, 0], &[1 << 63], &[2, 1]];
        let different: std::collections::HashSet<Fingerprint> =
            all.iter().map(|words| Fingerprint::of(words)).collect();
        assert_eq!(different.len(), all.len());
        assert!(all.iter().all(|words| Fingerprint::of(words) == Fingerprint::of(words)));
        assert_ne!(Fingerprint::of(&[7]).words()[0], Fingerprint::of(&[7]).words()[1], "two hashes");
    }
}
