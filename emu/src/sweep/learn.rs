//! Learns which entries get the same answer, by asking for answers. Nothing here knows what the answers mean.
//!
//! To measure which bits matter, each bit is flipped on many entries. All combinations of the bits that matter are
//! then asked for, several times, with different fillings of the other bits. If one of these or any other probe
//! gets a different answer, the entry lies in an exception: a pattern of its own, which is learned in the same way.

use std::collections::BTreeMap;

use fastrand::Rng;
use pmdscope_arches::{Pattern, bits_of};
use pmdscope_guest::abi::Set;

use super::cover::{self, Part, TooManyPatterns};
use super::probes::{BASES, any, probes};
use super::region::{Region, bits_of_combination, combination};

/// Number of times that each combination of the bits that matter is asked for: with zeros, ones and random bits in
/// place of all others.
pub const FILLINGS: usize = 6;

/// Maximum number of entries that are asked for.
pub const MOST_ENTRIES: u64 = 1 << 26;

/// Up to this many relevant bits, every combination of them is tried.
///
/// With more, bits that set an entry apart from its surroundings make it an exception.
const TRIED_TOGETHER: u32 = 16;

/// Maximum number of exceptions within one pattern.
const MOST_EXCEPTIONS: usize = 64;
/// Maximum depth of exceptions within exceptions.
const DEEPEST: usize = 6;

/// Maximum number of patterns for the entries of one answer.
const MOST_PATTERNS: usize = 4096;

/// In a pattern with at most this many free bits, each counts as one that matters.
const FEW_BITS: u32 = 10;

/// Seed of the random entries: the same on every machine and every day.
const SEED: u64 = 0x706d_6473_636f_7065;

/// The result of learning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Classification {
    /// The entries of each answer. Every entry of the domain is in exactly one part.
    pub classes: BTreeMap<u32, Vec<Part>>,
    /// The bits that matter, outside of exceptions.
    pub matters: u64,
    /// Bits that matter in exceptions only, or that only distinguish these from other entries.
    pub matters_in_exceptions: u64,
    /// Number of patterns that are exceptions.
    pub exceptions: usize,
    /// Number of bits that were flipped to see which matter.
    pub flips: u64,
    /// Number of entries that were asked for, those with a flipped bit included.
    pub asked: u64,
}

/// Errors of learning.
#[derive(Debug, thiserror::Error)]
pub enum ClassificationError<E> {
    /// Asking for an answer failed.
    #[error(transparent)]
    NoAnswer(E),
    /// The answers cannot be learned within the bounds.
    #[error(transparent)]
    Limit(LimitError),
}

/// Bounds that learning can exceed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LimitError {
    /// The bits that matter have too many combinations.
    #[error("{bits} bits matter: to try them all with each other takes more than {MOST_ENTRIES} entries")]
    TooManyBits {
        /// How many bits matter.
        bits: u32,
    },
    /// Too many entries differ from those around them.
    #[error("more than {MOST_EXCEPTIONS} patterns of entries are not as those around them")]
    TooManyExceptions,
    /// Exceptions are nested too deeply.
    #[error("exceptions have exceptions, {DEEPEST} deep")]
    TooDeep,
    /// The entries of one class need too many patterns.
    #[error("the entries of one class need more than {MOST_PATTERNS} patterns")]
    TooManyPatterns,
}

impl<E> From<LimitError> for ClassificationError<E> {
    fn from(error: LimitError) -> Self {
        ClassificationError::Limit(error)
    }
}

