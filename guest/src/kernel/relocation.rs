//! Where a flat image was linked to be, and its relocations.
//!
//! A flat image is memory without addresses, but it has pointers to itself. A kernel that relocates
//! itself when it starts may have left their places empty, with the values in a table of relocations.

use std::collections::HashMap;

use pmdscope_arches::Arch;

use super::dynamic::Dynamic;
use super::flat::{FlatError, S390X_BASE, Symbol};

/// How many relocations make a table. No kernel of 64 bits has fewer by far, and none has a run of
/// anything else that long.
const TABLE: usize = 1000;
/// How many pointers to themselves say where an image is. Kernels have more than a thousand, and where
/// they seem to say something else it is a handful.
const POINTERS: usize = 64;
/// How many places are looked at to find an address, which for kernels is a few more than there are
/// relocations: at a wrong address one of the first places has something else in it.
const COMPARISONS: usize = 1 << 28;
/// Kernels are linked at whole pages.
const PAGE: u64 = 4096;

/// How the address of an image is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Base {
    /// An ELF file says it.
    Linked,
    /// The image's table of relocations does: at this address each of its places lies in the image and
    /// is empty, or has the value that it should get.
    Relocations,
    /// Its pointers to themselves do, which is what an empty `struct list_head` is (Linux
    /// include/linux/list.h, `LIST_HEAD_INIT`).
    SelfPointers {
        /// How many agree.
        count: usize,
    },
    /// Nothing in the image does: it is where kernels of this architecture usually are.
    Default,
}

/// Where an image is, how that is known, how many relocations were applied to it, and the symbols that
/// some of these are against.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Settled {
    pub address: u64,
    pub base: Base,
    pub relocations: usize,
    pub symbols: Vec<Symbol>,
}

/// Finds the address of a flat image, and applies its relocations.
pub(super) fn settle(arch: Arch, bytes: &mut [u8]) -> Result<Settled, FlatError> {
    let run = Run::find(arch, bytes);
    let count = run.map(|run| run.count);
    let dynamic = run.filter(|_| !kinds(arch).symbol.is_empty());
    let dynamic = dynamic.and_then(|run| Dynamic::find(bytes, run.start));
    let (placed, symbols) = match (run, dynamic) {
        (Some(_), Some(dynamic)) => {
            let entries = entries(arch, &bytes[dynamic.relocations.clone()]);
            let table = values(arch, &entries, |symbol| dynamic.value(symbol))?;
            if !fits(arch, bytes, &table, dynamic.address) {
                return Err(FlatError::Relocations { count: table.len() });
            }
            (Some((dynamic.address, table)), dynamic.symbols())
        }
        (Some(run), None) => {
            let entries = entries(arch, &bytes[run.start..run.start + run.count * ENTRY]);
            let table = values(arch, &entries, |_| None)?;
            (address_of_places(arch, bytes, &table).map(|address| (address, table)), Vec::new())
        }
        (None, _) => (None, Vec::new()),
    };
    if let Some((address, table)) = placed {
        for (place, value) in &table {
            // fits() has seen that each lies in the image.
            let at = (place - address) as usize;
            let value = if big_endian(arch) { value.to_be_bytes() } else { value.to_le_bytes() };
            bytes[at..at + 8].copy_from_slice(&value);
        }
        return Ok(Settled { address, base: Base::Relocations, relocations: table.len(), symbols });
    }
    let (address, base) = match (self_pointers(arch, bytes), count) {
        // Then all has its value already, and what looked like a table was something else.
        (Some((address, count)), _) => (address, Base::SelfPointers { count }),
        (None, Some(count)) => return Err(FlatError::Relocations { count }),
        (None, None) => (usual(arch), Base::Default),
    };
    Ok(Settled { address, base, relocations: 0, symbols })
}

/// Where kernels of an architecture usually are.
fn usual(arch: Arch) -> u64 {
    match arch {
        // Linux arch/arm64/include/asm/memory.h, KIMAGE_VADDR with 48-bit addresses, in v6.12.
        Arch::Arm64 => 0xffff_8000_8000_0000,
        // Linux arch/riscv/include/asm/pgtable.h, KERNEL_LINK_ADDR, in v6.12.
        Arch::Riscv64 => 0xffff_ffff_8000_0000,
        Arch::S390x => S390X_BASE,
        // These come as ELF files only.
        Arch::X86_64 | Arch::Ppc64 | Arch::Ppc64le | Arch::Sparc64 | Arch::LoongArch64 => 0,
    }
}

/// The kinds of relocation that kernels of an architecture have, by their numbers.
#[derive(Debug, Clone, Copy)]
struct Kinds {
    /// Puts the address of something in the image at a place.
    relative: Option<u32>,
    /// These put the address of a symbol at a place, and what is added to it.
    symbol: &'static [u32],
}

/// The numbers are those of the ELF supplements of the architectures: `R_AARCH64_RELATIVE`,
/// `R_RISCV_RELATIVE`; `R_390_RELATIVE`, and `R_390_GLOB_DAT`, `R_390_JMP_SLOT` and `R_390_64`, which a
/// kernel does not tell apart (Linux v6.1 arch/s390/kernel/machine_kexec_reloc.c).
fn kinds(arch: Arch) -> Kinds {
    let (relative, symbol): (_, &[u32]) = match arch {
        Arch::Arm64 => (Some(0x403), &[]),
        Arch::Riscv64 => (Some(3), &[]),
        Arch::S390x => (Some(12), &[10, 11, 22]),
        Arch::X86_64 | Arch::Ppc64 | Arch::Ppc64le | Arch::Sparc64 | Arch::LoongArch64 => (None, &[]),
    };
    Kinds { relative, symbol }
}

