//! How a routine is called in a kernel.

use pmdscope_arches::EntryMarks;
use pmdscope_guest::routine::WALKER;
use pmdscope_guest::{PastPresent, Routine, WalkResult};

use crate::EmuError;
use crate::kernel::process::KernelProcess;

/// How a routine of the registry is called in a kernel, and how what it returns is understood.
pub(crate) struct Recipe {
    /// What it is called and judged by.
    pub(crate) routine: Routine,
    /// The marks of the entry before that what it installs need not have, with the reason beside it.
    pub(crate) may_drop: fn(&KernelProcess) -> EntryMarks,
    /// Its arguments. What they point to is written before each call.
    pub(super) arguments: fn(&Caller<'_>) -> Result<Vec<u64>, EmuError>,
    /// Its outcome, by what it returned.
    pub(super) conclude: fn(&Caller<'_>, u64) -> Result<Conclusion, EmuError>,
    /// The lock that it holds when it has returned this, which its callers release.
    pub(super) held_lock: fn(&Caller<'_>, u64) -> Result<Option<u64>, EmuError>,
}

/// A walker of a kernel to build others from: kernels do not say which check stopped it.
pub(super) const KERNEL_WALKER: Routine = Routine { past_present: PastPresent::Path, ..WALKER };

/// Who calls a routine.
pub(super) struct Caller<'a> {
    pub(super) process: &'a KernelProcess,
    pub(super) cpu: u8,
    /// The function that is called.
    pub(super) symbol: &'static str,
}

impl Caller<'_> {
    /// Memory of this CPU's for what a function is given, or gives back.
    pub(super) fn out(&self) -> u64 {
        self.process.outs[usize::from(self.cpu)]
    }

    /// A number that the function left in a structure of the caller's.
    pub(super) fn left(&self, structure: &str, member: &str, bytes: u64) -> Result<u64, EmuError> {
        self.process.machine.get(self.out() + self.process.fields.offset(structure, member)?, bytes)
    }

    /// The size of a huge page, in bytes.
    pub(super) fn huge_bytes(&self) -> u64 {
        1 << self.process.encoding.layout().pmd_shift
    }
}

/// Where in a CPU's memory for results that is which callers need afterwards.
pub(super) const AFTERWARDS: u64 = 0x200;

/// The outcome of a routine, as far as its return value says it.
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

pub(super) fn drops_nothing(_: &KernelProcess) -> EntryMarks {
    EntryMarks::default()
}

pub(super) const fn returns_unlocked(_: &Caller<'_>, _: u64) -> Result<Option<u64>, EmuError> {
    Ok(None)
}
