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
    ///
    /// # Errors
    /// [`EmuError::Environment`] if the shadow of all CPUs' memory would be in a page of one CPU's.
    pub(super) fn of(&mut self, range: Range<u64>, owner: Option<u8>) -> Result<Vec<Region>, EmuError> {
        let shadow = |address: u64| (address >> SCALE).wrapping_add(self.offset);
        let mut start = shadow(range.start) & !(ENGINE_PAGE - 1);
        let end = shadow(range.end - 1) / ENGINE_PAGE * ENGINE_PAGE + ENGINE_PAGE;
        let mut regions = Vec::new();
        while start < end {
            // What another CPU alone has is not in the way.
            let seen =
                || self.mapped.iter().filter(|(_, of)| *of == owner || of.is_none() || owner.is_none());
            if let Some((known, of)) = seen().find(|(known, _)| known.contains(&start)) {
                if owner.is_none() && of.is_some() {
                    return Err(EmuError::Environment(format!(
                        "KASAN's shadow at {start:#x} is of one CPU's memory and of all CPUs'"
                    )));
                }
                start = known.end;
                continue;
            }
            let next = seen().map(|(known, _)| known.start).filter(|next| (start..end).contains(next)).min();
            let until = next.unwrap_or(end);
            regions.push(Region::new("KASAN's shadow", start, until - start, owner, None)?);
            self.mapped.push((start..until, owner));
            start = until;
        }
        Ok(regions)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OFFSET: u64 = 0xdfff_8000_0000_0000;
    const OBJECTS: u64 = 0xffff_8880_0000_0000;

    fn ranges(regions: &[Region]) -> Vec<Range<u64>> {
        regions.iter().map(Region::range).collect()
    }

    #[test]
    fn the_offset_is_found_by_where_a_kernel_looks() {
        let shadow = (OBJECTS >> 3).wrapping_add(OFFSET);
        assert_eq!(Shadow::offset(OBJECTS, shadow), OFFSET);
        assert_eq!(Shadow::at(OFFSET).shadowed(shadow + 2), OBJECTS + 16);
    }

    #[test]
    fn every_byte_has_a_shadow_and_only_one() {
        let mut shadow = Shadow::at(OFFSET);
        let of = |address: u64| (address >> 3).wrapping_add(OFFSET);
        let all = 0..16 * ENGINE_PAGE;
        // Ranges whose shadows share pages, one within another, and one around all.
        let mut known: Vec<Range<u64>> = Vec::new();
        for (start, end) in [(0x1000, 0x3000), (0x3000, 0x1_2000), (0x1_0000, 0x1_1000), (0, all.end * 8)] {
            known.extend(ranges(&shadow.of(OBJECTS + start..OBJECTS + end, None).unwrap()));
            for address in [start, end - 1] {
                let at = of(OBJECTS + address);
                assert_eq!(known.iter().filter(|range| range.contains(&at)).count(), 1, "{address:#x}");
            }
        }
        known.sort_by_key(|range| range.start);
        assert!(known.windows(2).all(|pair| pair[0].end <= pair[1].start), "{known:x?}");
        assert_eq!(known.iter().map(|range| range.end - range.start).sum::<u64>(), all.end);
    }

    #[test]
    fn a_cpus_own_memory_has_a_shadow_of_its_own() {
        let mut shadow = Shadow::at(OFFSET);
        let stack = OBJECTS..OBJECTS + 8 * ENGINE_PAGE;
        let [first, second] = [0, 1].map(|cpu| shadow.of(stack.clone(), Some(cpu)).unwrap());
        assert_eq!(ranges(&first), ranges(&second));
        assert_eq!((first[0].owner, second[0].owner), (Some(0), Some(1)));
        assert!(shadow.of(stack.clone(), Some(1)).unwrap().is_empty(), "it exists");
        assert!(shadow.of(stack, None).is_err());
    }
}
