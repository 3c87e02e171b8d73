//! The baseline run: the walker alone on the original entry. Comparing a walk with it shows which value the walk
//! decided on.

use std::collections::HashMap;

use crate::vcpu::Load;

/// The walker's path and loads in its baseline run, on the original entry.
#[derive(Debug, Clone)]
pub(crate) struct BaselinePath {
    /// Addresses of its instructions, in order.
    pub(crate) path: Vec<u64>,
    /// Its loads of watched memory.
    pub(crate) loads: Vec<Load>,
    /// Address of the entry.
    pub(crate) entry: u64,
}

impl BaselinePath {
    /// Returns the value of the entry that a walk decided on; `None` if the walk did not load the entry.
    ///
    /// Of the loads before the walk left the path of the baseline run, it is the last that returned another value
    /// than there. Later loads are not why the walk went another way: GUP-fast reads the entry again to see whether
    /// the page that it took is still the right one.
    ///
    /// If there is no such load, the entry is not why the paths part: it may be a count that another CPU changed
    /// meanwhile. Then the last of all loads counts.
    ///
    /// A walk that waits for a lock only makes a detour. Its loads after that count as well: what it reads under the
    /// lock is what it goes by.
    pub(crate) fn decided_on(&self, path: &[u64], loads: &[Load]) -> Option<u64> {
        let of_entry = || loads.iter().filter(|load| load.address & !7 == self.entry);
        let shared = self.shared_with(path, loads);
        let differs =
            |load: &&Load| shared.baseline_place(load.place).is_some_and(|place| self.differs(load, place));
        of_entry().rev().find(differs).or(of_entry().next_back()).map(|load| load.value)
    }

    /// Returns the parts of a walk that are on the path of the baseline run, until the entry makes it go another way.
    fn shared_with(&self, path: &[u64], loads: &[Load]) -> SharedPath {
        let mut shared = SharedPath::default();
        let (mut walk, mut baseline) = (0, 0);
        // Where the walk has each instruction, in order. A walk can be long.
        let mut places: HashMap<u64, Vec<usize>> = HashMap::new();
        loop {
            let same =
                path[walk..].iter().zip(&self.path[baseline..]).take_while(|(here, there)| here == there);
            let length = same.count();
            shared.parts.push(SharedPart { walk, baseline, length });
            (walk, baseline) = (walk + length, baseline + length);
            if walk == path.len() && baseline == self.path.len() {
                return shared;
            }
            // The last load that returned something else decides where the walk goes.
            let differing = loads.iter().rev().find(|load| {
                shared.baseline_place(load.place).is_some_and(|place| self.differs(load, place))
            });
            if differing.is_none_or(|load| load.address & !7 == self.entry) {
                return shared;
            }
            if places.is_empty() {
                for (place, address) in path.iter().enumerate() {
                    places.entry(*address).or_default().push(place);
                }
            }
            let back = (baseline..).zip(&self.path[baseline..]).find_map(|(there, address)| {
                let here = places.get(address)?;
                Some((*here.get(here.partition_point(|place| *place < walk))?, there))
            });
            let Some(back) = back else { return shared };
            (walk, baseline) = back;
        }
    }

    /// Whether the baseline run loaded another value at a place of its path.
    fn differs(&self, load: &Load, place: usize) -> bool {
        self.loads
            .iter()
            .any(|there| there.place == place && there.address == load.address && there.value != load.value)
    }
}

/// The parts of a walk that are on the path of the baseline run, in order.
#[derive(Debug, Default)]
struct SharedPath {
    parts: Vec<SharedPart>,
}

/// A part of a walk that is on the path of the baseline run.
#[derive(Debug)]
struct SharedPart {
    /// Index in the walk's path.
    walk: usize,
    /// Index in the path of the baseline run.
    baseline: usize,
    /// Number of instructions.
    length: usize,
}

