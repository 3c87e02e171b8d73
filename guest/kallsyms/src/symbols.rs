//! Symbols with their addresses, and lookup among them.

use crate::error::Error;
use crate::parts::MAX_NAME;

/// All names together may be so long, in bytes. The largest kernel seen (arm64 7.2) needs 5 MB.
const MAX_NAMES: usize = 128 << 20;

/// Bit 7 of a stored letter: the symbol is an offset into the per-CPU area.
const PER_CPU: u8 = 0x80;

/// One symbol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Symbol<'a> {
    /// Its name.
    pub name: &'a str,
    /// The letter of its type, as `nm` gives it: `T` and `t` are text, `D` and `d` data, `B` and `b`
    /// bss, `R` and `r` read-only data, `W`, `w`, `V` and `v` weak, `A` absolute. Upper case is
    /// global. An ASCII character.
    pub kind: u8,
    /// Its address in the running kernel, as far as the base given was that of the running kernel;
    /// an offset into the per-CPU area if `is_per_cpu_offset`.
    pub address: u64,
    /// Whether `address` is an offset into the per-CPU area, not an address. Only in tables that
    /// [are absolute per-CPU](crate::Table::is_absolute_percpu), where `kind` then is `A`.
    pub is_per_cpu_offset: bool,
}

impl Symbol<'_> {
    /// Whether the symbol is of code: its type is one of `T`, `t`, `W` and `w`.
    pub fn is_text(&self) -> bool {
        is_text(self.kind)
    }
}

fn is_text(kind: u8) -> bool {
    matches!(kind, b'T' | b't' | b'W' | b'w')
}

/// Symbols in ascending order of addresses, those of the same address in the order of the table.
///
/// The table's order is by preference: `scripts/kallsyms.c` of Linux v5.10 to v7.2
/// (`compare_symbols`) puts names that are not weak before weak ones, those that a linker did not
/// make before those it did, and those with fewer leading underscores before others.
#[derive(Clone, PartialEq, Eq)]
pub struct Symbols {
    /// In ascending order.
    addresses: Vec<u64>,
    /// The letter of the type, with [`PER_CPU`].
    kinds: Vec<u8>,
    /// All names, without anything between them: ASCII.
    names: String,
    /// Where in `names` each ends.
    ends: Vec<u32>,
    /// All symbols in the order of their names, those of the same name in ascending order of numbers.
    by_name: Vec<u32>,
    /// The symbols that answer questions about code, in ascending order.
    text: Vec<u32>,
}

impl std::fmt::Debug for Symbols {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Symbols").field("len", &self.len()).finish_non_exhaustive()
    }
}

/// Columns of [`Symbols`] as they are kept in a cache. The others are made from these.
pub(crate) struct Columns<'a> {
    pub(crate) addresses: Vec<u64>,
    pub(crate) kinds: Vec<u8>,
    pub(crate) lengths: Vec<u16>,
    pub(crate) by_name: Vec<u32>,
    pub(crate) names: &'a [u8],
}

impl Symbols {
    /// The number of symbols.
    pub fn len(&self) -> usize {
        self.addresses.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.addresses.is_empty()
    }

