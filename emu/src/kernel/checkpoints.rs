//! Checkpoints of a routine that is followed again and again with other values: the CPU, and memory.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use crate::kernel::space::{Contents, Space};
use crate::vcpu::{Checkpoint, mixed};

/// Maximum number of checkpoints of a routine. Each takes some tens of kilobytes.
const MOST: usize = 2_000;

/// The checkpoints of one routine on one entry.
#[derive(Default)]
pub(crate) struct Checkpoints {
    /// By the number of reads before, and a hash of their values.
    known: HashMap<(usize, u64), Rc<Kept>>,
}

/// A checkpoint, with the memory of that moment.
pub(crate) struct Kept {
    pub(crate) cpu: Checkpoint,
    memory: Contents,
}

impl Checkpoints {
    /// Returns what keeps checkpoints here.
    pub(crate) fn keeper(
        checkpoints: &Rc<RefCell<Self>>,
        space: &Rc<RefCell<Space>>,
    ) -> Rc<dyn Fn(Checkpoint)> {
        let (checkpoints, space) = (Rc::clone(checkpoints), Rc::clone(space));
        Rc::new(move |cpu| {
            let known = &mut checkpoints.borrow_mut().known;
            if known.len() < MOST {
                let memory = space.borrow().contents();
                known.insert((cpu.reads, cpu.reads_hash), Rc::new(Kept { cpu, memory }));
            }
        })
    }

    /// Returns the last checkpoint of a call whose first reads return `values`, before the last of these.
    pub(crate) fn last_of(&self, values: &[u64]) -> Option<Rc<Kept>> {
        if self.known.is_empty() {
            return None;
        }
        let mut hash = 0;
        let mut last = None;
        for (reads, value) in values.iter().enumerate() {
            last = self.known.get(&(reads, hash)).or(last);
            hash = mixed(hash, *value);
        }
        last.map(Rc::clone)
    }
}

impl Kept {
    /// Makes memory what it was.
    pub(crate) fn restore(&self, space: &Space) {
        space.restore_to(&self.memory);
    }
}
