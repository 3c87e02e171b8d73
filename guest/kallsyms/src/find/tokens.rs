//! Finds the token table, from which the search starts.

use memchr::memchr;

use crate::bytes::Bytes;
use crate::parts::MAX_NAME;

/// The tokens of the digits, codes 0x30 to 0x39.
pub(super) const DIGITS: &[u8] = b"0\x001\x002\x003\x004\x005\x006\x007\x008\x009\x00";
/// The code of the first digit.
const FIRST_DIGIT: usize = 0x30;
/// The number of tokens.
const TOKENS: usize = 256;
/// The size of the token index in bytes.
pub(super) const INDEX_BYTES: usize = 2 * TOKENS;

/// The token table and its index. Places are offsets in the image.
pub(super) struct Tokens {
    /// The place of the token table.
    pub table: usize,
    /// The place of the token index.
    pub index: usize,
    /// The place and length of each token.
    pub tokens: Vec<(usize, usize)>,
}

impl Tokens {
    /// Finds the token table whose digits are at `digits`, if its index follows it.
    pub(super) fn around_digits(image: Bytes<'_>, digits: usize) -> Option<Tokens> {
        let mut end = digits;
        for _ in FIRST_DIGIT..TOKENS {
            // A token is no longer than the name it comes from.
            let rest = image.all.get(end..)?;
            let rest = rest.get(..MAX_NAME + 1).unwrap_or(rest);
            end += memchr(0, rest)? + 1;
        }
        (end..end + 8).find_map(|index| Tokens::with_index(image, digits, end, index))
    }

    /// Returns the token table that contains `digits` and ends at `end`, if its index is at `index`.
    ///
    /// `digits` is the place of its digits, not of its start.
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
