//! The search for the table.
//!
//! It starts from the token table, the only part with a form of its own: among its 256 strings are
//! the ten digits, each alone and one after the other, because characters that occur in names keep
//! their own code (Linux v5.10 to v7.2, `scripts/kallsyms.c`). The token index after it must agree
//! with it byte for byte. From there the other parts are found backwards: markers, names and the
//! number of symbols. Last come the offsets, in one of two places.
//!
//! Parts are aligned in memory. The image's own alignment is not relied on: places are counted from
//! the token table.

use memchr::{memchr, memmem};

use crate::Endian;
use crate::Error;
use crate::bytes::Bytes;
use crate::parts::{BaseSlot, Layout, LengthForm, MAX_NAME, OffsetForm, Positions};
use crate::table::Table;

/// The tokens of the digits, codes 0x30 to 0x39.
const DIGITS: &[u8] = b"0\x001\x002\x003\x004\x005\x006\x007\x008\x009\x00";
const FIRST_DIGIT: usize = 0x30;
const TOKENS: usize = 256;
/// The bytes of the token index.
const INDEX_BYTES: usize = 2 * TOKENS;

/// How many runs of digits are looked at. A kernel has a few, of which one is in the token table.
const MAX_DIGIT_RUNS: usize = 1024;
/// How many token tables with an index that fits are looked at. A kernel has one.
const MAX_TOKEN_TABLES: usize = 16;

/// There is a marker for each 256th name.
const NAMES_PER_MARKER: usize = 256;
/// The shortest packed name: its length, and one token (that of its type, at least).
const MIN_PACKED: usize = 2;
/// The longest packed name: two bytes of length, and as many tokens as the name has characters.
const MAX_PACKED: usize = 2 + MAX_NAME;

/// Steps that may still be taken: a bound on the time that an image can take which is full of near
/// misses. A table that is there at once needs about one step for each of its symbols.
struct Work {
    left: usize,
}

impl Work {
    fn for_image(len: usize) -> Work {
        Work { left: len.saturating_mul(4).saturating_add(1 << 20) }
    }

    /// Takes `steps`, or tells that none are left.
    fn spend(&mut self, steps: usize) -> Option<()> {
        match self.left.checked_sub(steps) {
            Some(left) => {
                self.left = left;
                Some(())
            }
            None => {
                self.left = 0;
                None
            }
        }
    }

    fn is_spent(&self) -> bool {
        self.left == 0
    }
}

impl<'a> Table<'a> {
    /// Finds the table in `image`, whose numbers are in the order `endian`.
    ///
    /// `image` may be a flat image or an ELF file: the table is contiguous in either, and positions
    /// are offsets in what was given. It may begin anywhere, no alignment is needed.
    ///
    /// All parts are checked against each other (that tokens end where the index says, names at the
    /// markers, that addresses ascend), so that a table that is found is a table.
    ///
    /// # Errors
    ///
    /// [`Error::NoTokenTable`], [`Error::NoNames`] or [`Error::NoOffsets`] by how much of a table
    /// there is, [`Error::TooMuchWork`] if the image seems made to keep the search busy.
    pub fn find(image: &'a [u8], endian: Endian) -> Result<Table<'a>, Error> {
        table(Bytes { all: image, endian })
    }
}

fn table(image: Bytes<'_>) -> Result<Table<'_>, Error> {
    let mut work = Work::for_image(image.all.len());
    let mut furthest = Error::NoTokenTable;
    let token_tables = memmem::find_iter(image.all, DIGITS)
        .take(MAX_DIGIT_RUNS)
        .filter_map(|digits| Tokens::around(image, digits))
        .take(MAX_TOKEN_TABLES);
    for tokens in token_tables {
        match from_tokens(image, tokens, &mut work) {
            Ok(table) => return Ok(table),
            Err(_) if work.is_spent() => return Err(Error::TooMuchWork),
            Err(error) if error.stage() > furthest.stage() => furthest = error,
            Err(_) => {}
        }
    }
    Err(furthest)
}

fn from_tokens<'a>(image: Bytes<'a>, tokens: Tokens, work: &mut Work) -> Result<Table<'a>, Error> {
    let names = Names::before_tokens(image, &tokens, work)
        .or_else(|| Names::before_seqs(image, &tokens, work))
        .ok_or(Error::NoNames { token_table: tokens.table })?;
    let offsets = Offsets::find(image, &tokens, &names)
        .ok_or(Error::NoOffsets { names: names.names, symbols: names.count })?;
    let seqs = names.seqs.or_else(|| offsets.seqs.filter(|&seqs| is_permutation(image, seqs, names.count)));
    Ok(Table {
        image,
        layout: match (offsets.form, offsets.last, names.seqs) {
            (OffsetForm::PcRelative, ..) => Layout::PcRelative,
            (_, true, _) => Layout::OffsetsLast,
            (_, false, Some(_)) => Layout::OffsetsFirstWithSeqs,
            (_, false, None) => Layout::OffsetsFirst,
        },
        len: names.count,
        positions: Positions {
            num_syms: names.num_syms,
            names: names.names,
            markers: names.markers,
            token_table: tokens.table,
            token_index: tokens.index,
            offsets: offsets.offsets,
            seqs_of_names: seqs,
        },
        relative_base: offsets.relative_base,
        offset_form: offsets.form,
        length_form: names.form,
        tokens: tokens.tokens,
    })
}

