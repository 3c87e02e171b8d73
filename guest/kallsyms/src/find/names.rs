//! Finds the names, their markers and their number.
//!
//! The search goes backwards from the token table.

use super::permutation::is_permutation;
use super::tokens::Tokens;
use super::work::WorkBudget;
use crate::bytes::Bytes;
use crate::parts::{LengthForm, MAX_NAME};

/// The number of names for each marker.
const NAMES_PER_MARKER: usize = 256;
/// The size in bytes of the shortest packed name: its length, and the token of its type.
const MIN_PACKED: usize = 2;
/// The size in bytes of the longest packed name: its length, and a token per character.
const MAX_PACKED: usize = 2 + MAX_NAME;

/// The names, their number and their markers. Places are offsets in the image.
#[derive(Clone, Copy)]
pub(super) struct Names {
    /// The place of the number of symbols.
    pub num_syms: usize,
    /// The place of the names.
    pub names: usize,
    /// The place of the markers.
    pub markers: usize,
    /// The number of symbols.
    pub count: usize,
    /// The encoding of a name's length.
    pub form: LengthForm,
    /// The place of `seqs_of_names`, if it is between the markers and the token table.
    pub seqs: Option<usize>,
}

impl Names {
    /// Finds the names whose markers end at the token table.
    pub(super) fn before_tokens(image: Bytes<'_>, tokens: &Tokens, work: &mut WorkBudget) -> Option<Names> {
        [0, 4].into_iter().find_map(|padding: usize| {
            let end = tokens.table.checked_sub(padding)?;
            if !image.is_padding(end, tokens.table) {
                return None;
            }
            let mut markers = end.checked_sub(4)?;
            let mut value = image.u32(markers)?;
            while value != 0 {
                work.spend(1)?;
                markers = markers.checked_sub(4)?;
                let before = image.u32(markers)?;
                if !is_step(before, value) {
                    return None;
                }
                value = before;
            }
            let number = (end - markers) / 4;
            let counts = (NAMES_PER_MARKER * (number - 1) + 1, NAMES_PER_MARKER * number);
            Names::before_markers(image, markers, number, counts, work)
        })
    }

    /// Finds the names whose markers end at `seqs_of_names`, which ends at the token table.
    pub(super) fn before_seqs(image: Bytes<'_>, tokens: &Tokens, work: &mut WorkBudget) -> Option<Names> {
        // The length of that list is unknown. The search tries each run of numbers that ascend from 0 as markers
        // do. The distance of the run from the token table then gives the number of symbols.
        let words = image.all.get(..tokens.table)?.len() / 4;
        work.spend(words)?;
        let origin = tokens.table % 4;
        let word = |i: usize| image.u32(origin + 4 * i);
        let mut start = 0;
        while start < words {
            let mut end = start + 1;
            if word(start)? == 0 {
                while end < words && is_step(word(end - 1)?, word(end)?) {
                    end += 1;
                }
                let found = Names::with_seqs(image, tokens, origin + 4 * start, end - start, work);
                if found.is_some() || work.is_spent() {
                    return found;
                }
            }
            start = end;
        }
        None
    }

    /// Finds the names whose markers are the first of the `run` numbers at `markers`.
    ///
    /// `seqs_of_names` is between these and the token table.
    fn with_seqs(
        image: Bytes<'_>,
        tokens: &Tokens,
        markers: usize,
        run: usize,
        work: &mut WorkBudget,
    ) -> Option<Names> {
        // One marker goes with at most 256 entries of three bytes; the rest is padding.
        let distance = tokens.table.checked_sub(markers)?;
        let fewest = distance.saturating_sub(14).div_ceil(4 + 3 * NAMES_PER_MARKER).max(1);
        (fewest..=run.min(fewest + 1)).find_map(|number| {
            let most = NAMES_PER_MARKER * number;
            let end = markers + 4 * number;
            let seqs = end + (tokens.table.checked_sub(end)? & 7 & !3);
            let room = tokens.table.checked_sub(seqs)?;
            let counts =
                ((most - NAMES_PER_MARKER + 1).max(room.saturating_sub(7).div_ceil(3)), most.min(room / 3));
            if counts.0 > counts.1 || !image.is_padding(end, seqs) {
                return None;
            }
            let names = Names::before_markers(image, markers, number, counts, work)?;
            work.spend(names.count)?;
            let fits = image.is_padding(seqs + 3 * names.count, tokens.table)
                && is_permutation(image, seqs, names.count);
            fits.then_some(Names { seqs: Some(seqs), ..names })
        })
    }

    /// Finds the names whose `number` markers are at `markers`.
    ///
    /// Their number must be from `counts.0` to `counts.1`.
    fn before_markers(
        image: Bytes<'_>,
        markers: usize,
        number: usize,
        counts: (usize, usize),
        work: &mut WorkBudget,
    ) -> Option<Names> {
        // The last marker gives the place of the last few names, but not their lengths. So the number of
        // symbols, which precedes the names, is searched for at every place that these lengths allow.
        let packed = image.u32(markers + 4 * (number - 1))? as usize;
        let last = markers.checked_sub(packed)?.checked_sub(MIN_PACKED + 4)?;
        let last = last.checked_sub((last % 4 + 4 - markers % 4) % 4)?;
        let lowest = last.saturating_sub(NAMES_PER_MARKER * MAX_PACKED + 16);
        let mut num_syms = last;
        while num_syms >= lowest {
            work.spend(1)?;
            let count = image.u32(num_syms)? as usize;
            if (counts.0..=counts.1).contains(&count) {
                for form in [LengthForm::OneOrTwoBytes, LengthForm::OneByte] {
                    for names in [num_syms + 4, num_syms + 8] {
                        let names = Names { num_syms, names, markers, count, form, seqs: None };
                        if names.check(image, work).is_some() {
                            return Some(names);
                        }
                    }
                }
            }
            num_syms = num_syms.checked_sub(4)?;
        }
        None
    }

    /// Checks that `count` names fit the markers.
    ///
    /// Each 256th must be at its marker, and the last must end at the markers.
    fn check(&self, image: Bytes<'_>, work: &mut WorkBudget) -> Option<()> {
        if !image.is_padding(self.num_syms + 4, self.names) {
            return None;
        }
        let mut at = self.names;
        for index in 0..self.count {
            if index.is_multiple_of(NAMES_PER_MARKER) {
                work.spend(NAMES_PER_MARKER.min(self.count - index))?;
                let marker = image.u32(self.markers + 4 * (index / NAMES_PER_MARKER))?;
                if at - self.names != marker as usize {
                    return None;
                }
            }
            let (tokens, len) = self.form.read(image.all, at)?;
            at = tokens + len;
            // Linux v6.1 to v7.2, scripts/kallsyms.c: "There cannot be any symbol of length zero".
            if len == 0 || len > MAX_NAME || at > self.markers {
                return None;
            }
        }
        image.is_padding(at, self.markers).then_some(())
    }
}

/// Whether `to` can be the marker after `from`.
fn is_step(from: u32, to: u32) -> bool {
    to.checked_sub(from).is_some_and(|step| {
        (NAMES_PER_MARKER * MIN_PACKED..=NAMES_PER_MARKER * MAX_PACKED).contains(&(step as usize))
    })
}