impl SharedPath {
    /// Returns the index in the path of the baseline run of a place on the walk's.
    fn baseline_place(&self, place: usize) -> Option<usize> {
        let part = self.parts.iter().find(|part| (part.walk..part.walk + part.length).contains(&place))?;
        Some(part.baseline + (place - part.walk))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SWAP: u64 = 0x10;
    const PRESENT: u64 = 0x11;

    fn loads(loads: &[(usize, u64)]) -> Vec<Load> {
        loads.iter().map(|(place, value)| Load { place: *place, address: 0, value: *value }).collect()
    }

    fn baseline_of(path: &[u64], of: &[(usize, u64)]) -> BaselinePath {
        BaselinePath { path: path.to_vec(), loads: loads(of), entry: 0 }
    }

    /// A walker whose second instruction refuses an entry that is not present.
    fn baseline() -> BaselinePath {
        baseline_of(&[1, 2, 3], &[(0, SWAP)])
    }

    #[test]
    fn what_is_read_again_after_the_paths_have_parted_decides_nothing() {
        let walk = loads(&[(0, PRESENT), (3, SWAP)]);
        assert_eq!(baseline().decided_on(&[1, 2, 4, 5, 6], &walk), Some(PRESENT));
    }

    #[test]
    fn what_is_read_where_the_paths_have_just_parted_decides_nothing() {
        let baseline = baseline_of(&[1, 2, 3], &[(0, SWAP), (2, SWAP)]);
        let walk = loads(&[(0, PRESENT), (2, 7)]);
        assert_eq!(baseline.decided_on(&[1, 2, 4], &walk), Some(PRESENT));
    }

    #[test]
    fn the_load_that_returned_something_else_decides_and_not_one_that_did_not() {
        let baseline = baseline_of(&[1, 2, 3, 4], &[(0, SWAP), (1, SWAP)]);
        let walk = loads(&[(0, PRESENT), (1, SWAP), (4, 7)]);
        assert_eq!(baseline.decided_on(&[1, 2, 3, 9, 8], &walk), Some(PRESENT));
        let walk = loads(&[(0, PRESENT), (1, 7)]);
        assert_eq!(baseline.decided_on(&[1, 2, 3, 9], &walk), Some(7), "the last of two");
    }

    #[test]
    fn a_reread_that_refuses_a_mapping_decides() {
        let baseline = baseline_of(&[1, 2, 3, 4], &[(0, PRESENT), (2, PRESENT)]);
        let walk = loads(&[(0, PRESENT), (2, SWAP)]);
        assert_eq!(baseline.decided_on(&[1, 2, 3, 9], &walk), Some(SWAP));
    }

    #[test]
    fn a_count_that_is_tried_again_is_not_the_entry() {
        let baseline = baseline_of(&[1, 2, 3, 4], &[(0, PRESENT), (2, PRESENT)]);
        let walk = loads(&[(0, PRESENT), (4, SWAP)]);
        assert_eq!(baseline.decided_on(&[1, 2, 1, 2, 3, 9], &walk), Some(SWAP));
    }

    #[test]
    fn where_the_paths_do_not_part_it_is_what_differs_or_the_last() {
        assert_eq!(baseline().decided_on(&[1, 2, 3], &loads(&[(0, 7)])), Some(7));
        assert_eq!(baseline().decided_on(&[1, 2, 3], &loads(&[(0, SWAP)])), Some(SWAP));
        assert_eq!(baseline().decided_on(&[1, 2, 3], &[]), None);
    }

    /// A lock's word, in the loads of a test.
    const LOCK: u64 = 8;

    fn at(place: usize, address: u64, value: u64) -> Load {
        Load { place, address, value }
    }

    /// A walker that reads the entry, takes a lock, and reads the entry again.
    fn locking() -> BaselinePath {
        let loads = vec![at(0, 0, PRESENT), at(1, LOCK, 0), at(2, 0, PRESENT)];
        BaselinePath { path: vec![1, 2, 3, 4], loads, entry: 0 }
    }

    #[test]
    fn what_is_read_after_a_wait_for_the_lock_decides() {
        let walk = [at(0, 0, 7), at(1, LOCK, 1), at(3, LOCK, 1), at(4, LOCK, 0), at(5, 0, 8)];
        assert_eq!(locking().decided_on(&[1, 2, 20, 21, 21, 3, 4], &walk), Some(8));
        // Who waits does not take the lock where others take it at once.
        let at_once = vec![at(0, 0, PRESENT), at(1, LOCK, 0), at(3, 0, PRESENT)];
        let baseline = BaselinePath { path: vec![1, 2, 10, 3, 4], loads: at_once, entry: 0 };
        assert_eq!(baseline.decided_on(&[1, 2, 20, 21, 21, 3, 4], &walk), Some(8));
    }

    #[test]
    fn what_is_read_last_before_the_paths_part_for_good_decides() {
        let walk = [at(0, 0, 7), at(1, LOCK, 1), at(3, LOCK, 0), at(4, 0, 8), at(5, 0, 6)];
        assert_eq!(locking().decided_on(&[1, 2, 20, 21, 3, 9], &walk), Some(8));
        // What it read of the entry is why it goes another way, though it returns to the path in the end.
        let walk = [at(0, 0, 7), at(1, LOCK, 0), at(3, 0, 8)];
        assert_eq!(locking().decided_on(&[1, 2, 9, 3, 4], &walk), Some(7));
    }
}