    /// The symbol of number `index`, counted in ascending order of addresses from 0.
    pub fn get(&self, index: usize) -> Option<Symbol<'_>> {
        let kind = *self.kinds.get(index)?;
        Some(Symbol {
            name: self.name(index),
            kind: kind & !PER_CPU,
            address: *self.addresses.get(index)?,
            is_per_cpu_offset: kind & PER_CPU != 0,
        })
    }

    /// All symbols in ascending order of addresses, those of the same address in the order of the
    /// table. Offsets into the per-CPU area are ordered among the addresses by their values.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = Symbol<'_>> + ExactSizeIterator {
        // `get` gives a symbol for each number in this range.
        let none = Symbol { name: "", kind: b'?', address: 0, is_per_cpu_offset: false };
        (0..self.len()).map(move |index| self.get(index).unwrap_or(none))
    }

    /// The symbols of this name in the order of [`iter`](Self::iter). Static functions of several
    /// files may have the same name.
    pub fn named<'s>(&'s self, name: &str) -> impl DoubleEndedIterator<Item = Symbol<'s>> + use<'s> {
        let first = self.by_name.partition_point(|&index| self.name(index as usize) < name);
        let rest = self.by_name.get(first..).unwrap_or_default();
        let count = rest.partition_point(|&index| self.name(index as usize) <= name);
        rest.get(..count).unwrap_or_default().iter().filter_map(|&index| self.get(index as usize))
    }

    /// The symbol of this name that has the lowest address.
    pub fn first_named(&self, name: &str) -> Option<Symbol<'_>> {
        self.named(name).next()
    }

    /// The code at `address`: the nearest text symbol at or below it, and how many bytes above the
    /// symbol the address is. `None` below the first.
    ///
    /// Of several at the same address it is the first in the order of the table (see [`Symbols`]
    /// for that order), which also is what the kernel tells (Linux v5.10 to v7.2,
    /// `kernel/kallsyms.c`, `get_symbol_pos`). Symbols whose names begin with `$` mark what is code
    /// and what is data for a disassembler, and are passed over.
    ///
    /// Nothing bounds the distance: an address behind the code is told as one far above its last
    /// symbol. A caller that may have such addresses compares with the symbol's
    /// [size](Self::size_of), or with `_etext`.
    pub fn at(&self, address: u64) -> Option<(Symbol<'_>, u64)> {
        let above = self.text.partition_point(|&index| self.address(index) <= address);
        let symbol = self.address(*self.text.get(above.checked_sub(1)?)?);
        let first = self.text.partition_point(|&index| self.address(index) < symbol);
        let symbol = self.get(*self.text.get(first)? as usize)?;
        Some((symbol, address - symbol.address))
    }

    /// The bytes from `symbol` to the next text symbol at a higher address: the size of its code,
    /// with the padding after it. `None` if there is none higher.
    pub fn size_of(&self, symbol: &Symbol<'_>) -> Option<u64> {
        let next = self.text.partition_point(|&index| self.address(index) <= symbol.address);
        Some(self.address(*self.text.get(next)?) - symbol.address)
    }

    fn address(&self, index: u32) -> u64 {
        self.addresses.get(index as usize).copied().unwrap_or(0)
    }

    fn name(&self, index: usize) -> &str {
        let start = match index.checked_sub(1) {
            Some(before) => self.ends.get(before).copied().unwrap_or(0),
            None => 0,
        };
        let end = self.ends.get(index).copied().unwrap_or(0);
        self.names.get(start as usize..end as usize).unwrap_or("")
    }

    /// The addresses, letters, names and order by name, to be written to a cache.
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

    /// Symbols of the columns, `None` if these are not what [`columns`](Self::columns) gives.
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
        // In strictly ascending order no number is there twice, so that each is there once.
        let key = |index: u32| (symbols.name(index as usize), index);
        let sorted = symbols.by_name.iter().all(|&index| (index as usize) < count)
            && symbols.by_name.is_sorted_by(|&a, &b| key(a) < key(b));
        if !sorted {
            return None;
        }
        symbols.index_text();
        Some(symbols)
    }

    fn index_text(&mut self) {
        let text = (0u32..).zip(&self.kinds).filter(|&(index, &kind)| {
            // A per-CPU offset has PER_CPU set, and so is no text.
            is_text(kind) && !self.name(index as usize).starts_with('$')
        });
        self.text = text.map(|(index, _)| index).collect();
    }

    fn index_names(&mut self) {
        // Most names differ in their first eight bytes: with these in the key a comparison does
        // mostly without the names, which are far apart in memory.
        let mut keys: Vec<(u64, u32)> = (0u32..)
            .zip(&self.kinds)
            .map(|(index, _)| {
                let name = self.name(index as usize).as_bytes();
                let mut head = [0; 8];
                head.iter_mut().zip(name).for_each(|(to, from)| *to = *from);
                (u64::from_be_bytes(head), index)
            })
            .collect();
        keys.sort_unstable_by(|a, b| {
            let names = || self.name(a.1 as usize).cmp(self.name(b.1 as usize));
            a.0.cmp(&b.0).then_with(names).then(a.1.cmp(&b.1))
        });
        self.by_name = keys.into_iter().map(|(_, index)| index).collect();
    }
}

