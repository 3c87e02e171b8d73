//! How a routine is called in a kernel.

use pmdscope_arches::EntryMarks;
use pmdscope_guest::routine::WALKER;
use pmdscope_guest::{PastPresent, Routine, WalkResult};

use crate::EmuError;
use crate::kernel::process::KernelProcess;

/// A recipe: how a routine is called in a kernel, and how its return value is interpreted.
pub(crate) struct Recipe {
    /// The routine: its name, its symbols, and what it is judged by.
    pub(crate) routine: Routine,
    /// Returns the marks of an original entry that the installed entry may lack. A function that returns any states
    /// the reason.
    pub(crate) may_drop: fn(&KernelProcess, u64) -> EntryMarks,
    /// Returns the arguments, and writes the memory that they point to. Called before each call of the routine.
    pub(super) arguments: fn(&Caller<'_>) -> Result<Vec<u64>, EmuError>,
    /// Whether its callers hold the lock of the PMD table.
    pub(super) under_table_lock: bool,
    /// Derives the outcome from the return value.
    pub(super) conclude: fn(&Caller<'_>, u64) -> Result<Conclusion, EmuError>,
    /// Returns the address of the lock that the routine still holds after this return value. Callers release it.
    pub(super) held_lock: fn(&Caller<'_>, u64) -> Result<Option<u64>, EmuError>,
}

/// The common fields of all kernel walkers. Kernels do not report which check stopped a walker.
pub(super) const KERNEL_WALKER: Routine = Routine { past_present: PastPresent::Path, ..WALKER };

/// The caller of a routine.
pub(super) struct Caller<'a> {
    pub(super) process: &'a KernelProcess,
    pub(super) cpu: u8,
    /// Symbol of the called function.
    pub(super) symbol: &'static str,
}

impl Caller<'_> {
    /// Returns the address of this CPU's memory for arguments and results.
    pub(super) fn out(&self) -> u64 {
        self.process.outs[usize::from(self.cpu)]
    }

    /// Reads a number of `bytes` bytes that the function left in the caller's structure, which is at
    /// [`out`](Self::out).
    pub(super) fn left(&self, structure: &str, member: &str, bytes: u64) -> Result<u64, EmuError> {
        self.process.machine.get(self.out() + self.process.fields.offset(structure, member)?, bytes)
    }

    /// Returns the size of a huge page, in bytes.
    pub(super) fn huge_bytes(&self) -> u64 {
        1 << self.process.encoding.layout().pmd_shift
    }
}

/// Values above this are error numbers (include/linux/err.h).
pub(super) const MAX_POINTER: u64 = u64::MAX - 4095;

/// Offset in a CPU's memory for results of the structure that callers use afterwards.
pub(super) const AFTERWARDS: u64 = 0x200;

/// The part of a routine's outcome that its return value determines.
pub(super) struct Conclusion {
    pub(super) result: WalkResult,
    pub(super) pfn: Option<u64>,
    pub(super) size: u64,
    /// The entry that it returned, in CPU order, if it returns one.
    pub(super) entry: Option<u64>,
}

pub(super) const fn outcome_of(result: WalkResult) -> Conclusion {
    Conclusion { result, pfn: None, size: 0, entry: None }
}

pub(super) fn drops_nothing(_: &KernelProcess, _: u64) -> EntryMarks {
    EntryMarks::default()
}

pub(super) const fn returns_unlocked(_: &Caller<'_>, _: u64) -> Result<Option<u64>, EmuError> {
    Ok(None)
}
