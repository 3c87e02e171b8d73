//! The columns of symbols that a cache keeps.

use crate::parts::MAX_NAME;
use crate::symbols::{MAX_NAMES, PER_CPU, Symbols};

/// The columns of [`Symbols`] that a cache keeps.
///
/// The other columns are derived from these.
pub(crate) struct Columns<'a> {
    pub(crate) addresses: Vec<u64>,
    pub(crate) kinds: Vec<u8>,
    pub(crate) lengths: Vec<u16>,
    pub(crate) by_name: Vec<u32>,
    pub(crate) names: &'a [u8],
}

impl Symbols {
    /// Returns the columns that a cache keeps.
    pub(crate) fn columns(&self) -> Columns<'_> {
        let mut start = 0;
        let lengths = self.ends.iter().map(|&end| {
            // At most MAX_NAME.
            let length = u16::try_from(end - start).unwrap_or(0);
            start = end;
            length
        });
        Columns {
            lengths: lengths.collect(),
            addresses: self.addresses.clone(),
            kinds: self.kinds.clone(),
            by_name: self.by_name.clone(),
            names: self.names.as_bytes(),
        }
    }

    /// Builds symbols from columns; `None` if the columns are not those of symbols.
    pub(crate) fn from_columns(columns: Columns<'_>) -> Option<Symbols> {
        let Columns { addresses, kinds, lengths, by_name, names } = columns;
        let count = addresses.len();
        if [kinds.len(), lengths.len(), by_name.len()] != [count; 3]
            || names.len() > MAX_NAMES
            || !names.iter().all(u8::is_ascii_graphic)
            || !kinds.iter().all(|kind| (kind & !PER_CPU).is_ascii_graphic())
            || !addresses.is_sorted()
        {
            return None;
        }
        let mut ends = Vec::with_capacity(count);
        let mut end = 0u32;
        for length in lengths {
            if usize::from(length) >= MAX_NAME {
                return None;
            }
            end = end.checked_add(u32::from(length))?;
            ends.push(end);
        }
        if end as usize != names.len() {
            return None;
        }
        let names = String::from_utf8(names.to_vec()).ok()?;
        let mut symbols = Symbols { addresses, kinds, names, ends, by_name, text: Vec::new() };
        // A strictly ascending order has no number twice, so it has each number once.
        let key = |index: u32| (symbols.name(index as usize), index);
        let sorted = symbols.by_name.iter().all(|&index| (index as usize) < count)
            && symbols.by_name.is_sorted_by(|&a, &b| key(a) < key(b));
        if !sorted {
            return None;
        }
        symbols.index_text();
        Some(symbols)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns() -> Columns<'static> {
        Columns {
            addresses: vec![16, 32, 32],
            kinds: vec![b'A' | PER_CPU, b't', b'T'],
            lengths: vec![3, 1, 2],
            by_name: vec![1, 2, 0],
            names: b"zzzaab",
        }
    }

    #[test]
    fn columns_are_kept() {
        let symbols = Symbols::from_columns(columns()).unwrap();
        let all: Vec<_> = symbols.iter().map(|s| (s.address, s.kind, s.name, s.is_per_cpu_offset)).collect();
        assert_eq!(all, [(16, b'A', "zzz", true), (32, b't', "a", false), (32, b'T', "ab", false)]);
        assert_eq!(symbols.first_named("ab"), symbols.get(2));
        assert_eq!(symbols.at(40), symbols.get(1).map(|symbol| (symbol, 8)));
        assert_eq!(Symbols::from_columns(symbols.columns()), Some(symbols));
    }

    #[test]
    fn columns_that_disagree_are_refused() {
        let refused = |change: fn(&mut Columns<'_>)| {
            let mut columns = columns();
            change(&mut columns);
            assert_eq!(Symbols::from_columns(columns), None);
        };
        refused(|c| c.addresses[0] = 33);
        refused(|c| c.addresses.truncate(2));
        refused(|c| c.kinds[0] = PER_CPU);
        refused(|c| c.kinds.truncate(2));
        refused(|c| c.lengths[1] = 2);
        refused(|c| c.lengths[1] = u16::MAX);
        refused(|c| c.lengths.truncate(2));
        refused(|c| c.by_name = vec![2, 1, 0]);
        refused(|c| c.by_name = vec![1, 1, 0]);
        refused(|c| c.by_name = vec![1, 2, 3]);
        refused(|c| c.by_name.truncate(2));
        refused(|c| c.names = b"zzzaa");
        refused(|c| c.names = b"zzz\xffab");
        refused(|c| c.names = b"zzz ab");
    }
}
