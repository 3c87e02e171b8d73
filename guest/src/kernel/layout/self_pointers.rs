//! Finds the address of a flat image from pointers that point to themselves.

use std::collections::HashMap;

use pmdscope_arches::Arch;

use super::words::words;

/// The fewest pairs of pointers that determine an address.
///
/// Kernels have more than a thousand. A handful can agree on a wrong address by chance.
const POINTERS: usize = 64;
/// The size of the pages at which kernels are linked.
const PAGE: u64 = 4096;

/// Returns the address at which most pairs of equal pointers point to themselves.
///
/// The second number counts the pairs that agree. `None` if they are few, or if another address has more than a
/// quarter as many.
pub(super) fn address_by_self_pointers(arch: Arch, bytes: &[u8]) -> Option<(u64, usize)> {
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
