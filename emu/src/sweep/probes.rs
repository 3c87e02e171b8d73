//! Entries on which a region is tried, besides all combinations of the bits that matter: those where conditions on
//! values of entries commonly change, and random ones.

use fastrand::Rng;
use pmdscope_arches::{Pattern, bits_of};

/// How many random entries of each sort.
const RANDOM: usize = 1 << 14;

/// How many entries, chosen at random, each bit is flipped on to see whether it matters.
pub(super) const BASES: usize = 4096;

/// An entry of a pattern, chosen at random.
pub(super) fn any(cube: Pattern, rng: &mut Rng) -> u64 {
    cube.value | rng.u64(..) & cube.free
}

/// Entries with every run of bits different from what is around it, and random ones with few, half and many bits
/// set; and what is given, with each bit of it flipped.
pub(super) fn probes(cube: Pattern, given: &[u64], rng: &mut Rng) -> Vec<u64> {
    let mut bits = vec![0, u64::MAX];
    let free: Vec<u64> = bits_of(cube.free).collect();
    for low in 0..free.len() {
        for high in low..free.len() {
            let run = free[low..=high].iter().sum::<u64>();
            let (one, other) = (rng.u64(..), rng.u64(..));
            bits.extend([run, !run, one & run, one | !run, other & !run, other | run]);
        }
    }
    for _ in 0..RANDOM {
        let (a, b, c) = (rng.u64(..), rng.u64(..), rng.u64(..));
        bits.extend([a, a & b, a | b, a & b & c, a | b | c]);
    }
    let given = given.iter().filter(|entry| cube.contains(**entry));
    for entry in given {
        bits.push(*entry);
        bits.extend(free.iter().map(|bit| entry ^ bit));
    }
    bits.into_iter().map(|bits| cube.value | bits & cube.free).collect()
}
