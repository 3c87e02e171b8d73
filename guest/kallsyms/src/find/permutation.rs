//! Recognises `kallsyms_seqs_of_names`, a permutation of symbol numbers.

use crate::bytes::Bytes;

/// Whether the `count` entries at `at` are the numbers below `count` in some order.
///
/// An entry has three bytes, big-endian on each architecture.
pub(super) fn is_permutation(image: Bytes<'_>, at: usize, count: usize) -> bool {
    let Some(entries) = image.get(at, 3 * count) else { return false };
    let mut seen = vec![false; count];
    entries.as_chunks::<3>().0.iter().all(|&[high, middle, low]| {
        let number = usize::from(high) << 16 | usize::from(middle) << 8 | usize::from(low);
        seen.get_mut(number).is_some_and(|seen| !std::mem::replace(seen, true))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bytes::Endian;

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
