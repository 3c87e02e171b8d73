//! Finds the relocation table of a flat image, and reads its entries.
//!
//! An entry has three 64-bit numbers: the place to write to, symbol and kind, and an addend (`Elf64_Rela`).

use std::ops::Range;

use pmdscope_arches::Arch;

use super::words::words;
use crate::kernel::error::ImageError;

/// The fewest relocations of a table.
///
/// Every 64-bit kernel has far more. No other data of a kernel forms such a long run of valid entries.
const TABLE: usize = 1000;
/// The size of an entry in bytes.
const ENTRY: usize = 24;

/// The numbers of the relocation kinds that kernels of an architecture use.
#[derive(Debug, Clone, Copy)]
struct RelocationKinds {
    /// The kind that writes the addend, an address in the image.
    relative: Option<u32>,
    /// The kinds that write the sum of a symbol's address and the addend.
    symbol: &'static [u32],
}

/// Returns the relocation kinds of an architecture.
///
/// The ELF supplements of the architectures give the numbers: `R_AARCH64_RELATIVE`; `R_RISCV_RELATIVE`;
/// `R_LARCH_RELATIVE`; `R_390_RELATIVE`, `R_390_GLOB_DAT`, `R_390_JMP_SLOT` and `R_390_64`. A kernel treats the last
/// three alike (Linux v6.1 arch/s390/kernel/machine_kexec_reloc.c).
fn kinds(arch: Arch) -> RelocationKinds {
    let (relative, symbol): (_, &[u32]) = match arch {
        Arch::Arm64 => (Some(0x403), &[]),
        Arch::Riscv64 | Arch::LoongArch64 => (Some(3), &[]),
        Arch::S390x => (Some(12), &[10, 11, 22]),
        _ => (None, &[]),
    };
    RelocationKinds { relative, symbol }
}

/// Whether relocations of an architecture can refer to symbols.
pub(super) fn has_symbol_kinds(arch: Arch) -> bool {
    !kinds(arch).symbol.is_empty()
}

impl RelocationKinds {
    /// Whether an entry's second number gives a symbol and one of these kinds.
    fn has(&self, info: u64) -> bool {
        let (symbol, kind) = symbol_and_kind(info);
        Some(kind) == self.relative && symbol == 0 || self.symbol.contains(&kind)
    }
}

/// Splits an entry's second number into symbol and kind.
///
/// Source: System V ABI, `ELF64_R_SYM` and `ELF64_R_TYPE`.
fn symbol_and_kind(info: u64) -> (u32, u32) {
    ((info >> 32) as u32, info as u32)
}

/// A relocation table: a run of entries that all have a kind of the architecture.
///
/// Only a run counts, because single numbers that look like a kind occur all over an image.
#[derive(Debug, Clone, Copy)]
pub(super) struct RelocationTable {
    /// The offset of the first entry in the image, in bytes.
    pub start: usize,
    /// The number of entries.
    pub count: usize,
}

impl RelocationTable {
    /// Finds the relocation table of an image: the longest run of entries.
    pub(super) fn find(arch: Arch, bytes: &[u8]) -> Option<RelocationTable> {
        const WORDS: usize = ENTRY / 8;
        let kinds = kinds(arch);
        kinds.relative?;
        let words = words(arch, bytes);
        let is = |at: usize| words.get(at).is_some_and(|info| kinds.has(*info));
        let mut longest = (0, 0);
        for at in 1..words.len() {
            // Each run is counted once, from its first entry.
            if !is(at) || at.checked_sub(WORDS).is_some_and(is) {
                continue;
            }
            let count = (0..).take_while(|entry| is(at + entry * WORDS)).count();
            longest = longest.max((count, at));
        }
        let (mut count, at) = longest;
        let start = (at.checked_sub(1)?) * 8;
        // The addend of the last entry can lie beyond the image's end. Such an entry does not count.
        count = count.min((bytes.len() - start) / ENTRY);
        (count >= TABLE).then_some(RelocationTable { start, count })
    }

    /// Returns the range of the table in the image, in bytes.
    pub(super) fn range(&self) -> Range<usize> {
        self.start..self.start + self.count * ENTRY
    }
}

/// A number that relocation writes into the image.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fixup {
    /// The address to write to.
    pub place: u64,
    /// The number to write.
    pub value: u64,
}

/// Reads the fixups of a table. `symbol_address` returns the address of a symbol by its number.
///
/// # Errors
/// [`ImageError::RelocationKind`] if an entry has an unknown kind, [`ImageError::RelocationSymbol`] if it refers to a
/// symbol without an address.
pub(super) fn read_fixups(
    arch: Arch,
    table: &[u8],
    symbol_address: impl Fn(u32) -> Option<u64>,
) -> Result<Vec<Fixup>, ImageError> {
    let kinds = kinds(arch);
    let words = words(arch, table);
    let (entries, _) = words.as_chunks();
    let mut fixups = Vec::with_capacity(entries.len());
    for &[place, info, addend] in entries {
        let (symbol, kind) = symbol_and_kind(info);
        // Linkers leave entries without a kind where they counted one too many.
        if info == 0 {
            continue;
        }
        if !kinds.has(info) {
            return Err(ImageError::RelocationKind { kind, symbol });
        }
        let address = if kinds.symbol.contains(&kind) {
            symbol_address(symbol).ok_or(ImageError::RelocationSymbol { symbol })?
        } else {
            0
        };
        fixups.push(Fixup { place, value: address.wrapping_add(addend) });
    }
    Ok(fixups)
}
