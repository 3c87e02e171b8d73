//! The private memory of a vCPU: the arguments of its functions, their results, and their stack.
//!
//! A function may read private memory that it has not written, by mistake or by its compiler's choice. So each call
//! begins with zeroes there. Clearing all of it would take longer than a call. The parts that every call writes are
//! cleared each time, and elsewhere only what was written.

use std::cell::Cell;
use std::ops::Range;
use std::rc::Rc;

use crate::EmuError;
use crate::memory::{OUTCOME, PRIVATE, PRIVATE_BYTES, STACK_TOP, Shared};
use crate::vcpu::Vcpu;

/// Bytes of the stack that are cleared before each call. Below them, what was written is.
const USUAL_STACK: u64 = 0x800;
/// The offsets that are cleared each time: environment and outcome, and the top of the stack.
const ALWAYS: [Range<u64>; 2] =
    [0..OUTCOME + 0x1000 - PRIVATE, STACK_TOP - USUAL_STACK - PRIVATE..PRIVATE_BYTES];

/// The private memory of one vCPU.
pub(crate) struct Private {
    memory: Rc<Shared>,
    /// The first and the last offset that were written between the ranges that are always cleared.
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

    /// Clears the private memory, apart from the return pad.
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
