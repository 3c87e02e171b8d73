//! Reads a kernel's own symbol table (kallsyms) from its memory image.

use pmdscope_arches::ByteOrder;
use pmdscope_kallsyms::{Base, Endian, Error, Symbols, Table};

use super::image::MemoryImage;

/// Returns the symbols of the kernel's own table (kallsyms).
///
/// `None` if the image has no readable table, but its ELF file names all symbols.
///
/// # Errors
/// [`Error`] if the image has neither.
pub(super) fn read_kallsyms(image: &MemoryImage) -> Result<Option<Symbols>, Error> {
    match find_table(image) {
        Ok(symbols) => Ok(Some(symbols)),
        Err(_) if image.has_all_symbols() => Ok(None),
        Err(error) => Err(error),
    }
}

/// Returns the symbols of the first segment that has a table.
fn find_table(image: &MemoryImage) -> Result<Symbols, Error> {
    let endian = match ByteOrder::of(image.arch) {
        ByteOrder::Little => Endian::Little,
        ByteOrder::Big => Endian::Big,
    };
    let mut first = None;
    for (number, segment) in image.segments.iter().enumerate() {
        let table = match Table::find(&segment.bytes, endian) {
            Ok(table) => table,
            Err(error) => {
                first.get_or_insert(error);
                continue;
            }
        };
        let base = match table.relative_base() {
            Some(slot) => Base::Relative(slot.value),
            None => Base::OffsetsAt(image.address_of(number, table.positions().offsets).unwrap_or(0)),
        };
        return table.symbols(base);
    }
    Err(first.unwrap_or(Error::NoTokenTable))
}
