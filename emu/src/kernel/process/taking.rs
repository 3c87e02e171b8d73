//! How a lock is taken by the kernel's own code.

use std::rc::Rc;

use crate::EmuError;
use crate::end::CallExit;

use super::KernelProcess;

/// Functions that return with a spinlock held, and what each is given after the lock. In kernels that have the first
/// inlined everywhere, the second waits for a lock of the usual kind that is held, and the third for one of s390x.
/// Both take it if it is free.
const TAKE: [(&str, Option<u64>); 3] =
    [("_raw_spin_lock", None), ("queued_spin_lock_slowpath", Some(0)), ("arch_spin_lock_wait", None)];

/// A function that takes a spinlock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TakesLock {
    pub(crate) symbol: &'static str,
    pub(crate) function: u64,
    second: Option<u64>,
}

impl TakesLock {
    /// Returns the arguments with which it takes a lock.
    pub(crate) fn arguments(self, lock: u64) -> Vec<u64> {
        [Some(lock), self.second].into_iter().flatten().collect()
    }
}

impl KernelProcess {
    /// Finds the function that takes a spinlock: it is run, and must return with the lock held.
    pub(super) fn find_taking(&mut self) -> Result<(), EmuError> {
        let kernel = Rc::clone(&self.machine.kernel);
        for (symbol, second) in TAKE {
            let Some(function) = kernel.symbol(symbol) else { continue };
            let takes = TakesLock { symbol, function, second };
            let lock = self.table_lock;
            let end = self.machine.call(0, function, &takes.arguments(lock))?;
            let held = is_held(self.machine.get(lock, 4)?);
            self.machine.space.borrow().restore();
            if end == CallExit::Returned && held {
                self.takes_lock = Some(takes);
                self.machine.assumptions.push(format!(
                    "callers that hold the lock of the PMD table take it by {symbol}(), which was seen to take it"
                ));
                return Ok(());
            }
        }
        self.machine.assumptions.push(
            "callers that hold the lock of the PMD table have it from the beginning: this kernel has no function that \
             takes a lock, so that orders are missing in which another CPU has it first"
                .to_owned(),
        );
        Ok(())
    }
}

/// Whether a spinlock with this value is held. Where a lock is a ticket and the ticket that is served, it is free if
/// the two are equal.
pub(crate) const fn is_held(lock: u64) -> bool {
    lock != 0 && (lock >> 16) & 0xffff != lock & 0xffff
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ticket_that_is_served_is_no_held_lock() {
        for (value, held) in [(0, false), (1, true), (0x1_0001, false), (0x2_0001, true), (0x8000_0000, true)]
        {
            assert_eq!(is_held(value), held, "{value:#x}");
        }
    }
}
