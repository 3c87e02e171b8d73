//! What a flat image has for the dynamic linker.
//!
//! Debian's 6.1 for s390x is a position-independent executable (its 6.12 is not). There is no dynamic
//! linker for it: its boot image does that work, with the tables that an executable has for one. Where
//! they are is in the image's `.dynamic` (System V ABI, "Dynamic Section").

use std::ops::Range;

use goblin::container::{Container, Ctx, Endian};
use goblin::elf::dynamic::{
    DT_ENCODING, DT_GNU_HASH, DT_HASH, DT_HIPROC, DT_LOOS, DT_NULL, DT_RELA, DT_RELAENT, DT_RELASZ, DT_STRSZ,
    DT_STRTAB, DT_SYMENT, DT_SYMTAB,
};
use goblin::elf::sym::Symtab;

use super::flat::{Names, Symbol, symbols_of};
use crate::elf::format::index;

/// A kernel's `.dynamic` has a dozen entries.
const ENTRIES: usize = 64;
/// No image has more than one place that looks like its `.dynamic`. A made-up one must not take long.
const PLACES: usize = 64;
/// Each number of an entry takes as much.
const WORD: usize = 8;
/// What a symbol and a relocation take.
const ENTRY: u64 = 24;
const PAGE: u64 = 4096;
/// The ABI has a few tags behind those that goblin knows.
const LAST: u64 = DT_ENCODING + 16;

/// An image's tables for the dynamic linker. All of them lie in it.
#[derive(Debug)]
pub(super) struct Dynamic<'a> {
    /// Where the image is linked to be.
    pub address: u64,
    /// The bytes of the image that are its relocations.
    pub relocations: Range<usize>,
    symbols: Symtab<'a>,
    names: Names<'a>,
}

impl<'a> Dynamic<'a> {
    /// The tables of a big-endian image, the first byte of whose relocations is at `relocations`: that
    /// they are there says where it is linked to be.
    pub(super) fn find(bytes: &'a [u8], relocations: usize) -> Option<Dynamic<'a>> {
        // The size of a relocation is the only entry that has but one value.
        let known = [DT_RELAENT, ENTRY].map(u64::to_be_bytes).concat();
        let places = memchr::memmem::find_iter(bytes, &known).filter(|at| at % WORD == 0);
        places.take(PLACES).find_map(|at| Dynamic::parse(bytes, at, relocations))
    }

    /// The tables that the `.dynamic` around a place tells of.
    fn parse(bytes: &'a [u8], at: usize, relocations: usize) -> Option<Dynamic<'a>> {
        let pair = |at: usize| {
            let (words, _) = bytes.get(at..at.checked_add(2 * WORD)?)?.as_chunks::<WORD>();
            Some((u64::from_be_bytes(words[0]), u64::from_be_bytes(words[1])))
        };
        let is_tag = |tag: u64| tag != DT_NULL && (tag <= LAST || (DT_LOOS..=DT_HIPROC).contains(&tag));
        let entry = |at| pair(at).filter(|(tag, _)| is_tag(*tag));
        // What is before it could look like more of it, so the nearest entry of each tag counts.
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
        // How many symbols there are is not said. They end where the next table starts, which in these
        // kernels is that of the relocations (Linux v6.1 arch/s390/kernel/vmlinux.lds.S).
        let others = [DT_RELA, DT_STRTAB, DT_HASH, DT_GNU_HASH].into_iter().filter_map(place);
        let end = others.filter(|other| *other > symbols).min()?;
        let context = Ctx::new(Container::Big, Endian::Big);
        Some(Dynamic {
            address,
            relocations,
            symbols: Symtab::parse(bytes, symbols, (end - symbols) / index(ENTRY), context).ok()?,
            names: Names(&bytes[table(place(DT_STRTAB)?, value(DT_STRSZ)?)?]),
        })
    }

    /// The value of a symbol, by its number, 0 for one that is defined nowhere: of the weak ones that is
    /// allowed, and the boot image takes it as 0 too (Linux v6.1 arch/s390/boot/startup.c,
    /// `handle_relocs`).
    pub(super) fn value(&self, symbol: u32) -> Option<u64> {
        let symbol = self.symbols.get(symbol as usize)?;
        Some(if symbol.st_shndx == 0 { 0 } else { symbol.st_value })
    }

    /// Its symbols, from the lowest address up.
    pub(super) fn symbols(&self) -> Vec<Symbol> {
        symbols_of(&self.symbols, &self.names)
    }
}
