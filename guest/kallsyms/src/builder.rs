//! Builds the symbols of a table.

use crate::error::Error;
use crate::symbols::{MAX_NAMES, PER_CPU, Symbols};

/// Collects the symbols of a table, in the table's order, into [`Symbols`].
pub(crate) struct SymbolsBuilder {
    addresses: Vec<u64>,
    kinds: Vec<u8>,
    names: Vec<u8>,
    ends: Vec<u32>,
}

impl SymbolsBuilder {
    /// Makes a builder with room for `count` symbols.
    pub(crate) fn with_capacity(count: usize) -> SymbolsBuilder {
        SymbolsBuilder {
            addresses: Vec::with_capacity(count),
            kinds: Vec::with_capacity(count),
            // The average length of a name in the kernels seen.
            names: Vec::with_capacity(count.saturating_mul(25).min(MAX_NAMES)),
            ends: Vec::with_capacity(count),
        }
    }

    /// Adds symbol number `index` of the table.
    ///
    /// `name` begins with the letter of the type.
    ///
    /// # Errors
    /// [`Error::NameNotAscii`] if the name is not printable ASCII, [`Error::NamesTooLarge`] if all names together
    /// are too long.
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

    /// Returns the symbols, sorted and indexed.
    pub(crate) fn finish(self) -> Symbols {
        let SymbolsBuilder { addresses, kinds, names, ends } = self;
        // Only ASCII was pushed, so nothing is replaced.
        let names = String::from_utf8(names).unwrap_or_default();
        let mut symbols = Symbols { addresses, kinds, names, ends, by_name: Vec::new(), text: Vec::new() };
        // Tables are in order. But if sums with the base wrap, addresses may not be.
        if !symbols.addresses.is_sorted() {
            symbols.sort();
        }
        symbols.index_text();
        symbols.index_names();
        symbols
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_checked_as_they_come() {
        let mut builder = SymbolsBuilder::with_capacity(1);
        for name in [b"".as_slice(), b"\0", b"\x80x", b"t\xff", b"ta b"] {
            assert_eq!(builder.push(7, name, 0, false), Err(Error::NameNotAscii { index: 7 }));
        }
        assert_eq!(builder.push(7, b"?x", 1, false), Ok(()));
        let symbols = builder.finish();
        assert_eq!(symbols.len(), 1);
        assert_eq!(symbols.get(0).map(|s| (s.kind, s.name, s.address)), Some((b'?', "x", 1)));
    }
}
