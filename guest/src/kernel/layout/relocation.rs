//! Relocates a flat image: finds its link address, and applies its relocations.
//!
//! A flat image does not give its address, but it contains pointers into itself. In a kernel that relocates itself
//! when it starts, the places of these pointers may be zero, and their values in a relocation table.

use pmdscope_arches::Arch;

use super::dynamic::DynamicTables;
use super::relocation_table::{Fixup, RelocationTable, has_symbol_kinds, read_fixups};
use super::self_pointers::address_by_self_pointers;
use super::words::{word, word_bytes};
use crate::kernel::error::ImageError;
use crate::kernel::image::{Base, Symbol};
use crate::kernel::link_address::default_link_address;

/// The most places that are compared to find an address.
///
/// At a wrong address, one of the first places holds another value. A kernel therefore needs only a few more
/// comparisons than it has relocations.
const COMPARISONS: usize = 1 << 28;
/// The size of the pages at which kernels are linked.
const PAGE: u64 = 4096;

/// The result of relocating a flat image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Placement {
    /// The address of the image's first byte.
    pub address: u64,
    /// How the address was determined.
    pub base: Base,
    /// The number of relocations that were applied.
    pub relocations: usize,
    /// The symbols that relocations refer to, in ascending order of addresses.
    pub symbols: Vec<Symbol>,
}

/// Finds the address of a flat image, and applies its relocations.
///
/// `link_address` is the address that the boot image gives. It counts only if the image itself does not determine
/// another one.
///
/// # Errors
/// - [`ImageError::RelocationKind`] or [`ImageError::RelocationSymbol`] if a relocation is unknown.
/// - [`ImageError::Relocations`] if the relocations do not fit the image at any address.
pub(super) fn relocate(
    arch: Arch,
    bytes: &mut [u8],
    link_address: Option<u64>,
) -> Result<Placement, ImageError> {
    let table = RelocationTable::find(arch, bytes);
    let dynamic = table.filter(|_| has_symbol_kinds(arch));
    let dynamic = dynamic.and_then(|table| DynamicTables::find(bytes, table.start));
    let (fixups_at, symbols) = match (table, dynamic) {
        (Some(_), Some(dynamic)) => {
            let table = &bytes[dynamic.relocations.clone()];
            let fixups = read_fixups(arch, table, |symbol| dynamic.symbol_address(symbol))?;
            if !fit(arch, bytes, &fixups, dynamic.address) {
                return Err(ImageError::Relocations { count: fixups.len() });
            }
            (Some((dynamic.address, fixups)), dynamic.symbols())
        }
        (Some(table), None) => {
            let fixups = read_fixups(arch, &bytes[table.range()], |_| None)?;
            (address_by_fixups(arch, bytes, &fixups).map(|address| (address, fixups)), Vec::new())
        }
        (None, _) => (None, Vec::new()),
    };
    if let Some((address, fixups)) = fixups_at {
        apply(arch, bytes, &fixups, address);
        return Ok(Placement { address, base: Base::Relocations, relocations: fixups.len(), symbols });
    }
    let (address, base) = match (address_by_self_pointers(arch, bytes), table) {
        // All places already have their values. Data that looked like a relocation table was other data.
        (Some((address, count)), _) => (address, Base::SelfPointers { count }),
        (None, Some(table)) => return Err(ImageError::Relocations { count: table.count }),
        (None, None) => match link_address {
            Some(address) => (address, Base::Linked),
            None => (default_link_address(arch), Base::Default),
        },
    };
    Ok(Placement { address, base, relocations: 0, symbols })
}

/// Writes the fixups into the image, which they fit at `address`.
fn apply(arch: Arch, bytes: &mut [u8], fixups: &[Fixup], address: u64) {
    for Fixup { place, value } in fixups {
        // fit() has checked that each place lies in the image.
        let at = (place - address) as usize;
        bytes[at..at + 8].copy_from_slice(&word_bytes(arch, *value));
    }
}

/// Whether fixups fit the image at an address.
///
/// Each place must lie in the image, and be zero or already have its value.
fn fit(arch: Arch, bytes: &[u8], fixups: &[Fixup], address: u64) -> bool {
    fixups.iter().all(|fixup| {
        let length = bytes.len() as u64;
        let Some(at) = fixup.place.checked_sub(address).filter(|at| *at < length) else { return false };
        let Some(now) = bytes.get(at as usize..).and_then(<[u8]>::first_chunk) else { return false };
        let now = word(arch, *now);
        now == 0 || now == fixup.value
    })
}

/// Finds the address at which fixups fit the image.
fn address_by_fixups(arch: Arch, bytes: &[u8], fixups: &[Fixup]) -> Option<u64> {
    let places = || fixups.iter().map(|fixup| fixup.place);
    let (first, last) = (places().min()?, places().max()?);
    let length = bytes.len() as u64;
    let fits = |address: &u64| fit(arch, bytes, fixups, *address);
    // The lowest address that a fixup points to is usually that of the image's first byte. Otherwise try each
    // page at which the image could start.
    let likely = fixups.iter().map(|fixup| fixup.value).min()? / PAGE * PAGE;
    if fits(&likely) {
        return Some(likely);
    }
    let lowest = last.checked_add(8)?.saturating_sub(length).next_multiple_of(PAGE);
    let tries = (COMPARISONS / fixups.len()).max(1);
    (lowest..=first).step_by(PAGE as usize).take(tries).find(fits)
}