/// The token table and its index.
struct Tokens {
    table: usize,
    index: usize,
    /// Place in the image and length of each token.
    tokens: Vec<(usize, usize)>,
}

impl Tokens {
    /// The token table whose digits are at `digits`, if its index follows it.
    fn around(image: Bytes<'_>, digits: usize) -> Option<Tokens> {
        let mut end = digits;
        for _ in FIRST_DIGIT..TOKENS {
            // A token is no longer than the name it comes from.
            let rest = image.all.get(end..)?;
            let rest = rest.get(..MAX_NAME + 1).unwrap_or(rest);
            end += memchr(0, rest)? + 1;
        }
        (end..end + 8).find_map(|index| Tokens::with_index(image, digits, end, index))
    }

    /// The token table whose digits are at `digits` and that ends at `end`, if its index is at
    /// `index`.
    fn with_index(image: Bytes<'_>, digits: usize, end: usize, index: usize) -> Option<Tokens> {
        let entry = |i: usize| image.u16(index + 2 * i).map(usize::from);
        let table = digits.checked_sub(entry(FIRST_DIGIT)?)?;
        if entry(0)? != 0 || !(index - table).is_multiple_of(4) || !image.is_padding(end, index) {
            return None;
        }
        let mut tokens = Vec::with_capacity(TOKENS);
        let mut at = table;
        for i in 0..TOKENS {
            if table + entry(i)? != at {
                return None;
            }
            let len = memchr(0, image.all.get(at..end)?)?;
            tokens.push((at, len));
            at += len + 1;
        }
        (at == end).then_some(Tokens { table, index, tokens })
    }
}

/// The names, and what is beside them.
#[derive(Clone, Copy)]
struct Names {
    num_syms: usize,
    names: usize,
    markers: usize,
    count: usize,
    form: LengthForm,
    /// `seqs_of_names`, if it is between the markers and the token table.
    seqs: Option<usize>,
}

