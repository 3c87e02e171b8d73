//! The baseline run: the walker alone on the original entry. Comparing a walk with it shows which value the walk
//! decided on.

use crate::vcpu::Load;

/// The walker's path and loads in its baseline run, on the original entry.
#[derive(Debug, Clone, Default)]
pub(crate) struct BaselinePath {
    /// Addresses of its instructions, in order.
    pub(crate) path: Vec<u64>,
    /// Its loads of the entry.
    pub(crate) loads: Vec<Load>,
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
    pub(crate) fn decided_on(&self, path: &[u64], loads: &[Load]) -> Option<u64> {
        let same = path.iter().zip(&self.path).take_while(|(here, there)| here == there).count();
        let before = loads.iter().filter(|load| load.place < same).rev();
        let differs = |load: &&Load| {
            self.loads.iter().any(|there| there.place == load.place && there.value != load.value)
        };
        before.into_iter().find(differs).or(loads.last()).map(|load| load.value)
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

    /// A walker whose second instruction refuses an entry that is not present.
    fn baseline() -> BaselinePath {
        BaselinePath { path: vec![1, 2, 3], loads: loads(&[(0, SWAP)]) }
    }

    #[test]
    fn what_is_read_again_after_the_paths_have_parted_decides_nothing() {
        let walk = loads(&[(0, PRESENT), (3, SWAP)]);
        assert_eq!(baseline().decided_on(&[1, 2, 4, 5, 6], &walk), Some(PRESENT));
    }

    #[test]
    fn what_is_read_where_the_paths_have_just_parted_decides_nothing() {
        let baseline = BaselinePath { path: vec![1, 2, 3], loads: loads(&[(0, SWAP), (2, SWAP)]) };
        let walk = loads(&[(0, PRESENT), (2, 7)]);
        assert_eq!(baseline.decided_on(&[1, 2, 4], &walk), Some(PRESENT));
    }

    #[test]
    fn the_load_that_returned_something_else_decides_and_not_one_that_did_not() {
        let baseline = BaselinePath { path: vec![1, 2, 3, 4], loads: loads(&[(0, SWAP), (1, SWAP)]) };
        let walk = loads(&[(0, PRESENT), (1, SWAP), (4, 7)]);
        assert_eq!(baseline.decided_on(&[1, 2, 3, 9, 8], &walk), Some(PRESENT));
        let walk = loads(&[(0, PRESENT), (1, 7)]);
        assert_eq!(baseline.decided_on(&[1, 2, 3, 9], &walk), Some(7), "the last of two");
    }

    #[test]
    fn a_reread_that_refuses_a_mapping_decides() {
        let baseline = BaselinePath { path: vec![1, 2, 3, 4], loads: loads(&[(0, PRESENT), (2, PRESENT)]) };
        let walk = loads(&[(0, PRESENT), (2, SWAP)]);
        assert_eq!(baseline.decided_on(&[1, 2, 3, 9], &walk), Some(SWAP));
    }

    #[test]
    fn a_count_that_is_tried_again_is_not_the_entry() {
        let baseline = BaselinePath { path: vec![1, 2, 3, 4], loads: loads(&[(0, PRESENT), (2, PRESENT)]) };
        let walk = loads(&[(0, PRESENT), (4, SWAP)]);
        assert_eq!(baseline.decided_on(&[1, 2, 1, 2, 3, 9], &walk), Some(SWAP));
    }

    #[test]
    fn where_the_paths_do_not_part_it_is_what_differs_or_the_last() {
        assert_eq!(baseline().decided_on(&[1, 2, 3], &loads(&[(0, 7)])), Some(7));
        assert_eq!(baseline().decided_on(&[1, 2, 3], &loads(&[(0, SWAP)])), Some(SWAP));
        assert_eq!(baseline().decided_on(&[1, 2, 3], &[]), None);
    }

    #[test]
    fn without_a_baseline_it_is_the_last() {
        assert_eq!(BaselinePath::default().decided_on(&[1, 2], &loads(&[(0, 1), (1, 2)])), Some(2));
    }
}
