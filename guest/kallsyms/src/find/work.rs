//! The bound on the work of a search.

/// The steps that a search may still take.
///
/// They bound the time for an image that is full of near misses. A table without near misses before it needs about one
/// step for each of its symbols.
pub(super) struct WorkBudget {
    left: usize,
}

impl WorkBudget {
    /// The budget for an image of `len` bytes.
    pub(super) fn for_image(len: usize) -> WorkBudget {
        WorkBudget { left: len.saturating_mul(4).saturating_add(1 << 20) }
    }

    /// Takes `steps`, or returns `None` and takes the rest if fewer are left.
    pub(super) fn spend(&mut self, steps: usize) -> Option<()> {
        match self.left.checked_sub(steps) {
            Some(left) => {
                self.left = left;
                Some(())
            }
            None => {
                self.left = 0;
                None
            }
        }
    }

    /// Whether no steps are left.
    pub(super) fn is_spent(&self) -> bool {
        self.left == 0
    }
}
