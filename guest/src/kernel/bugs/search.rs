//! The search for a table that no symbol and no section names.
//!
//! A kernel without `CONFIG_KALLSYMS_ALL` names its functions only, and a flat image has no sections.

use pmdscope_arches::ByteOrder;

use super::trap::{is_known, is_trap};
use crate::kernel::image::{MemoryImage, Segment};

/// The fewest entries of a table that is found by its form.
const FEWEST: usize = 16;
/// The most entries in a row that do not lead to a trap.
///
/// More would join what lies after the table: x86 code can start anywhere, so some other numbers lead to a trap.
/// Warnings with arguments do not lead to one, and are added by [`Table::grown`](super::layout::Table::grown).
const GAP: u64 = 4;
/// The sizes in bytes of an entry with pointers that are relative to their place.
const STRIDES: [u64; 3] = [8, 12, 16];

/// Returns the addresses of the table's start and end, if something in the image has the form of a table.
///
/// The form is a long run of numbers at equal distances, each of which leads to a trap from where it is. The result is
/// a part of the table only, if some of its entries do not lead to a trap.
pub(super) fn find(image: &MemoryImage) -> Option<(u64, u64)> {
    if !is_known(image.arch) {
        return None;
    }
    let runs = image.kernel().filter_map(|segment| longest_run(&places(image, segment)));
    let (_, start, end) = runs.max_by_key(|(count, ..)| *count).filter(|(count, ..)| *count >= FEWEST)?;
    Some((start, end))
}

/// Returns the addresses of all numbers of a segment that lead to a trap, in ascending order.
fn places(image: &MemoryImage, segment: &Segment) -> Vec<u64> {
    let (words, _) = segment.bytes.as_chunks();
    let order = ByteOrder::of(image.arch);
    let leads_to_a_trap = |(number, bytes): (usize, &[u8; 4])| {
        let distance = match order {
            ByteOrder::Little => i32::from_le_bytes(*bytes),
            ByteOrder::Big => i32::from_be_bytes(*bytes),
        };
        let place = segment.address + 4 * number as u64;
        let trap = place.checked_add_signed(distance.into())?;
        is_trap(image, trap).then_some(place)
    };
    words.iter().enumerate().filter_map(leads_to_a_trap).collect()
}

/// Returns the longest run of places at equal distances: the number of places, its start and its end.
fn longest_run(places: &[u64]) -> Option<(usize, u64, u64)> {
    let runs = STRIDES.into_iter().filter_map(|stride| {
        // For each place, the number of places in the run that ends there, and the run's start.
        let mut runs: Vec<(usize, u64)> = Vec::with_capacity(places.len());
        for (number, place) in places.iter().enumerate() {
            let earlier = places[..number].iter().enumerate().rev();
            let mut near = earlier.take_while(|(_, earlier)| place - **earlier <= GAP * stride);
            let before = near.find(|(_, earlier)| (place - **earlier).is_multiple_of(stride));
            let (count, start) = before.map_or((0, *place), |(earlier, _)| runs[earlier]);
            runs.push((count + 1, start));
        }
        let (last, (count, start)) = runs.into_iter().enumerate().max_by_key(|(_, (count, _))| *count)?;
        Some((count, start, places[last] + stride))
    });
    // Entries of 16 bytes are also a run at distances of 8. Of equal runs, this takes that of the largest distance.
    runs.max_by_key(|(count, ..)| *count)
}
