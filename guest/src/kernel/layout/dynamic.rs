//! Finds the tables for a dynamic linker in a flat image.
//!
//! Debian's 6.1 for s390x is a position-independent executable (its 6.12 is not). Its boot image does the work of
//! the dynamic linker, with the tables of such an executable. The image's `.dynamic` gives their addresses (System
//! V ABI, "Dynamic Section").

use std::ops::Range;

use goblin::container::{Container, Ctx, Endian};
use goblin::elf::dynamic::{
    DT_ENCODING, DT_GNU_HASH, DT_HASH, DT_HIPROC, DT_LOOS, DT_NULL, DT_RELA, DT_RELAENT, DT_RELASZ, DT_STRSZ,
    DT_STRTAB, DT_SYMENT, DT_SYMTAB,
};
use goblin::elf::sym::Symtab;

use super::symbols::{NameTable, defined_symbols};
use crate::elf::format::index;
use crate::kernel::image::Symbol;

/// The most entries of a `.dynamic` that are read in each direction. A kernel has a dozen.
const ENTRIES: usize = 64;
/// The most places that are tried as a `.dynamic`.
///
/// A kernel has one such place. A crafted image can have many, and must not take long.
const PLACES: usize = 64;
/// The size in bytes of each of an entry's two numbers.
const WORD: usize = 8;
/// The size of a symbol, and of a relocation, in bytes.
const ENTRY: u64 = 24;
/// The size of the pages at which kernels are linked.
const PAGE: u64 = 4096;
/// The highest tag of the ABI, which defines a few tags above those that goblin knows.
const LAST: u64 = DT_ENCODING + 16;

/// An image's tables for a dynamic linker. All of them lie in the image.
#[derive(Debug)]
pub(super) struct DynamicTables<'a> {
    /// The link address of the image.
    pub address: u64,
    /// The range of the relocation table in the image, in bytes.
    pub relocations: Range<usize>,
    symbols: Symtab<'a>,
    names: NameTable<'a>,
}

impl<'a> DynamicTables<'a> {
    /// Finds the tables of a big-endian image, given the offset of its relocation table.
    ///
    /// The `.dynamic` gives the address of that table, which determines the address of the image.
    pub(super) fn find(bytes: &'a [u8], relocations: usize) -> Option<DynamicTables<'a>> {
        // The size of a relocation is the only entry whose value is known in advance.
        let known = [DT_RELAENT, ENTRY].map(u64::to_be_bytes).concat();
        let places = memchr::memmem::find_iter(bytes, &known).filter(|at| at % WORD == 0);
        places.take(PLACES).find_map(|at| DynamicTables::parse(bytes, at, relocations))
    }

    /// Parses the `.dynamic` around an offset, and returns the tables that it describes.
    fn parse(bytes: &'a [u8], at: usize, relocations: usize) -> Option<DynamicTables<'a>> {
        let pair = |at: usize| {
            let (words, _) = bytes.get(at..at.checked_add(2 * WORD)?)?.as_chunks::<WORD>();
            Some((u64::from_be_bytes(words[0]), u64::from_be_bytes(words[1])))
        };
        let is_tag = |tag: u64| tag != DT_NULL && (tag <= LAST || (DT_LOOS..=DT_HIPROC).contains(&tag));
        let entry = |at| pair(at).filter(|(tag, _)| is_tag(*tag));
        // Data before the `.dynamic` could look like more entries. Entries before `at` therefore come last, nearest
        // first, and the first entry of each tag counts.
        let before = (1..ENTRIES).map_while(|steps| entry(at.checked_sub(steps * 2 * WORD)?));
        let behind = (0..ENTRIES).map_while(|steps| entry(at + steps * 2 * WORD));
        let entries: Vec<_> = behind.chain(before).collect();
        let value = |of: u64| entries.iter().find(|(tag, _)| *tag == of).map(|(_, value)| *value);
        if value(DT_SYMENT) != Some(ENTRY) {
            return None;
        }
        let address = value(DT_RELA)?.checked_sub(relocations as u64).filter(|at| at % PAGE == 0)?;
        let place = |of: u64| {
            let at = index(value(of)?.checked_sub(address)?);
            (at <= bytes.len()).then_some(at)
        };
        let table = |start: usize, size: u64| {
            let end = start.checked_add(index(size))?;
            (end <= bytes.len()).then_some(start..end)
        };
        let relocations = table(relocations, value(DT_RELASZ)?)?;
        if !relocations.len().is_multiple_of(index(ENTRY)) {
            return None;
        }
        let symbols = place(DT_SYMTAB)?;
        // No entry gives the number of symbols. The symbol table ends where the next table starts. In these kernels
        // that is the relocation table (Linux v6.1 arch/s390/kernel/vmlinux.lds.S).
        let others = [DT_RELA, DT_STRTAB, DT_HASH, DT_GNU_HASH].into_iter().filter_map(place);
        let end = others.filter(|other| *other > symbols).min()?;
        let context = Ctx::new(Container::Big, Endian::Big);
        Some(DynamicTables {
            address,
            relocations,
            symbols: Symtab::parse(bytes, symbols, (end - symbols) / index(ENTRY), context).ok()?,
            names: NameTable(&bytes[table(place(DT_STRTAB)?, value(DT_STRSZ)?)?]),
        })
    }

    /// Returns the address of a symbol by its number, 0 for an undefined symbol.
    ///
    /// Weak symbols may be undefined. The boot image also uses 0 for them (Linux v6.1 arch/s390/boot/startup.c,
    /// `handle_relocs`).
    pub(super) fn symbol_address(&self, symbol: u32) -> Option<u64> {
        let symbol = self.symbols.get(symbol as usize)?;
        Some(if symbol.st_shndx == 0 { 0 } else { symbol.st_value })
    }

    /// Returns the symbols that the table defines, in ascending order of addresses.
    pub(super) fn symbols(&self) -> Vec<Symbol> {
        defined_symbols(&self.symbols, &self.names)
    }
}
