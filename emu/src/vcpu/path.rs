//! The path of a call. Calls that go on from one checkpoint share what came before it.

use std::rc::Rc;

/// The addresses of the blocks or instructions that a call ran, in order.
#[derive(Default)]
pub(super) struct Path {
    before: Option<Rc<SharedPath>>,
    steps: Vec<u64>,
}

/// The beginning of a path.
pub(super) struct SharedPath {
    before: Option<Rc<SharedPath>>,
    steps: Box<[u64]>,
    /// Number of steps up to its end.
    length: usize,
}

impl Path {
    /// Returns a path that begins as another did.
    pub(super) fn after(before: &Rc<SharedPath>) -> Path {
        Path { before: Some(Rc::clone(before)), steps: Vec::new() }
    }

    pub(super) fn push(&mut self, step: u64) {
        self.steps.push(step);
    }

    pub(super) fn len(&self) -> usize {
        self.before.as_ref().map_or(0, |before| before.length) + self.steps.len()
    }

    /// Shares all steps but the last, and returns them.
    pub(super) fn share_before_last(&mut self) -> Rc<SharedPath> {
        let last = self.steps.pop();
        let length = self.len();
        let steps = std::mem::take(&mut self.steps).into();
        let shared = Rc::new(SharedPath { before: self.before.take(), steps, length });
        self.before = Some(Rc::clone(&shared));
        self.steps.extend(last);
        shared
    }

    /// Returns all steps.
    pub(super) fn whole(&mut self) -> &[u64] {
        if let Some(last) = self.before.take() {
            let mut parts = vec![&*last];
            while let Some(before) = parts.last().and_then(|part| part.before.as_deref()) {
                parts.push(before);
            }
            let earlier = parts.iter().rev().flat_map(|part| part.steps.iter());
            self.steps = earlier.chain(&self.steps).copied().collect();
        }
        &self.steps
    }

    /// Takes all steps.
    pub(super) fn take(&mut self) -> Vec<u64> {
        self.whole();
        std::mem::take(&mut self.steps)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_share_how_they_begin_and_nothing_else() {
        let mut first = Path::default();
        (1..=3).for_each(|step| first.push(step));
        let up_to_2 = first.share_before_last();
        first.push(4);
        let up_to_3 = first.share_before_last();
        assert_eq!((first.len(), first.whole()), (4, &[1, 2, 3, 4][..]));
        let mut second = Path::after(&up_to_2);
        assert_eq!(second.len(), 2);
        second.push(9);
        assert_eq!(second.take(), [1, 2, 9]);
        assert_eq!((second.len(), second.whole()), (0, &[][..]), "taken once");
        assert_eq!(Path::after(&up_to_3).whole(), [1, 2, 3]);
        assert_eq!(first.take(), [1, 2, 3, 4]);
    }
}