/// Learns the answers of all entries of `domain`, whose patterns must not overlap.
///
/// `ask` returns the answer of each entry of the sets, in order, and always the same for an entry. The entries
/// `known` are tried, and those that differ from them in one bit.
///
/// # Errors
/// [`ClassificationError::NoAnswer`] if `ask` fails, [`ClassificationError::Limit`] if the answers cannot be
/// learned within the bounds.
pub fn learn<E>(
    domain: &[Pattern],
    known: &[u64],
    ask: impl FnMut(&[Set]) -> Result<Vec<u32>, E>,
) -> Result<Classification, ClassificationError<E>> {
    let mut learner = Learner { ask, asked: 0, flips: 0, rng: Rng::with_seed(SEED) };
    let mut learned = Classification {
        classes: BTreeMap::new(),
        matters: 0,
        matters_in_exceptions: 0,
        exceptions: 0,
        flips: 0,
        asked: 0,
    };
    for cube in domain {
        let region = learner.region(*cube, known, 0)?;
        learned.matters |= region.matters;
        learned.matters_in_exceptions |= region.told_by();
        learned.exceptions += region.regions() - 1;
        for (answer, parts) in
            cover::parts(&region, MOST_PATTERNS).map_err(|TooManyPatterns| LimitError::TooManyPatterns)?
        {
            learned.classes.entry(answer).or_default().extend(parts);
        }
    }
    learned.matters_in_exceptions &= !learned.matters;
    (learned.flips, learned.asked) = (learner.flips, learner.asked);
    Ok(learned)
}

struct Learner<F> {
    ask: F,
    asked: u64,
    flips: u64,
    rng: Rng,
}

/// The answers of a region with one filling of the bits that do not matter.
struct Filled {
    /// The values of the bits that do not matter.
    bits: u64,
    /// The answer of each combination of the bits that matter.
    answers: Vec<u32>,
}

impl<E, F: FnMut(&[Set]) -> Result<Vec<u32>, E>> Learner<F> {
    /// Learns the answers of the entries of one pattern.
    fn region(
        &mut self,
        cube: Pattern,
        known: &[u64],
        depth: usize,
    ) -> Result<Region, ClassificationError<E>> {
        if depth > DEEPEST {
            return Err(LimitError::TooDeep.into());
        }
        let few = cube.free.count_ones() <= FEW_BITS;
        let mut matters = if few { cube.free } else { self.that_matter(cube)? };
        let probes = if few { Vec::new() } else { probes(cube, known, &mut self.rng) };
        let answers = self.of_each(&probes)?;
        loop {
            let filled = self.fillings(cube, matters)?;
            let table = most_common(&filled);
            let mut region = Region { cube, matters, table, exceptions: Vec::new() };
            let tried = probes.iter().copied().zip(answers.iter().copied());
            match self.exceptions(&mut region, &filled, tried, known, depth)? {
                None => return Ok(region),
                Some(more) => matters |= more,
            }
        }
    }

    /// Finds the exceptions of a region and returns `None`, or returns further bits that matter.
    fn exceptions(
        &mut self,
        region: &mut Region,
        filled: &[Filled],
        tried: impl Iterator<Item = (u64, u32)> + Clone,
        known: &[u64],
        depth: usize,
    ) -> Result<Option<u64>, ClassificationError<E>> {
        let (cube, matters) = (region.cube, region.matters);
        // Collected once: entries within an exception that is found later are then skipped.
        let in_fillings = filled.iter().flat_map(|filling| {
            let odd =
                filling.answers.iter().zip(&region.table).enumerate().filter(|(_, (one, most))| one != most);
            odd.map(|(number, (one, _))| {
                (cube.value | filling.bits | bits_of_combination(matters, number), *one)
            })
        });
        let mut odd: Vec<(u64, u32)> = in_fillings.collect();
        odd.extend(tried.filter(|(entry, answer)| region.answer(*entry) != *answer));
        for (entry, answer) in odd {
            if region.is_exception(entry) {
                continue;
            }
            let flipped: Vec<u64> = bits_of(cube.free).map(|bit| entry ^ bit).collect();
            let around = self.of_each(&flipped)?;
            let differing = flipped.iter().zip(&around).filter(|(_, other)| **other != answer);
            let differs = differing.fold(0, |bits, (other, _)| bits | (other ^ entry));
            let more = match differs & !matters {
                0 => self.on_the_way(region, filled, entry)?,
                more => more,
            };
            if (matters | more).count_ones() <= TRIED_TOGETHER || differs & !matters == 0 {
                return Ok(Some(more));
            }
            if region.exceptions.len() == MOST_EXCEPTIONS {
                return Err(LimitError::TooManyExceptions.into());
            }
            let mut known: Vec<u64> = known.to_vec();
            known.push(entry);
            let exception = self.region(Pattern::new(entry, cube.free & !differs), &known, depth + 1)?;
            region.exceptions.push(exception);
        }
        Ok(None)
    }