impl Names {
    /// The names whose markers end at the token table.
    fn before_tokens(image: Bytes<'_>, tokens: &Tokens, work: &mut Work) -> Option<Names> {
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

    /// The names between whose markers and the token table there is `seqs_of_names`.
    fn before_seqs(image: Bytes<'_>, tokens: &Tokens, work: &mut Work) -> Option<Names> {
        // The length of that list is not known. Each run of numbers that ascend from 0 as markers
        // do is looked at; how far it is from the token table then gives how many symbols there are.
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

    /// The names whose markers are the first of the `run` numbers at `markers`, with `seqs_of_names`
    /// between these and the token table.
    fn with_seqs(
        image: Bytes<'_>,
        tokens: &Tokens,
        markers: usize,
        run: usize,
        work: &mut Work,
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

    /// The names, `counts.0` to `counts.1` of them, whose `number` markers are at `markers`.
    fn before_markers(
        image: Bytes<'_>,
        markers: usize,
        number: usize,
        counts: (usize, usize),
        work: &mut Work,
    ) -> Option<Names> {
        // The last marker says where the last few names are, but not how long these are. So the
        // number of symbols, which is before the names, is looked for over all that they may take.
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
                        if names.fit(image, work).is_some() {
                            return Some(names);
                        }
                    }
                }
            }
            num_syms = num_syms.checked_sub(4)?;
        }
        None
    }

    /// Whether these are as many names as there should be, with each 256th at its marker and the
    /// last before the markers.
    fn fit(&self, image: Bytes<'_>, work: &mut Work) -> Option<()> {
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

/// Whether `to` may be the marker after `from`.
fn is_step(from: u32, to: u32) -> bool {
    to.checked_sub(from).is_some_and(|step| {
        (NAMES_PER_MARKER * MIN_PACKED..=NAMES_PER_MARKER * MAX_PACKED).contains(&(step as usize))
    })
}

/// Whether the `count` entries of three bytes at `at`, big-endian on each architecture, are the
/// numbers below `count` in some order.
fn is_permutation(image: Bytes<'_>, at: usize, count: usize) -> bool {
    let Some(entries) = image.get(at, 3 * count) else { return false };
    let mut seen = vec![false; count];
    entries.as_chunks::<3>().0.iter().all(|&[high, middle, low]| {
        let number = usize::from(high) << 16 | usize::from(middle) << 8 | usize::from(low);
        seen.get_mut(number).is_some_and(|seen| !std::mem::replace(seen, true))
    })
}

/// The offsets.
struct Offsets {
    offsets: usize,
    form: OffsetForm,
    relative_base: Option<BaseSlot>,
    /// Whether they are after the token index, not before the number of symbols.
    last: bool,
    /// Where `seqs_of_names` is, if they are last.
    seqs: Option<usize>,
}

impl Offsets {
    fn find(image: Bytes<'_>, tokens: &Tokens, names: &Names) -> Option<Offsets> {
        Offsets::first(image, names).or_else(|| Offsets::last(image, tokens, names))
    }

    /// Offsets and the base before the number of symbols.
    fn first(image: Bytes<'_>, names: &Names) -> Option<Offsets> {
        let position = names.num_syms.checked_sub(8)?;
        let offsets = position.checked_sub((4 * names.count).next_multiple_of(8))?;
        if !image.is_padding(offsets + 4 * names.count, position) {
            return None;
        }
        Some(Offsets {
            offsets,
            form: based_form(image, offsets, names.count)?,
            relative_base: Some(BaseSlot { position, value: image.u64(position)? }),
            last: false,
            seqs: None,
        })
    }

    /// Offsets, and the base if there is one, after the token index.
    fn last(image: Bytes<'_>, tokens: &Tokens, names: &Names) -> Option<Offsets> {
        let offsets = tokens.index + INDEX_BYTES;
        let end = offsets + 4 * names.count;
        if let Some(form) = based_form(image, offsets, names.count) {
            let position = offsets + (4 * names.count).next_multiple_of(8);
            let relative_base = Some(BaseSlot { position, value: image.u64(position)? });
            return Some(Offsets { offsets, form, relative_base, last: true, seqs: Some(position + 8) });
        }
        is_pc_relative(image, offsets, names.count).then_some(Offsets {
            offsets,
            form: OffsetForm::PcRelative,
            relative_base: None,
            last: true,
            seqs: Some(end),
        })
    }
}

fn offsets(image: Bytes<'_>, at: usize, count: usize) -> Option<impl Iterator<Item = u32>> {
    let end = at.checked_add(count.checked_mul(4)?)?;
    (end <= image.all.len()).then(|| (0..count).map_while(move |i| image.u32(at + 4 * i)))
}

/// What the `count` offsets at `at` mean if they count from a base. `None` if they do not.
///
/// Symbols are sorted by address, and the base is the lowest address that is not per-CPU (Linux
/// v5.10 to v6.12, `scripts/kallsyms.c`, `record_relative_base`). So unsigned offsets ascend from 0;
/// and where there are per-CPU ones, these ascend first, all others then descend from -1.
fn based_form(image: Bytes<'_>, at: usize, count: usize) -> Option<OffsetForm> {
    let first = image.u32(at)?;
    // With -1 as the lowest that is negative: read as unsigned, no symbol is 4 GB above the base.
    let mut before = 0;
    let per_cpu = offsets(image, at, count)?.map(u32::cast_signed).all(|offset| {
        let before = std::mem::replace(&mut before, offset);
        match (before < 0, offset < 0) {
            (false, false) => before <= offset,
            (true, true) => before >= offset,
            (false, true) => offset == -1,
            (true, false) => false,
        }
    });
    if per_cpu && before < 0 {
        let pattern = first == u32::MAX && before == -1 && count >= PATTERN;
        return (!pattern).then_some(OffsetForm::AbsolutePercpu);
    }
    let mut before = 0;
    let ascending = offsets(image, at, count)?.all(|offset| std::mem::replace(&mut before, offset) <= offset);
    // All zero is memory without anything in it.
    (first == 0 && ascending && (before != 0 || count == 1)).then_some(OffsetForm::Unsigned)
}

/// Equal words in a row that no table has: so many are memory filled with a pattern.
const PATTERN: usize = 16;

/// Whether the `count` offsets at `at`, each from its own slot, ascend.
fn is_pc_relative(image: Bytes<'_>, at: usize, count: usize) -> bool {
    let Some(offsets) = offsets(image, at, count) else { return false };
    let mut before = i64::MIN;
    let mut equal = true;
    let mut first = None;
    for (slot, offset) in (0i64..).step_by(4).zip(offsets) {
        equal &= *first.get_or_insert(offset) == offset;
        let address = slot + i64::from(offset.cast_signed());
        if address < before {
            return false;
        }
        before = address;
    }
    // Words that are all the same would ascend too.
    first != Some(0) && !(equal && count >= PATTERN)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(offsets: &[i32]) -> Option<OffsetForm> {
        let all: Vec<u8> = offsets.iter().flat_map(|offset| offset.to_be_bytes()).collect();
        let image = Bytes { all: &all, endian: Endian::Big };
        based_form(image, 0, offsets.len())
            .or_else(|| is_pc_relative(image, 0, offsets.len()).then_some(OffsetForm::PcRelative))
    }

    #[test]
    fn offsets_tell_what_they_count_from() {
        assert_eq!(form(&[0]), Some(OffsetForm::Unsigned));
        assert_eq!(form(&[0, 0, 16, 16, i32::MAX, i32::MIN, -1]), Some(OffsetForm::Unsigned));
        assert_eq!(form(&[-1]), Some(OffsetForm::AbsolutePercpu));
        assert_eq!(form(&[-1, -1, -17, i32::MIN]), Some(OffsetForm::AbsolutePercpu));
        assert_eq!(form(&[0, 8, 8, 64, -1, -17]), Some(OffsetForm::AbsolutePercpu));
        assert_eq!(form(&[-4096, -4100, -4000]), Some(OffsetForm::PcRelative));
        assert_eq!(form(&[-4096, -4101, -4000]), None);
        assert_eq!(form(&[0, 8, 4, -1, -17]), None);
        assert_eq!(form(&[0, 8, -2, -17]), None);
        assert_eq!(form(&[0, 8, -1, -17, -16]), None);
    }

    #[test]
    fn memory_filled_with_a_pattern_is_no_offsets() {
        for filler in [0, -1, 0x2020_2020, 0x0101_0101] {
            assert_eq!(form(&[filler; 300]), None);
        }
    }

    #[test]
    fn a_permutation_has_each_number_once() {
        let is = |bytes: &[u8], count| is_permutation(Bytes { all: bytes, endian: Endian::Little }, 0, count);
        assert!(is(&[], 0));
        assert!(is(&[0, 0, 2, 0, 0, 0, 0, 0, 1], 3));
        assert!(!is(&[0, 0, 2, 0, 0, 0, 0, 0, 2], 3));
        assert!(!is(&[0, 0, 3, 0, 0, 0, 0, 0, 1], 3));
        assert!(!is(&[0, 0, 2, 0, 0, 0, 0, 0], 3));
    }
}
