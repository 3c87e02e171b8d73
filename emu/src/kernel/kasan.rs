//! The shadow memory of kernels with generic KASAN: a byte for each eight bytes of memory.

use std::ops::Range;

use crate::EmuError;
use crate::kernel::space::Region;
use crate::memory::ENGINE_PAGE;

/// Base-2 logarithm of the bytes of memory for each byte of shadow (KASAN_SHADOW_SCALE_SHIFT of generic KASAN).
const SCALE: u32 = 3;

/// The shadow memory of a kernel.
pub(super) struct Shadow {
    /// What is added to an address, divided by eight, for the address of its shadow.
    offset: u64,
    /// The shadows that exist, each with the CPU that alone has it.
    mapped: Vec<(Range<u64>, Option<u8>)>,
}

impl Shadow {
    /// Returns the shadow memory at `offset`, of which nothing exists yet.
    ///
    /// The offset is what a kernel adds to an address, divided by eight.
    pub(super) const fn at(offset: u64) -> Shadow {
        Shadow { offset, mapped: Vec::new() }
    }

    /// Returns the offset of a shadow memory in which the shadow of `address` is at `shadow`.
    pub(super) const fn offset(address: u64, shadow: u64) -> u64 {
        shadow.wrapping_sub(address >> SCALE)
    }

    /// Returns the address whose shadow is at `shadow`, with the low bits that the shadow does not tell as 0.
    pub(super) fn shadowed(&self, shadow: u64) -> u64 {
        shadow.wrapping_sub(self.offset) << SCALE
    }

    /// Returns regions of zeroes for the shadow of a range that has none yet.
    pub(super) fn of(&mut self, range: Range<u64>, owner: Option<u8>) -> Result<Vec<Region>, EmuError> {
        let shadow = |address: u64| (address >> SCALE).wrapping_add(self.offset);
        let mut start = shadow(range.start) & !(ENGINE_PAGE - 1);
        let end = shadow(range.end - 1) / ENGINE_PAGE * ENGINE_PAGE + ENGINE_PAGE;
        let mut regions = Vec::new();
        while start < end {
            let inside = |(known, of): &&(Range<u64>, Option<u8>)| {
                known.contains(&start) && (*of == owner || of.is_none())
            };
            if let Some((known, _)) = self.mapped.iter().find(inside) {
                start = known.end;
                continue;
            }
            let others = self.mapped.iter().map(|(known, _)| known.start);
            let until = others.filter(|other| (start..end).contains(other)).min().unwrap_or(end);
            regions.push(Region::new("KASAN's shadow", start, until - start, owner, None)?);
            self.mapped.push((start..until, owner));
            start = until;
        }
        Ok(regions)
    }
}