impl Kinds {
    /// Whether the second number of an entry is that of a relocation.
    fn has(&self, info: u64) -> bool {
        let (symbol, kind) = split(info);
        Some(kind) == self.relative && symbol == 0 || self.symbol.contains(&kind)
    }
}

/// The number of the symbol and that of the kind, which an entry has in one number (System V ABI,
/// `ELF64_R_SYM` and `ELF64_R_TYPE`).
fn split(info: u64) -> (u32, u32) {
    ((info >> 32) as u32, info as u32)
}

fn big_endian(arch: Arch) -> bool {
    arch == Arch::S390x
}

/// The image as 64-bit numbers. What is left over at its end is none.
fn words(arch: Arch, bytes: &[u8]) -> Vec<u64> {
    let (words, _) = bytes.as_chunks();
    let word = if big_endian(arch) { u64::from_be_bytes } else { u64::from_le_bytes };
    words.iter().map(|bytes| word(*bytes)).collect()
}

/// How many bytes an entry of a table of relocations takes: place, kind and value.
const ENTRY: usize = 24;

/// A run of entries (place, symbol and kind, value) whose kinds are all of those that kinds() says.
/// Single numbers that look like one are all over an image.
#[derive(Debug, Clone, Copy)]
struct Run {
    /// Its first byte in the image.
    start: usize,
    /// How many entries it has.
    count: usize,
}

impl Run {
    /// The longest one, which is the table of relocations.
    fn find(arch: Arch, bytes: &[u8]) -> Option<Run> {
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
        // The value of the last entry can be behind the image's end.
        count = count.min((bytes.len() - start) / ENTRY);
        (count >= TABLE).then_some(Run { start, count })
    }
}

/// A relocation as it is in its table.
#[derive(Debug, Clone, Copy)]
struct Entry {
    place: u64,
    info: u64,
    addend: u64,
}

fn entries(arch: Arch, table: &[u8]) -> Vec<Entry> {
    let words = words(arch, table);
    let (entries, _) = words.as_chunks();
    entries.iter().map(|&[place, info, addend]| Entry { place, info, addend }).collect()
}

/// What is put where, by the value that each symbol has.
fn values(
    arch: Arch,
    entries: &[Entry],
    value: impl Fn(u32) -> Option<u64>,
) -> Result<Vec<(u64, u64)>, FlatError> {
    let kinds = kinds(arch);
    let mut table = Vec::with_capacity(entries.len());
    for Entry { place, info, addend } in entries {
        let (symbol, kind) = split(*info);
        // Linkers leave entries of no kind where they had counted one too many.
        if *info == 0 {
            continue;
        }
        if !kinds.has(*info) {
            return Err(FlatError::RelocationKind { kind, symbol });
        }
        let of_symbol = if kinds.symbol.contains(&kind) {
            value(symbol).ok_or(FlatError::RelocationSymbol { symbol })?
        } else {
            0
        };
        table.push((*place, of_symbol.wrapping_add(*addend)));
    }
    Ok(table)
}

/// Whether, at an address, each place lies in the image and is empty, or already has its value.
fn fits(arch: Arch, bytes: &[u8], table: &[(u64, u64)], address: u64) -> bool {
    table.iter().all(|(place, value)| {
        let length = bytes.len() as u64;
        let Some(at) = place.checked_sub(address).filter(|at| *at < length) else { return false };
        let Some(now) = bytes.get(at as usize..).and_then(<[u8]>::first_chunk) else { return false };
        let now = if big_endian(arch) { u64::from_be_bytes(*now) } else { u64::from_le_bytes(*now) };
        now == 0 || now == *value
    })
}

/// The address at which a table fits.
fn address_of_places(arch: Arch, bytes: &[u8], table: &[(u64, u64)]) -> Option<u64> {
    let (first, last) = (table.iter().map(|entry| entry.0).min()?, table.iter().map(|entry| entry.0).max()?);
    let length = bytes.len() as u64;
    let fits = |address: &u64| fits(arch, bytes, table, *address);
    // The lowest thing that anything points to is usually the image's first byte. If not, each page
    // that the image could start at is tried.
    let likely = table.iter().map(|entry| entry.1).min()? / PAGE * PAGE;
    if fits(&likely) {
        return Some(likely);
    }
    let lowest = last.checked_add(8)?.saturating_sub(length).next_multiple_of(PAGE);
    let tries = (COMPARISONS / table.len()).max(1);
    (lowest..=first).step_by(PAGE as usize).take(tries).find(fits)
}

/// The address at which most of the pointers that are twice in a row point to themselves.
fn self_pointers(arch: Arch, bytes: &[u8]) -> Option<(u64, usize)> {
    let words = words(arch, bytes);
    let mut votes = HashMap::<u64, usize>::new();
    for (at, pair) in words.windows(2).enumerate() {
        if pair[0] != pair[1] || pair[0] == 0 {
            continue;
        }
        if let Some(address) = pair[0].checked_sub(at as u64 * 8).filter(|address| address % PAGE == 0) {
            *votes.entry(address).or_default() += 1;
        }
    }
    let (address, count) =
        votes.iter().map(|(address, count)| (*address, *count)).max_by_key(|vote| vote.1)?;
    let second = votes.iter().filter(|vote| *vote.0 != address).map(|vote| *vote.1).max().unwrap_or(0);
    (count >= POINTERS && count >= second * 4).then_some((address, count))
}
