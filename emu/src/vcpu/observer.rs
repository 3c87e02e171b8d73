//! The observer of the page table: it records accesses, and hands over to the scheduler before each.

use std::ops::ControlFlow;
use std::rc::Rc;

use pmdscope_watch::{AccessKind, Observer, ReadRegister, Site, WatchError};

use super::state::{Load, State};
use crate::EmuError;
use crate::end::CallExit;

/// Records the accesses of one vCPU, and hands over to the scheduler before each.
pub(super) struct PageTableObserver(pub(super) Rc<State>);

impl Observer for PageTableObserver {
    fn before(&mut self, site: &Site) -> ControlFlow<()> {
        let state = &self.0;
        state.recorder.settle();
        if let Some(replay) = state.replay.borrow_mut().as_mut() {
            if replay.stopped {
                return ControlFlow::Break(());
            }
            if site.kind != AccessKind::Store {
                let Some(value) = replay.values.get(replay.made) else {
                    replay.stopped = true;
                    return ControlFlow::Break(());
                };
                if let Err(error) = state.recorder.put(site.address, *value) {
                    state.fail(error);
                    return ControlFlow::Break(());
                }
                replay.made += 1;
            }
        }
        if !state.yielder.get().is_null() {
            // SAFETY: the yielder lives as long as the coroutine that this runs in, which put it
            // there and takes it away before it ends.
            unsafe { &*state.yielder.get() }.suspend(());
        }
        // Checked after the suspension, in which the scheduler may have given the call up. The access has had its
        // turn: the engine makes it whatever is returned here, and other CPUs may see what it stores.
        if state.accesses.get() >= state.bounds.get().accesses {
            if state.end.get().is_none() {
                state.end.set(Some(CallExit::AccessBound));
            }
            return ControlFlow::Break(());
        }
        state.accesses.set(state.accesses.get() + 1);
        ControlFlow::Continue(())
    }

    fn stopped(&mut self, register: ReadRegister<'_>) {
        let state = &self.0;
        if let Some(replay) = state.replay.borrow_mut().as_mut().filter(|replay| replay.state.is_empty()) {
            match depends_on(state, register) {
                Ok(held) => replay.state = held,
                Err(error) => state.fail(error),
            }
        }
    }

    fn loaded(&mut self, site: &Site, _: u64) {
        let state = &self.0;
        if let Some(value) = state.recorder.loaded(state.number, site) {
            let place = state.path.borrow().len().saturating_sub(1);
            state.loads.borrow_mut().push(Load { place, address: site.address, value });
        }
    }

    fn stored(&mut self, site: &Site, _: u64) {
        self.0.recorder.storing(self.0.number, site);
    }

    fn failed(&mut self, error: WatchError) {
        self.0.fail(error.into());
    }
}

/// Returns everything that a CPU depends on at a read, except memory; empty if that is not known.
fn depends_on(state: &State, register: ReadRegister<'_>) -> Result<Vec<u64>, EmuError> {
    if state.model.registers.is_empty() {
        return Ok(Vec::new());
    }
    let registers = state.model.registers.iter().cloned().flatten();
    // Code that says that it waits counts in registers how often it has polled: they are left out.
    let mut held = registers.filter(|_| !state.spins.get()).map(register).collect::<Result<Vec<_>, _>>()?;
    held.extend([register(state.isa.program_counter)?, state.stores.get()]);
    Ok(held)
}
