//! The sections of memory, in which a kernel looks whether a page frame is valid: pfn_valid().

use std::ops::Range;

use pmdscope_arches::ByteOrder;

use crate::EmuError;
use crate::kernel::fields::Fields;
use crate::kernel::machine::Machine;
use crate::kernel::space::{Fill, Region};

/// Bytes for the addresses of groups of sections: as many as 56 bits of physical address need, the most of any
/// architecture.
const GROUPS: u64 = 1 << 24;
/// Bytes of a group: one page of the largest size.
const GROUP: u64 = 1 << 16;
/// SECTION_MARKED_PRESENT, SECTION_HAS_MEM_MAP, SECTION_IS_ONLINE and SECTION_IS_EARLY of include/linux/mmzone.h.
const VALID: u64 = 0xf;

/// Distance from free memory to where struct pages of a kernel without sections begin. No other memory is between.
const BEFORE_PAGES: u64 = 1 << 36;
/// A page frame number that none reaches.
const END: u64 = 1 << 40;

/// Makes every page frame valid. `at` is where memory is free.
///
/// All groups of sections are one (CONFIG_SPARSEMEM_EXTREME, which every kernel here has that has sections). A kernel
/// without sections has all struct pages in one array (CONFIG_FLATMEM). What has no symbol stays as it is in the
/// image.
pub(super) fn start(machine: &mut Machine, fields: &Fields, at: u64) -> Result<(), EmuError> {
    let (Some(sections), Ok(size), Some(map)) = (
        machine.kernel.symbol("mem_section"),
        fields.size("mem_section"),
        fields.find("mem_section", "section_mem_map"),
    ) else {
        return one_array(machine, at + BEFORE_PAGES);
    };
    let group = at + GROUPS;
    for (range, step, value) in [(at..group, 8, group), (group..group + GROUP, size, VALID)] {
        let offset = if range.start == group { map } else { 0 };
        let Range { start, end } = range;
        let words = repeated(machine.order, step, offset, value);
        machine.map(Region::new("sections of memory", start, end - start, None, Some(words))?)?;
    }
    machine.put64(sections, at)?;
    machine.assumptions.push("every page frame is valid: pfn_valid()".to_owned());
    Ok(())
}

/// Makes every page frame of a kernel without sections valid, with struct pages from `at` on.
fn one_array(machine: &mut Machine, at: u64) -> Result<(), EmuError> {
    // Kernels with sections may have these as well, unused.
    if let (Some(pages), Some(end)) = (machine.kernel.symbol("mem_map"), machine.kernel.symbol("max_mapnr")) {
        machine.put64(pages, at)?;
        machine.put64(end, END)?;
        machine.assumptions.push(format!("every page frame below {END:#x} is valid: max_mapnr"));
    }
    Ok(())
}

/// Returns what fills memory with the same word in each `step` bytes, at an offset.
fn repeated(order: ByteOrder, step: u64, offset: u64, value: u64) -> Fill {
    Box::new(move |frame, bytes| {
        let word = order.encode(value);
        for (at, byte) in (frame..).zip(bytes) {
            let Some(of_word) = (at % step).checked_sub(offset).filter(|at| *at < 8) else { continue };
            *byte = word[usize::try_from(of_word).unwrap_or(0)];
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_at_its_offset_in_each_structure_across_frames() {
        for order in [ByteOrder::Little, ByteOrder::Big] {
            let mut bytes = [0; 96];
            let fill = repeated(order, 24, 12, 0x0102_0304_0506_0708);
            // The second half, as if it were another frame.
            fill(48, &mut bytes[48..]);
            fill(0, &mut bytes[..48]);
            for structure in bytes.chunks(24) {
                assert_eq!(structure[12..20], order.encode(0x0102_0304_0506_0708));
                assert!(structure[..12].iter().chain(&structure[20..]).all(|byte| *byte == 0));
            }
        }
    }
}
