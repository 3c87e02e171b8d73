//! Recipes of agents, which do to an entry what the MMU does. Their code is that of bundled guests.

use pmdscope_guest::abi::Outcome;
use pmdscope_guest::routine::Routine;
use pmdscope_guest::routine::agents::{MMU_LOAD, MMU_STORE};

use crate::EmuError;
use crate::kernel::routine::recipe::{Caller, Conclusion, Recipe, drops_nothing, returns_unlocked};

/// Every agent of kernels.
pub(super) static ALL: &[Recipe] = &[agent(&MMU_LOAD), agent(&MMU_STORE)];

const fn agent(routine: &Routine) -> Recipe {
    Recipe {
        routine: *routine,
        may_drop: drops_nothing,
        arguments,
        under_table_lock: false,
        conclude,
        held_lock: returns_unlocked,
    }
}

/// The arguments of routines in bundled guests (`guest/c/guest.h`). An agent reads no environment.
fn arguments(caller: &Caller<'_>) -> Result<Vec<u64>, EmuError> {
    let Caller { process, .. } = *caller;
    Ok(vec![process.tables.entry, process.address(), 0, caller.out()])
}

fn conclude(caller: &Caller<'_>, _: u64) -> Result<Conclusion, EmuError> {
    let machine = &caller.process.machine;
    let bytes = machine.read(caller.out(), Outcome::SIZE as u64)?;
    let bytes =
        bytes.first_chunk().ok_or_else(|| EmuError::Environment("an outcome is cut short".to_owned()))?;
    let Outcome { result, pfn, size, entry, .. } = Outcome::decode(machine.order, bytes)?;
    Ok(Conclusion { result, pfn, size, entry: Some(entry) })
}
