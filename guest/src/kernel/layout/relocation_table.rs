//! The relocation table of a flat image: where it is, and what its entries say.
//!
//! An entry is three numbers: the place to write to, symbol and kind, and an addend (`Elf64_Rela`).

use std::ops::Range;

use pmdscope_arches::Arch;

use super::words::words;
use crate::kernel::error::ImageError;

/// The fewest relocations that make a table.
///
/// Every 64-bit kernel has far more, and none has such a run of anything else.
const TABLE: usize = 1000;
/// The number of bytes of an entry.
const ENTRY: usize = 24;

/// The kinds of relocation that kernels of an architecture have, by their numbers.
#[derive(Debug, Clone, Copy)]
struct RelocationKinds {
    /// Writes the addend, which is an address in the image.
    relative: Option<u32>,
    /// Each of these writes the sum of a symbol's address and the addend.
    symbol: &'static [u32],
}

/// The kinds of relocation of an architecture.
///
/// The ELF supplements of the architectures give the numbers: `R_AARCH64_RELATIVE`, `R_RISCV_RELATIVE`;
/// `R_390_RELATIVE`, and `R_390_GLOB_DAT`, `R_390_JMP_SLOT` and `R_390_64`, which a kernel treats alike (Linux v6.1
/// arch/s390/kernel/machine_kexec_reloc.c).
fn kinds(arch: Arch) -> RelocationKinds {
    let (relative, symbol): (_, &[u32]) = match arch {
        Arch::Arm64 => (Some(0x403), &[]),
        Arch::Riscv64 => (Some(3), &[]),
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
    /// Whether the second number of an entry is symbol and kind of a relocation.
    fn has(&self, info: u64) -> bool {
        let (symbol, kind) = symbol_and_kind(info);
        Some(kind) == self.relative && symbol == 0 || self.symbol.contains(&kind)
    }
}

/// Symbol and kind of an entry's second number.
///
/// Source: System V ABI, `ELF64_R_SYM` and `ELF64_R_TYPE`.
fn symbol_and_kind(info: u64) -> (u32, u32) {
    ((info >> 32) as u32, info as u32)
}

/// A relocation table: a run of entries that all have a kind of the architecture.
///
/// Single numbers that look like a kind are all over an image.
#[derive(Debug, Clone, Copy)]
pub(super) struct RelocationTable {
    /// The offset of its first byte in the image.
    pub start: usize,
    /// The number of entries.
    pub count: usize,
}

impl RelocationTable {
    /// The relocation table of an image: the longest run of entries.
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
        // The addend of the last entry can lie beyond the image's end.
        count = count.min((bytes.len() - start) / ENTRY);
        (count >= TABLE).then_some(RelocationTable { start, count })
    }

    /// The offsets of the table's bytes in the image.
    pub(super) fn range(&self) -> Range<usize> {
        self.start..self.start + self.count * ENTRY
    }
}

/// A number that relocation writes to the image.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fixup {
    /// The address it is written to.
    pub place: u64,
    /// The number.
    pub value: u64,
}

/// The fixups of a table, given the address of each symbol by its number.
///
/// # Errors
/// If an entry is of an unknown kind, or refers to a symbol without an address.
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
        // Linkers leave entries of no kind where they had counted one too many.
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
