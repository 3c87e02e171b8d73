//! The memory that a vCPU has for itself: what its functions are given, what they give back, their stack.
//!
//! A function may read what it has not written, by mistake or by its compiler's choice. So each call begins with
//! zeroes there. To clear all of it would take longer than a call: where every call writes is cleared each time, and
//! elsewhere what was written.

use std::cell::Cell;
use std::ops::Range;
use std::rc::Rc;

use crate::EmuError;
use crate::memory::{OUTCOME, PRIVATE, PRIVATE_BYTES, STACK_TOP, Shared};
use crate::vcpu::Vcpu;

/// More of the stack than a bundled guest uses.
const USUAL_STACK: u64 = 0x4000;
/// What is cleared each time, as offsets: environment and outcome, and the top of the stack.
const ALWAYS: [Range<u64>; 2] =
    [0..OUTCOME + 0x1000 - PRIVATE, STACK_TOP - USUAL_STACK - PRIVATE..PRIVATE_BYTES];

/// The private memory of one vCPU.
pub(crate) struct Private {
    memory: Rc<Shared>,
    /// What was written between the ranges that are always cleared, from its first byte to its last.
    written: Rc<Cell<Option<(u64, u64)>>>,
}

impl Private {
    /// Gives a vCPU its private memory.
    pub(crate) fn give(vcpu: &mut Vcpu) -> Result<Private, EmuError> {
        let memory = Rc::new(Shared::new(PRIVATE_BYTES)?);
        vcpu.map(PRIVATE, &memory)?;
        vcpu.provide_return_pad()?;
        let written: Rc<Cell<Option<(u64, u64)>>> = Rc::default();
        let [low, high] = ALWAYS;
        let noted = Rc::clone(&written);
        vcpu.on_store(PRIVATE + low.end..PRIVATE + high.start, move |address, bytes| {
            let first = address - PRIVATE;
            let last = (first + bytes.saturating_sub(1) as u64).min(PRIVATE_BYTES - 1);
            let (low, high) = noted.get().unwrap_or((first, last));
            noted.set(Some((low.min(first), high.max(last))));
        })?;
        Ok(Private { memory, written })
    }

    /// Clears it, but for where functions return to.
    pub(crate) fn clear(&self, vcpu: &mut Vcpu) -> Result<(), EmuError> {
        for range in ALWAYS {
            self.memory.fill(range, 0);
        }
        if let Some((first, last)) = self.written.take() {
            self.memory.fill(first..last + 1, 0);
            vcpu.provide_return_pad()?;
        }
        Ok(())
    }
}
