//! Symbols with their addresses, and lookup among them.

/// The most bytes of all names together.
///
/// The largest kernel seen (arm64 7.2) needs 5 MB.
pub(crate) const MAX_NAMES: usize = 128 << 20;

/// Bit 7 of a stored letter: the symbol is an offset into the per-CPU area.
pub(crate) const PER_CPU: u8 = 0x80;

/// One symbol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Symbol<'a> {
    /// The name.
    pub name: &'a str,
    /// The letter of the type, as `nm` gives it.
    ///
    /// `T` and `t` are text, `D` and `d` data, `B` and `b` bss, `R` and `r` read-only data, `W`, `w`, `V`
    /// and `v` weak, `A` absolute. Upper case is global. The letter is an ASCII character.
    pub kind: u8,
    /// The address in the running kernel, if the base was that of the running kernel.
    ///
    /// It is an offset into the per-CPU area if `is_per_cpu_offset`.
    pub address: u64,
    /// Whether `address` is an offset into the per-CPU area, not an address.
    ///
    /// Only tables that [are absolute per-CPU](crate::Table::is_absolute_percpu) have such symbols.
    /// Their `kind` is `A`.
    pub is_per_cpu_offset: bool,
}

impl Symbol<'_> {
    /// Whether the symbol is code: its type is one of `T`, `t`, `W` and `w`.
    pub fn is_text(&self) -> bool {
        is_text(self.kind)
    }
}

/// Whether the letter of a type means code.
fn is_text(kind: u8) -> bool {
    matches!(kind, b'T' | b't' | b'W' | b'w')
}

/// Symbols in ascending order of addresses.
///
/// Symbols of the same address have the order of the table, which is by preference: `scripts/kallsyms.c` of Linux
/// v5.10 to v7.2 (`compare_symbols`) puts names that are not weak before weak ones, names that a linker did not
/// make before those it made, and names with fewer leading underscores before others.
#[derive(Clone, PartialEq, Eq)]
pub struct Symbols {
    /// The addresses, in ascending order.
    pub(crate) addresses: Vec<u64>,
    /// The letters of the types, with [`PER_CPU`].
    pub(crate) kinds: Vec<u8>,
    /// All names, without separators: ASCII.
    pub(crate) names: String,
    /// The end of each name in `names`.
    pub(crate) ends: Vec<u32>,
    /// The numbers of the symbols in the order of their names, ascending among equal names.
    pub(crate) by_name: Vec<u32>,
    /// The numbers of the text symbols, in ascending order.
    pub(crate) text: Vec<u32>,
}

impl std::fmt::Debug for Symbols {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Symbols").field("len", &self.len()).finish_non_exhaustive()
    }
}

impl Symbols {
    /// The number of symbols.
    pub fn len(&self) -> usize {
        self.addresses.len()
    }

    /// Whether there are no symbols.
    pub fn is_empty(&self) -> bool {
        self.addresses.is_empty()
    }

    /// Returns symbol number `index`, counted from 0 in ascending order of addresses.
    pub fn get(&self, index: usize) -> Option<Symbol<'_>> {
        let kind = *self.kinds.get(index)?;
        Some(Symbol {
            name: self.name(index),
            kind: kind & !PER_CPU,
            address: *self.addresses.get(index)?,
            is_per_cpu_offset: kind & PER_CPU != 0,
        })
    }

    /// Returns all symbols in ascending order of addresses.
    ///
    /// Symbols of the same address have the order of the table. Offsets into the per-CPU area are ordered among
    /// the addresses by their values.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = Symbol<'_>> + ExactSizeIterator {
        // `get` returns a symbol for each number in this range.
        let none = Symbol { name: "", kind: b'?', address: 0, is_per_cpu_offset: false };
        (0..self.len()).map(move |index| self.get(index).unwrap_or(none))
    }

    /// Returns the symbols of this name in the order of [`iter`](Self::iter).
    ///
    /// Static functions of several files can have the same name.
    pub fn named<'s>(&'s self, name: &str) -> impl DoubleEndedIterator<Item = Symbol<'s>> + use<'s> {
        let first = self.by_name.partition_point(|&index| self.name(index as usize) < name);
        let rest = self.by_name.get(first..).unwrap_or_default();
        let count = rest.partition_point(|&index| self.name(index as usize) <= name);
        rest.get(..count).unwrap_or_default().iter().filter_map(|&index| self.get(index as usize))
    }

    /// Returns the symbol of this name that has the lowest address.
    pub fn first_named(&self, name: &str) -> Option<Symbol<'_>> {
        self.named(name).next()
    }

    /// Returns the nearest text symbol at or below `address`, and the distance in bytes.
    ///
    /// `None` below the first text symbol. Among several symbols at the same address it is the first in the order
    /// of the table (see [`Symbols`] for that order), which the kernel reports too (Linux v5.10 to v7.2,
    /// `kernel/kallsyms.c`, `get_symbol_pos`). Symbols whose names begin with `$` do not count: they mark code and
    /// data for a disassembler.
    ///
    /// The distance is not bounded: for an address after the code it is the distance from the last text symbol. A
    /// caller that can have such addresses compares the distance with the symbol's [size](Self::size_of), or the
    /// address with `_etext`.
    pub fn at(&self, address: u64) -> Option<(Symbol<'_>, u64)> {
        let above = self.text.partition_point(|&index| self.address(index) <= address);
        let symbol = self.address(*self.text.get(above.checked_sub(1)?)?);
        let first = self.text.partition_point(|&index| self.address(index) < symbol);
        let symbol = self.get(*self.text.get(first)? as usize)?;
        Some((symbol, address - symbol.address))
    }

    /// Returns the size in bytes of the code of `symbol`, including the padding after it.
    ///
    /// The code extends to the next text symbol at a higher address. `None` if no such symbol exists.
    pub fn size_of(&self, symbol: &Symbol<'_>) -> Option<u64> {
        let next = self.text.partition_point(|&index| self.address(index) <= symbol.address);
        Some(self.address(*self.text.get(next)?) - symbol.address)
    }

    /// Returns the address of symbol number `index`; 0 if it does not exist.
    fn address(&self, index: u32) -> u64 {
        self.addresses.get(index as usize).copied().unwrap_or(0)
    }

    /// Returns the name of symbol number `index`; empty if it does not exist.
    pub(crate) fn name(&self, index: usize) -> &str {
        let start = match index.checked_sub(1) {
            Some(before) => self.ends.get(before).copied().unwrap_or(0),
            None => 0,
        };
        let end = self.ends.get(index).copied().unwrap_or(0);
        self.names.get(start as usize..end as usize).unwrap_or("")
    }

    /// Makes the list of text symbols.
    pub(crate) fn index_text(&mut self) {
        let text = (0u32..).zip(&self.kinds).filter(|&(index, &kind)| {
            // A per-CPU offset has PER_CPU set, and so is no text.
            is_text(kind) && !self.name(index as usize).starts_with('$')
        });
        self.text = text.map(|(index, _)| index).collect();
    }

    /// Makes the order by name.
    pub(crate) fn index_names(&mut self) {
        // Most names differ in their first eight bytes. With these in the key, most comparisons need not read the
        // names, which are far apart in memory.
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

    /// Sorts the symbols by address. Symbols of the same address keep their order.
    pub(crate) fn sort(&mut self) {
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
