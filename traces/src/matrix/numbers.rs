//! Lists, ranges and samples of numbers.

use serde::{Deserialize, Serialize};

/// The most numbers that one range or sample may have: more than anyone can wait for.
pub const MOST_NUMBERS: u64 = 1 << 40;

/// Numbers as written in a matrix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Numbers {
    /// Single numbers.
    List(Vec<u64>),
    /// The numbers of a range.
    Range {
        /// The first number.
        from: u64,
        /// The last number, if the steps reach it.
        to: u64,
        /// The distance between two numbers; `None` for the natural one, such as the pages of a huge page.
        step: Option<u64>,
        /// How many numbers to choose at random; `None` for all.
        sample: Option<u64>,
        /// The seed of the random choice; another seed gives another sample.
        seed: u64,
    },
}

/// Errors in numbers.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NumbersError {
    /// The list is empty.
    #[error("an empty list names nothing: leave it out, or name something")]
    Empty,
    /// The range ends before it begins.
    #[error("the range ends at {to:#x}, before it begins at {from:#x}: exchange them")]
    Backwards {
        /// Where it begins.
        from: u64,
        /// Where it ends.
        to: u64,
    },
    /// The step is 0.
    #[error("a step of 0 never ends: leave it out, or give at least 1")]
    NoStep,
    /// The size of the sample is 0.
    #[error("a sample of 0 has nothing in it: give at least 1")]
    NoSample,
    /// The sample is larger than its range.
    #[error("a sample of {sample} is more than the {count} numbers of the range: leave it out to take each")]
    SampleTooLarge {
        /// The size of the sample.
        sample: u64,
        /// How many numbers the range has.
        count: u64,
    },
    /// There are more than [`MOST_NUMBERS`].
    #[error(
        "{count} numbers are more than can be run: at most {MOST_NUMBERS}, which a larger step or a sample gives"
    )]
    TooMany {
        /// How many numbers there are.
        count: u64,
    },
}

/// A sequence of numbers with access by index. Those of a range or a sample are computed, not stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sequence(Kind);

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
enum Kind {
    List(Vec<u64>),
    Steps { from: u64, step: u64, count: u64 },
    Sample { from: u64, step: u64, of: Shuffled, count: u64 },
}

impl Numbers {
    /// Returns the numbers as a sequence. `step` applies to a range that has none of its own.
    ///
    /// # Errors
    /// [`NumbersError`] if there are no numbers or too many, or if the parts of a range contradict each other.
    pub fn sequence(&self, step: u64) -> Result<Sequence, NumbersError> {
        let (from, to, step, sample, seed) = match self {
            Numbers::List(list) if list.is_empty() => return Err(NumbersError::Empty),
            Numbers::List(list) => return Ok(Sequence(Kind::List(list.clone()))),
            Numbers::Range { from, to, step: own, sample, seed } => {
                (*from, *to, own.unwrap_or(step), *sample, *seed)
            }
        };
        if step == 0 {
            return Err(NumbersError::NoStep);
        }
        let Some(length) = to.checked_sub(from) else { return Err(NumbersError::Backwards { from, to }) };
        // The count of all 2^64 numbers is too large by one.
        let count = (length / step).saturating_add(1);
        match sample {
            None if count > MOST_NUMBERS => Err(NumbersError::TooMany { count }),
            None => Ok(Sequence(Kind::Steps { from, step, count })),
            Some(0) => Err(NumbersError::NoSample),
            Some(sample) if sample > count => Err(NumbersError::SampleTooLarge { sample, count }),
            Some(sample) if sample > MOST_NUMBERS => Err(NumbersError::TooMany { count: sample }),
            Some(sample) => {
                let of = Shuffled { count, seed };
                Ok(Sequence(Kind::Sample { from, step, of, count: sample }))
            }
        }
    }
}

impl Sequence {
    /// Makes a sequence of one number.
    pub fn one(number: u64) -> Sequence {
        Sequence(Kind::List(vec![number]))
    }

    /// Returns how many numbers the sequence has.
    pub fn count(&self) -> u64 {
        match &self.0 {
            Kind::List(list) => list.len() as u64,
            Kind::Steps { count, .. } | Kind::Sample { count, .. } => *count,
        }
    }

    /// Returns the number at an index, counted from 0; `None` past the last.
    pub fn at(&self, place: u64) -> Option<u64> {
        if place >= self.count() {
            return None;
        }
        match &self.0 {
            Kind::List(list) => list.get(usize::try_from(place).ok()?).copied(),
            Kind::Steps { from, step, .. } => Some(from + place * step),
            Kind::Sample { from, step, of, .. } => Some(from + of.at(place) * step),
        }
    }

    /// Returns the largest number, and the first that is not a multiple of `unit`.
    ///
    /// These decide whether an entry can be built from each number.
    pub fn extremes(&self, unit: u64) -> Extremes {
        let uneven = |number: &u64| !number.is_multiple_of(unit);
        match &self.0 {
            Kind::List(list) => Extremes {
                largest: list.iter().copied().max().unwrap_or(0),
                uneven: list.iter().copied().find(uneven),
            },
            Kind::Steps { from, step, count } => Extremes {
                largest: from + (count - 1) * step,
                uneven: [*from, from + if *count > 1 { *step } else { 0 }].into_iter().find(uneven),
            },
            Kind::Sample { from, step, of, .. } => Extremes {
                largest: from + (of.count - 1) * step,
                uneven: [*from, from + if of.count > 1 { *step } else { 0 }].into_iter().find(uneven),
            },
        }
    }
}

