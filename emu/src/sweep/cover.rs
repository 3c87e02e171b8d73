//! Covers a region with few patterns.
//!
//! The entries of an answer are seldom one pattern. They read best as a rule with exceptions: answers of few
//! entries get patterns first. The patterns of answers of many entries may then overlap these, and list them as
//! exceptions.

use std::collections::BTreeMap;

use pmdscope_arches::Pattern;

use super::region::{Region, bits_of_combination};

/// A part: the entries of a pattern that are in none of its exceptions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// The pattern.
    pub pattern: Pattern,
    /// Patterns that are not part of it. All of them lie within `pattern`.
    pub except: Vec<Pattern>,
}

impl Part {
    /// Returns the entries of `pattern` that are in none of `others`; `None` if no entry is left.
    fn new(pattern: Pattern, others: &[Pattern]) -> Option<Part> {
        let mut except: Vec<Pattern> = others.iter().filter_map(|other| other.and(pattern)).collect();
        // The largest first, so that a pattern within another comes after it.
        except.sort_by_key(|other| (u32::MAX - other.free.count_ones(), *other));
        let mut kept: Vec<Pattern> = Vec::new();
        for other in except {
            if !kept.iter().any(|known| known.covers(other)) {
                kept.push(other);
            }
        }
        let part = Part { pattern, except: kept };
        (part.entries() > 0).then_some(part)
    }

    /// Returns the number of entries.
    pub fn entries(&self) -> u128 {
        entries_without(self.pattern, &self.except)
    }

    /// Returns one of these entries: the one whose free bits are zero, if it is among them.
    pub fn example(&self) -> Option<u64> {
        example_without(self.pattern, &self.except)
    }

    /// Whether an entry is in this part.
    pub fn contains(&self, entry: u64) -> bool {
        self.pattern.contains(entry) && !self.except.iter().any(|except| except.contains(entry))
    }
}

fn entries_without(pattern: Pattern, except: &[Pattern]) -> u128 {
    match except.split_first() {
        None => pattern.entries(),
        Some((first, rest)) => {
            pattern.without(*first).into_iter().map(|left| entries_without(left, rest)).sum()
        }
    }
}

fn example_without(pattern: Pattern, except: &[Pattern]) -> Option<u64> {
    // The patterns with many free bits come first, so it is hardly ever necessary to backtrack.
    let Some((first, rest)) = except.split_first() else { return Some(pattern.value) };
    pattern.without(*first).into_iter().find_map(|left| example_without(left, rest))
}

/// An answer needs more patterns than the maximum.
#[derive(Debug)]
pub(super) struct TooManyPatterns;

/// Returns the entries of each answer of a region.
///
/// # Errors
/// [`TooManyPatterns`] if those of one answer need more than `most` patterns.
pub(super) fn parts(region: &Region, most: usize) -> Result<BTreeMap<u32, Vec<Part>>, TooManyPatterns> {
    let mut parts = BTreeMap::new();
    collect(region, &[], most, &mut parts)?;
    Ok(parts)
}

/// Adds the parts of a region, without the entries in the patterns of `before`.
fn collect(
    region: &Region,
    before: &[Pattern],
    most: usize,
    parts: &mut BTreeMap<u32, Vec<Part>>,
) -> Result<(), TooManyPatterns> {
    let mut taken = before.to_vec();
    for exception in &region.exceptions {
        collect(exception, &taken, most, parts)?;
        taken.push(exception.cube);
    }
    let mut answers: BTreeMap<u32, usize> = BTreeMap::new();
    for answer in &region.table {
        *answers.entry(*answer).or_default() += 1;
    }
    let mut rarest_first: Vec<(usize, u32)> =
        answers.into_iter().map(|(answer, count)| (count, answer)).collect();
    rarest_first.sort_unstable();

    let mut state: Vec<State> = vec![State::Other; region.table.len()];
    for (_, answer) in rarest_first {
        for (state, other) in state.iter_mut().zip(&region.table) {
            match *state {
                State::Wanted => *state = State::Taken,
                State::Other if *other == answer => *state = State::Wanted,
                _ => {}
            }
        }
        let mut cover = Cover { state: &state, bits: region.matters.count_ones(), most, found: Vec::new() };
        cover.add(0, 0)?;
        let Cover { found, .. } = cover;
        let patterns: Vec<Pattern> = found
            .into_iter()
            .map(|(value, fixed)| {
                let fixed = bits_of_combination(region.matters, fixed);
                let value = bits_of_combination(region.matters, value);
                Pattern::new(region.cube.value | value, region.cube.free & !fixed)
            })
            .collect();
        let new = patterns.iter().filter_map(|pattern| Part::new(*pattern, &taken));
        parts.entry(answer).or_default().extend(new);
        taken.extend(patterns);
    }
    parts.retain(|_, parts| !parts.is_empty());
    Ok(())
}

/// The state of a combination while one answer is covered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// It has another answer, which is covered later.
    Other,
    /// It has this answer.
    Wanted,
    /// It was covered before: a pattern may contain it or not.
    Taken,
}

struct Cover<'a> {
    state: &'a [State],
    bits: u32,
    most: usize,
    /// Sets of combinations: the value of the fixed bits, and a mask of these bits. No two sets overlap.
    found: Vec<(usize, usize)>,
}

impl Cover<'_> {
    /// Covers the combinations whose `fixed` bits equal those of `value`.
    fn add(&mut self, value: usize, fixed: usize) -> Result<(), TooManyPatterns> {
        let within = || self.combinations(value, fixed);
        if !within().any(|number| self.state[number] == State::Wanted) {
            return Ok(());
        }
        if !within().any(|number| self.state[number] == State::Other) {
            if self.found.len() == self.most {
                return Err(TooManyPatterns);
            }
            self.found.push((value, fixed));
            return Ok(());
        }
        let free = (0..self.bits).map(|bit| 1 << bit).filter(|bit| fixed & bit == 0);
        // Among the bits that decide most, takes the highest.
        let Some(bit) = free.max_by_key(|bit| self.decided_by(*bit, value, fixed)) else { return Ok(()) };
        self.add(value, fixed | bit)?;
        self.add(value | bit, fixed | bit)
    }

    /// Returns the number of combinations in which a bit alone decides between this answer and another.
    fn decided_by(&self, bit: usize, value: usize, fixed: usize) -> usize {
        let decides = |number: &usize| {
            let pair = [self.state[*number], self.state[number | bit]];
            pair.contains(&State::Wanted) && pair.contains(&State::Other)
        };
        self.combinations(value, fixed | bit).filter(decides).count()
    }

    fn combinations(&self, value: usize, fixed: usize) -> impl Iterator<Item = usize> + use<> {
        let all = (1_usize << self.bits) - 1;
        let free = all & !fixed;
        let next = move |bits: &usize| (*bits != free).then(|| (bits | !free).wrapping_add(1) & free);
        std::iter::successors(Some(0), next).map(move |bits| value | bits)
    }
}
