//! Uses the crate's whole interface on arbitrary bytes, for tests and for the fuzz target.

use pmdscope_kallsyms::{Base, Endian, Symbols, Table};

/// Reads `data` as an image with a table, and as a cache. Returns whether it is one of them.
///
/// The first byte gives the byte order (odd is big), and the rest is the image or the cache. In the symbols found
/// all numbers and names must agree.
pub fn exercise(data: &[u8]) -> bool {
    let Some((&first, image)) = data.split_first() else { return false };
    let endian = if first & 1 == 1 { Endian::Big } else { Endian::Little };
    let cache = Symbols::from_bytes(image);
    cache.iter().for_each(check);
    let table = match Table::find(image, endian) {
        Ok(table) => table,
        Err(error) => {
            assert!(!error.to_string().is_empty());
            return cache.is_ok();
        }
    };
    assert!(table.len() > 0 && table.len() < image.len());
    assert_eq!(table.relative_base().is_none(), table.layout().is_pc_relative());
    assert_eq!(table.endian(), endian);
    assert!(!format!("{table:?} {}", table.layout()).is_empty());
    let base = table.relative_base().map_or(u64::MAX - 7, |slot| slot.value);
    let (right, wrong) = match table.layout().is_pc_relative() {
        true => (Base::OffsetsAt(base), Base::Relative(base)),
        false => (Base::Relative(base), Base::OffsetsAt(base)),
    };
    assert!(table.symbols(wrong).is_err());
    if let Ok(symbols) = table.symbols(right) {
        assert_eq!(symbols.len(), table.len());
        check(&symbols);
        assert_eq!(Symbols::from_bytes(&symbols.to_bytes()), Ok(symbols));
    }
    true
}

fn check(symbols: &Symbols) {
    assert!(symbols.iter().is_sorted_by_key(|symbol| symbol.address));
    assert_eq!(symbols.iter().len(), symbols.len());
    for symbol in symbols.iter().take(300) {
        assert!(symbols.named(symbol.name).any(|other| other == symbol));
        let size = symbols.size_of(&symbol);
        if let Some((at, above)) = symbols.at(symbol.address) {
            assert!(at.is_text() && at.address + above == symbol.address);
            assert!(!symbol.is_text() || symbol.name.starts_with('$') || above == 0);
            assert_eq!(symbols.size_of(&at).map(|size| size - above), size);
        }
    }
    assert_eq!(symbols.get(symbols.len()), None);
}