/// Makes [`Symbols`] of the symbols of a table, in the table's order.
pub(crate) struct Builder {
    addresses: Vec<u64>,
    kinds: Vec<u8>,
    names: Vec<u8>,
    ends: Vec<u32>,
}

impl Builder {
    pub(crate) fn with_capacity(count: usize) -> Builder {
        Builder {
            addresses: Vec::with_capacity(count),
            kinds: Vec::with_capacity(count),
            // What a name has on average in the kernels seen.
            names: Vec::with_capacity(count.saturating_mul(25).min(MAX_NAMES)),
            ends: Vec::with_capacity(count),
        }
    }

    /// Adds symbol number `index` of the table. `name` begins with the letter of the type.
    pub(crate) fn push(
        &mut self,
        index: usize,
        name: &[u8],
        address: u64,
        per_cpu: bool,
    ) -> Result<(), Error> {
        let Some((&kind, name)) = name.split_first() else {
            return Err(Error::NameNotAscii { index });
        };
        if !kind.is_ascii_graphic() || !name.iter().all(u8::is_ascii_graphic) {
            return Err(Error::NameNotAscii { index });
        }
        if self.names.len() + name.len() > MAX_NAMES {
            return Err(Error::NamesTooLarge);
        }
        self.names.extend_from_slice(name);
        self.ends.push(u32::try_from(self.names.len()).map_err(|_| Error::NamesTooLarge)?);
        self.addresses.push(address);
        self.kinds.push(if per_cpu { kind | PER_CPU } else { kind });
        Ok(())
    }

    pub(crate) fn finish(self) -> Symbols {
        let Builder { addresses, kinds, names, ends } = self;
        // Only ASCII was pushed, so nothing is replaced.
        let names = String::from_utf8(names).unwrap_or_default();
        let mut symbols = Symbols { addresses, kinds, names, ends, by_name: Vec::new(), text: Vec::new() };
        // Tables are in order; with a base for which sums wrap, addresses may not be.
        if !symbols.addresses.is_sorted() {
            symbols.sort();
        }
        symbols.index_text();
        symbols.index_names();
        symbols
    }
}

impl Symbols {
    fn sort(&mut self) {
        let mut order: Vec<usize> = (0..self.len()).collect();
        order.sort_by_key(|&index| self.addresses.get(index));
        let mut names = String::with_capacity(self.names.len());
        let mut ends = Vec::with_capacity(order.len());
        let mut end = 0;
        for &index in &order {
            let name = self.name(index);
            names.push_str(name);
            end += name.len() as u32; // Below MAX_NAMES in all.
            ends.push(end);
        }
        self.addresses = order.iter().filter_map(|&index| self.addresses.get(index).copied()).collect();
        self.kinds = order.iter().filter_map(|&index| self.kinds.get(index).copied()).collect();
        self.names = names;
        self.ends = ends;
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

    #[test]
    fn names_are_checked_as_they_come() {
        let mut builder = Builder::with_capacity(1);
        for name in [b"".as_slice(), b"\0", b"\x80x", b"t\xff", b"ta b"] {
            assert_eq!(builder.push(7, name, 0, false), Err(Error::NameNotAscii { index: 7 }));
        }
        assert_eq!(builder.push(7, b"?x", 1, false), Ok(()));
        let symbols = builder.finish();
        assert_eq!(symbols.len(), 1);
        assert_eq!(symbols.get(0).map(|s| (s.kind, s.name, s.address)), Some((b'?', "x", 1)));
    }
}
