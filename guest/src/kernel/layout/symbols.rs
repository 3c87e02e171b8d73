//! Reads the symbol tables of ELF files, and the tables of their names.

use goblin::container::Ctx;
use goblin::elf::section_header::{SHT_SYMTAB, SectionHeader};
use goblin::elf::sym;
use goblin::elf::sym::{STT_FUNC, STT_NOTYPE, STT_OBJECT, Symtab};

use crate::elf::format::index;
use crate::kernel::error::ImageError;
use crate::kernel::image::{Symbol, SymbolKind};

/// Returns the symbols of an ELF file, in ascending order of addresses.
///
/// A file without a symbol table has none.
///
/// # Errors
/// [`ImageError::EntrySize`] or [`ImageError::Damaged`] if the table is damaged.
pub(super) fn read_symbols(
    bytes: &[u8],
    headers: &[SectionHeader],
    context: Ctx,
) -> Result<Vec<Symbol>, ImageError> {
    let damaged = |part| move |source| ImageError::Damaged { part, source };
    let Some(table) = headers.iter().find(|header| header.sh_type == SHT_SYMTAB) else {
        return Ok(Vec::new());
    };
    let size = sym::sym64::SIZEOF_SYM as u64;
    if table.sh_entsize != size {
        return Err(ImageError::EntrySize { table: "symbol table", found: table.sh_entsize, wanted: size });
    }
    let Some(names) = headers.get(table.sh_link as usize) else { return Ok(Vec::new()) };
    let names = NameTable::new(bytes, names, "symbol names")?;
    let entries = Symtab::parse(bytes, index(table.sh_offset), index(table.sh_size / size), context)
        .map_err(damaged("symbol table"))?;
    Ok(defined_symbols(&entries, &names))
}

/// Returns the symbols that a table defines, in ascending order of addresses.
pub(super) fn defined_symbols(entries: &Symtab, names: &NameTable) -> Vec<Symbol> {
    let name = |at: usize| {
        let name = names.get(at)?;
        // Leave out labels within functions (`.L`), and the marks of where code and data begin (`$`).
        let own = !name.is_empty() && !name.starts_with('$') && !name.starts_with(".L");
        own.then(|| name.to_owned())
    };
    let mut symbols: Vec<_> = entries
        .iter()
        .filter(|entry| entry.st_shndx != 0)
        .filter_map(|entry| {
            let kind = match entry.st_type() {
                STT_FUNC => SymbolKind::Function,
                STT_OBJECT => SymbolKind::Object,
                STT_NOTYPE => SymbolKind::Label,
                _ => return None,
            };
            let name = name(entry.st_name)?;
            Some(Symbol { name, address: entry.st_value, size: entry.st_size, kind, other: entry.st_other })
        })
        .collect();
    symbols.sort_by(|a, b| (a.address, &a.name).cmp(&(b.address, &b.name)));
    symbols
}

/// A table of names, each terminated by a zero byte.
///
/// A name longer than any of a kernel counts as missing. In a damaged file, names can overlap, and each can be as
/// long as the file.
#[derive(Debug, Clone, Copy)]
pub(super) struct NameTable<'a>(pub(super) &'a [u8]);

impl<'a> NameTable<'a> {
    /// The longest name in bytes, with the zero byte at its end.
    ///
    /// A kernel's own limit is 512 (Linux include/linux/kallsyms.h, KSYM_NAME_LEN, in v6.12).
    const LONGEST: usize = 1024;

    /// Returns the table in a section. Errors call it `part`.
    pub(super) fn new(
        bytes: &'a [u8],
        table: &SectionHeader,
        part: &'static str,
    ) -> Result<Self, ImageError> {
        let end = table.sh_offset.saturating_add(table.sh_size);
        let names = bytes.get(index(table.sh_offset)..index(end));
        let missing = || goblin::error::Error::Malformed("they are not in the file".to_owned());
        names.map(NameTable).ok_or_else(|| ImageError::Damaged { part, source: missing() })
    }

    /// Returns the name at an offset, if it is valid UTF-8 and not too long.
    pub(super) fn get(&self, at: usize) -> Option<&'a str> {
        let rest = self.0.get(at..)?;
        let end = memchr::memchr(0, &rest[..rest.len().min(Self::LONGEST)])?;
        str::from_utf8(&rest[..end]).ok()
    }
}
