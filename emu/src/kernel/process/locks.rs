//! Locks of kernels that check their locks: CONFIG_DEBUG_SPINLOCK and lockdep.

use crate::EmuError;
use crate::kernel::fields::Fields;
use crate::kernel::machine::Machine;

/// SPINLOCK_MAGIC and SPINLOCK_OWNER_INIT of include/linux/spinlock_types_raw.h.
const MAGIC: u64 = 0xdead_4ead;
const NO_OWNER: u64 = u64::MAX;

/// Switches lockdep off, and initializes the locks of an address space.
///
/// Lockdep keeps records of every lock that a task takes. A kernel itself switches it off for good at the first thing
/// that it reports, which is the state that runs begin with.
pub(super) fn start(machine: &mut Machine, fields: &Fields, mm: u64) -> Result<(), EmuError> {
    if let Some(switch) = machine.kernel.symbol("debug_locks")
        && fields.size("lockdep_map").is_ok_and(|bytes| bytes > 0)
    {
        machine.put(switch, 4, 0)?;
        machine
            .assumptions
            .push("lockdep is switched off, as after its first report: debug_locks is 0".to_owned());
    }
    for member in ["page_table_lock", "arg_lock"] {
        if let Some(lock) = fields.find("mm_struct", member) {
            unlocked(machine, fields, mm + lock)?;
        }
    }
    Ok(())
}

/// Makes a spinlock one that nobody holds. Without debugging that is all zeroes.
pub(super) fn unlocked(machine: &Machine, fields: &Fields, lock: u64) -> Result<(), EmuError> {
    let raw = |member| fields.find("raw_spinlock", member);
    if let Some(magic) = raw("magic") {
        machine.put(lock + magic, 4, MAGIC)?;
    }
    if let Some(owner) = raw("owner_cpu") {
        machine.put(lock + owner, 4, NO_OWNER)?;
    }
    if let Some(owner) = raw("owner") {
        machine.put64(lock + owner, NO_OWNER)?;
    }
    Ok(())
}
