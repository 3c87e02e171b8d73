//! Finds the offsets, in one of two places, and the base they count from.

use super::names::Names;
use super::tokens::{INDEX_BYTES, Tokens};
use crate::bytes::Bytes;
use crate::parts::{BaseSlot, OffsetForm};

/// The offsets and their base. Places are offsets in the image.
pub(super) struct Offsets {
    /// The place of the offsets.
    pub offsets: usize,
    /// The meaning of an offset.
    pub form: OffsetForm,
    /// The slot of the base, unless offsets are PC-relative.
    pub relative_base: Option<BaseSlot>,
    /// Whether the offsets follow the token index. Otherwise they precede the number of symbols.
    pub last: bool,
    /// The place of `seqs_of_names`, if the offsets are after the token index.
    pub seqs: Option<usize>,
}

impl Offsets {
    /// Finds the offsets, which are before the number of symbols or after the token index.
    pub(super) fn find(image: Bytes<'_>, tokens: &Tokens, names: &Names) -> Option<Offsets> {
        Offsets::first(image, names).or_else(|| Offsets::last(image, tokens, names))
    }

    /// Finds offsets and the base before the number of symbols.
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

    /// Finds offsets, and the base if the table has one, after the token index.
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

/// Returns the `count` offsets at `at`, if the image has them all.
fn offsets(image: Bytes<'_>, at: usize, count: usize) -> Option<impl Iterator<Item = u32>> {
    let end = at.checked_add(count.checked_mul(4)?)?;
    (end <= image.all.len()).then(|| (0..count).map_while(move |i| image.u32(at + 4 * i)))
}

/// Returns the meaning of the `count` offsets at `at`; `None` if they do not count from a base.
///
/// Symbols are sorted by address, and the base is the lowest address that is not per-CPU (Linux v5.10 to v6.12,
/// `scripts/kallsyms.c`, `record_relative_base`). So unsigned offsets ascend from 0. If some offsets are per-CPU,
/// these ascend first, and all others then descend from -1.
fn based_form(image: Bytes<'_>, at: usize, count: usize) -> Option<OffsetForm> {
    let first = image.u32(at)?;
    // Negative offsets begin with -1. An unsigned offset does not jump there: no symbol is 4 GB above the base.
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
    // Zeros alone are empty memory.
    (first == 0 && ascending && (before != 0 || count == 1)).then_some(OffsetForm::Unsigned)
}

/// The number of equal words in a row that no table has.
///
/// Memory that is filled with a pattern has them.
const PATTERN: usize = 16;

/// Whether the `count` offsets at `at`, each counted from its own slot, ascend.
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
    // Equal words would ascend too.
    first != Some(0) && !(equal && count >= PATTERN)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bytes::Endian;

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
}
