//! Probes: entries to try in a region, besides all combinations of the bits that matter. Conditions on values of
//! entries commonly change at some of them; others are random.

use fastrand::Rng;
use pmdscope_arches::{Pattern, bits_of};

/// Number of random entries of each sort.
const RANDOM: usize = 1 << 14;

/// Number of random entries on which each bit is flipped to see whether it matters.
pub(super) const BASES: usize = 4096;

/// Returns a random entry of a pattern.
pub(super) fn any(cube: Pattern, rng: &mut Rng) -> u64 {
    cube.value | rng.u64(..) & cube.free
}

/// Returns the probes of a pattern: entries in which a run of bits differs from the bits around it, for every run;
/// random entries with few, half and many bits set; and the `given` entries, as they are and with each bit flipped.
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
