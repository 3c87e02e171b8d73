//! The observer of the page table: it records accesses, and hands over to the scheduler before each.

use std::ops::ControlFlow;
use std::rc::Rc;

use pmdscope_engine::Engine;
use pmdscope_explore::Fingerprint;
use pmdscope_watch::{AccessKind, Observer, Site, WatchError};

use super::read_register;
use super::state::{Load, Replay, State, mixed};
use crate::EmuError;
use crate::end::CallExit;

/// Records the accesses of one vCPU, and hands over to the scheduler before each.
pub(super) struct PageTableObserver(pub(super) Rc<State>);

impl Observer for PageTableObserver {
    fn before(&mut self, site: &Site, engine: &dyn Engine) -> ControlFlow<()> {
        let state = &self.0;
        state.recorder.settle();
        match state.span(engine) {
            Ok(span) => state.recorder.begins(state.number, span),
            Err(error) => {
                state.fail(error);
                return ControlFlow::Break(());
            }
        }
        if let Some(replay) = state.replay.borrow_mut().as_mut() {
            if replay.stopped {
                return ControlFlow::Break(());
            }
            if site.kind != AccessKind::Store {
                let goes_on = match replay.values.get(replay.made) {
                    Some(value) => replay
                        .words_at(site.address, *value)
                        .try_for_each(|(address, value)| state.recorder.put(address, value))
                        .map(|()| true),
                    None => at_unknown_read(state, replay, engine),
                };
                state.last_read.set(state.instructions.get());
                match goes_on {
                    Ok(true) => {
                        replay.made += 1;
                        replay.reads_now = true;
                    }
                    Ok(false) => return ControlFlow::Break(()),
                    Err(error) => {
                        state.fail(error);
                        return ControlFlow::Break(());
                    }
                }
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

    fn loaded(&mut self, site: &Site, _: u64) {
        let state = &self.0;
        if let Some(value) = state.recorder.loaded(state.number, site) {
            if let Some(replay) = state.replay.borrow_mut().as_mut()
                && std::mem::take(&mut replay.reads_now)
            {
                replay.hash = mixed(replay.hash, value);
            }
            // The outcome and what is judged depend on what was seen of entries, not of other shared words.
            if state.recorder.is_entry(site.address) {
                state.loads_hash.set(mixed(state.loads_hash.get(), value));
            }
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

/// Notes a read for which a followed call has no value, and returns whether the call goes on with what is in memory.
fn at_unknown_read(state: &State, replay: &mut Replay, engine: &dyn Engine) -> Result<bool, EmuError> {
    let read = replay.read_at(depends_on(state, engine)?, state.history(), state.spins.get());
    if let Some(keep) = replay.keeps(&read)
        && let Some(checkpoint) = state.checkpoint(engine, replay.made, replay.hash)?
    {
        keep(checkpoint);
    }
    Ok(replay.goes_on(read))
}

/// Returns everything that a CPU depends on at a read, except memory; `None` if that is not known.
fn depends_on(state: &State, engine: &dyn Engine) -> Result<Option<Fingerprint>, EmuError> {
    if state.model.registers.is_empty() {
        return Ok(None);
    }
    let register = |number| read_register(engine, number);
    let registers = state.model.registers.iter().cloned().flatten();
    // Code that says that it waits counts in registers how often it has polled: they are left out.
    let mut held = registers.filter(|_| !state.spins.get()).map(register).collect::<Result<Vec<_>, _>>()?;
    held.extend([register(state.isa.program_counter)?, state.stores.get()]);
    Ok(Some(Fingerprint::of(&held)))
}