    /// Returns a bit that matters, though no bit alone makes `entry` like the others of its combination.
    ///
    /// Flips bits of `entry` one after another until it equals an entry that is like the others, and returns the
    /// bit at which the answer changes. If the answer never changes, returns all free bits.
    fn on_the_way(
        &mut self,
        region: &Region,
        filled: &[Filled],
        entry: u64,
    ) -> Result<u64, ClassificationError<E>> {
        let number = combination(region.matters, entry);
        let usual = filled.iter().find(|filling| filling.answers[number] == region.table[number]);
        let bits = usual.map_or(0, |filling| filling.bits);
        let other = region.cube.value | entry & region.matters | bits;
        let mut at = entry;
        let mut way = vec![at];
        for bit in bits_of(entry ^ other) {
            at ^= bit;
            way.push(at);
        }
        let answers = self.of_each(&way)?;
        let turn = answers.windows(2).position(|pair| pair[0] != pair[1]);
        Ok(turn.map_or(region.cube.free, |turn| way[turn] ^ way[turn + 1]))
    }

    /// Returns the bits that were observed to change an answer when they are flipped.
    fn that_matter(&mut self, cube: Pattern) -> Result<u64, ClassificationError<E>> {
        let mut matters = 0;
        for _ in 0..BASES {
            let base = any(cube, &mut self.rng);
            let pair = |bit: u64| Set { fixed: base & !bit, free: bit, first: 0, count: 2 };
            let sets: Vec<Set> = bits_of(cube.free & !matters).map(pair).collect();
            self.flips += sets.len() as u64;
            let answers = self.answers(&sets)?;
            let changed = sets.iter().zip(answers.chunks(2)).filter(|(_, pair)| pair[0] != pair[1]);
            matters |= changed.fold(0, |bits, (set, _)| bits | set.free);
        }
        Ok(matters)
    }

    /// Asks for every combination of the relevant bits, with several fillings of the rest.
    ///
    /// The fillings are zeros, ones and random bits.
    fn fillings(&mut self, cube: Pattern, matters: u64) -> Result<Vec<Filled>, ClassificationError<E>> {
        let bits = matters.count_ones();
        let others = cube.free & !matters;
        let different = if others == 0 { 1 } else { FILLINGS };
        let more = 1_u64.checked_shl(bits).and_then(|all| all.checked_mul(different as u64));
        if more.and_then(|more| more.checked_add(self.asked)).is_none_or(|all| all > MOST_ENTRIES) {
            return Err(LimitError::TooManyBits { bits }.into());
        }
        let mut filled = Vec::new();
        for n in 0..different {
            let bits = match n {
                0 => 0,
                1 => others,
                _ => self.rng.u64(..) & others,
            };
            let set =
                Set { fixed: cube.value | bits, free: matters, first: 0, count: 1 << matters.count_ones() };
            filled.push(Filled { bits, answers: self.answers(&[set])? });
        }
        Ok(filled)
    }

    fn of_each(&mut self, entries: &[u64]) -> Result<Vec<u32>, ClassificationError<E>> {
        let sets: Vec<Set> = entries.iter().copied().map(Set::one).collect();
        self.answers(&sets)
    }

    fn answers(&mut self, sets: &[Set]) -> Result<Vec<u32>, ClassificationError<E>> {
        self.asked += sets.iter().map(|set| set.count).sum::<u64>();
        (self.ask)(sets).map_err(ClassificationError::NoAnswer)
    }
}

/// Returns the answer that each combination got most often. Of two that are equally common, that of the later
/// filling counts, since zeros and ones come first and are the least typical.
fn most_common(filled: &[Filled]) -> Vec<u32> {
    let combinations = filled.first().map_or(0, |filling| filling.answers.len());
    let of = |number: usize| {
        let answers = filled.iter().map(|filling| filling.answers[number]);
        let often = |answer: u32| answers.clone().filter(|other| *other == answer).count();
        answers.clone().max_by_key(|answer| often(*answer)).unwrap_or_default()
    };
    (0..combinations).map(of).collect()
}