/// The numbers that decide whether entries can be built: see [`Sequence::extremes`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extremes {
    /// The largest number; for a sample, the largest of its range.
    pub largest: u64,
    /// A number that is not a multiple of the unit; for a sample, one of its range.
    pub uneven: Option<u64>,
}

/// A permutation of the numbers from 0 to `count` - 1.
///
/// It is a Feistel network over as many bits as the numbers need, applied again until the result is below
/// `count`. So a sample has no number twice, and any part of it can be computed without the rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Shuffled {
    count: u64,
    seed: u64,
}

impl Shuffled {
    fn at(self, place: u64) -> u64 {
        let bits = u64::BITS - (self.count - 1).leading_zeros();
        let half = bits.div_ceil(2).max(1);
        let mut number = place;
        loop {
            number = self.round_trip(number, half);
            if number < self.count {
                return number;
            }
        }
    }

    /// Does one pass of the network over 2 x `half` bits.
    fn round_trip(self, number: u64, half: u32) -> u64 {
        const ROUNDS: u64 = 6;
        let low = u64::MAX >> (u64::BITS - half);
        let (mut left, mut right) = (number >> half & low, number & low);
        for round in 0..ROUNDS {
            (left, right) = (right, left ^ mixed(right ^ mixed(self.seed ^ round << 56)) & low);
        }
        left << half | right
    }
}

/// Mixes a number, so that every bit of the result depends on all bits of the number.
///
/// This is the finalizer of SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators",
/// 2014).
fn mixed(number: u64) -> u64 {
    let mut mixed = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ mixed >> 31
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn range(from: u64, to: u64, step: Option<u64>, sample: Option<u64>) -> Numbers {
        Numbers::Range { from, to, step, sample, seed: 1 }
    }

    fn all(sequence: &Sequence) -> Vec<u64> {
        (0..sequence.count()).map(|place| sequence.at(place).unwrap()).collect()
    }

    #[test]
    fn a_range_has_its_end_if_the_steps_come_to_it() {
        assert_eq!(all(&range(1, 7, Some(3), None).sequence(1).unwrap()), [1, 4, 7]);
        assert_eq!(all(&range(1, 6, None, None).sequence(3).unwrap()), [1, 4]);
        assert_eq!(all(&range(5, 5, None, None).sequence(512).unwrap()), [5]);
        let last = range(u64::MAX - 1, u64::MAX, None, None).sequence(1).unwrap();
        assert_eq!(all(&last), [u64::MAX - 1, u64::MAX]);
        assert_eq!(last.at(2), None);
    }

    #[test]
    fn what_names_nothing_or_too_much_is_refused() {
        let refused = |numbers: Numbers| numbers.sequence(1).unwrap_err();
        assert_eq!(refused(Numbers::List(vec![])), NumbersError::Empty);
        assert_eq!(refused(range(2, 1, None, None)), NumbersError::Backwards { from: 2, to: 1 });
        assert_eq!(refused(range(1, 2, Some(0), None)), NumbersError::NoStep);
        assert_eq!(refused(range(1, 2, None, Some(0))), NumbersError::NoSample);
        assert_eq!(refused(range(1, 2, None, Some(3))), NumbersError::SampleTooLarge { sample: 3, count: 2 });
        assert_eq!(refused(range(0, u64::MAX, None, None)), NumbersError::TooMany { count: u64::MAX });
        assert!(range(0, u64::MAX, None, Some(5)).sequence(1).is_ok(), "a sample of anything can be had");
    }

    proptest! {
        #[test]
        fn a_sample_has_each_number_once(
            from in 0_u64..1000, count in 1_u64..300, step in 1_u64..9, seed: u64
        ) {
            let whole = Numbers::Range {
                from, to: from + (count - 1) * step, step: Some(step), sample: Some(count), seed
            };
            let numbers: BTreeSet<u64> = all(&whole.sequence(1).unwrap()).into_iter().collect();
            let expected: BTreeSet<u64> = (0..count).map(|place| from + place * step).collect();
            prop_assert_eq!(numbers, expected, "as many as there are is all of them");
        }

        #[test]
        fn extremes_are_those_of_the_numbers(
            from in 0_u64..5000, length in 0_u64..5000, step in 1_u64..700, unit in 1_u64..600
        ) {
            let sequence = range(from, from + length, Some(step), None).sequence(1).unwrap();
            let numbers = all(&sequence);
            let extremes = sequence.extremes(unit);
            prop_assert_eq!(Some(extremes.largest), numbers.iter().copied().max());
            let uneven = numbers.iter().any(|number| number % unit != 0);
            prop_assert_eq!(extremes.uneven.is_some(), uneven);
            prop_assert!(extremes.uneven.is_none_or(|number| numbers.contains(&number)));
        }
    }

    #[test]
    fn a_sample_of_very_many_is_spread_out() {
        let sample = all(&range(0, u64::MAX, None, Some(1000)).sequence(1).unwrap());
        for bit in 0..64 {
            let set = sample.iter().filter(|number| **number >> bit & 1 == 1).count();
            assert!((400..600).contains(&set), "bit {bit} is set in {set} of 1000");
        }
        let other = Numbers::Range { from: 0, to: u64::MAX, step: None, sample: Some(1000), seed: 2 };
        assert_ne!(sample, all(&other.sequence(1).unwrap()), "another seed gives another sample");
    }
}
