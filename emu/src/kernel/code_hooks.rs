//! Actions at instructions of a kernel: stubs, recorded calls, and flushes.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::ops::Range;
use std::rc::Rc;

use pmdscope_watch::Atomicity;
use rustc_hash::FxHashMap;

use crate::EmuError;
use crate::decoder::Decoder;
use crate::end::CallExit;
use crate::environment::Stub;
use crate::trace::{Action, Recorder};
use crate::vcpu::HookContext;

/// Returns the value that a stub returns.
pub(crate) type Give = Box<dyn Fn(&mut HookContext<'_>) -> Result<u64, EmuError>>;

/// The action at an instruction of the kernel.
pub(crate) enum CodeHook {
    /// Return from a stub at once.
    Stub(Stub),
    /// Return from a stub at once, with a value that depends on the CPU.
    Give { stub: Stub, give: Give },
    /// End the call: it is about to sleep.
    Sleep,
    /// End the call: no object of the kernel has this function.
    Absent,
    /// Record the call of a function, one of whose arguments is the address of an entry.
    Call { function: Rc<str> },
}

/// The actions of a kernel's instructions. They are added while the environment is set up.
#[derive(Default)]
pub(crate) struct CodeHooks {
    by_address: RefCell<FxHashMap<u64, CodeHook>>,
    plain: RefCell<Plain>,
    /// The stubs that were entered.
    entered: RefCell<BTreeSet<&'static str>>,
    /// If set, a call stops when it calls any function other than these.
    up_to_call: RefCell<Option<Vec<u64>>>,
}

impl CodeHooks {
    /// Covers the addresses of an image.
    pub(crate) fn cover(&self, image: Range<u64>) {
        self.plain.replace(Plain::of(image));
    }

    pub(crate) fn add(&self, pc: u64, hook: CodeHook) {
        self.plain.borrow_mut().set(pc, false);
        self.by_address.borrow_mut().insert(pc, hook);
    }

    pub(crate) fn was_entered(&self, stub: &str) -> bool {
        self.entered.borrow().contains(stub)
    }

    pub(crate) fn forget_entered(&self) {
        self.entered.take();
    }

    /// Stops the next call when it calls any function other than `uncounted`.
    pub(crate) fn stop_at_call(&self, uncounted: Vec<u64>) {
        self.up_to_call.replace(Some(uncounted));
    }

    /// Lets calls run to their ends again. Returns `None` if a call was stopped.
    pub(crate) fn forget_stop(&self) -> Option<Vec<u64>> {
        self.up_to_call.take()
    }

    /// Does what is to be done before the instruction at `pc`.
    pub(crate) fn before(
        &self,
        cpu: &mut HookContext<'_>,
        pc: u64,
        decoder: &Decoder,
        recorder: &Recorder,
    ) -> Result<(), EmuError> {
        if self.up_to_call.borrow().is_some() {
            let target = cpu.instruction(decoder, pc)?.call_target();
            let counts = |known: &Vec<u64>| target.is_some_and(|target| !known.contains(&target));
            if self.up_to_call.borrow().as_ref().is_some_and(counts) {
                self.up_to_call.take();
                cpu.stop();
                return Ok(());
            }
        }
        if self.plain.borrow().holds(pc) {
            return Ok(());
        }
        match self.by_address.borrow().get(&pc) {
            Some(CodeHook::Stub(stub)) => {
                self.entered.borrow_mut().insert(stub.symbol);
                if stub.flushes {
                    cpu.record(pc, Action::Flush);
                }
                return cpu.leave(stub.returns);
            }
            Some(CodeHook::Give { stub, give }) => {
                self.entered.borrow_mut().insert(stub.symbol);
                let value = give(cpu)?;
                return cpu.leave(Some(value));
            }
            Some(CodeHook::Sleep) => {
                cpu.end(CallExit::Sleeps { pc });
                return Ok(());
            }
            Some(CodeHook::Absent) => {
                cpu.end(CallExit::Absent { address: pc });
                return Ok(());
            }
            Some(CodeHook::Call { function }) => record_call(cpu, pc, function, decoder, recorder)?,
            None => {}
        }
        let Some(flushing) = cpu.flushing(decoder, pc)? else {
            if !self.by_address.borrow().contains_key(&pc) {
                self.plain.borrow_mut().set(pc, true);
            }
            return Ok(());
        };
        if flushing.class.flushes && flushing.class.atomicity == Atomicity::Plain {
            cpu.record(pc, Action::Flush);
        }
        if decoder.may_enable_interrupts(&flushing) {
            cpu.may_have_interrupts();
        }
        if let Some(in_place) = decoder.in_place(&flushing) {
            return cpu.do_in_place(decoder, in_place, pc, pc + flushing.length);
        }
        if decoder.skips(&flushing) { cpu.jump(pc + flushing.length) } else { Ok(()) }
    }
}

/// Records the call of a function with the entry that an argument points to.
///
/// The position of the argument differs: some kernels return the entry through a pointer, which comes first.
fn record_call(
    cpu: &HookContext<'_>,
    pc: u64,
    function: &Rc<str>,
    decoder: &Decoder,
    recorder: &Recorder,
) -> Result<(), EmuError> {
    for register in decoder.model.arguments {
        let at = cpu.isa.physical(cpu.register(*register)?);
        if recorder.is_entry(at) {
            let entry = recorder.entry_at(at)?;
            cpu.record(pc, Action::Call { function: Rc::clone(function), entry });
            break;
        }
    }
    Ok(())
}

/// The addresses of an image at which an instruction is known to have no action.
///
/// Nearly all are such, and a call of a kernel's routine runs thousands of them.
#[derive(Default)]
struct Plain {
    start: u64,
    /// 1 for each such address, by its offset in the image. Memory is taken only where instructions run.
    known: Vec<u8>,
}

impl Plain {
    fn of(image: Range<u64>) -> Plain {
        let bytes = usize::try_from(image.end - image.start).unwrap_or(0);
        Plain { start: image.start, known: vec![0; bytes] }
    }

    fn holds(&self, pc: u64) -> bool {
        let offset = usize::try_from(pc.wrapping_sub(self.start)).ok();
        offset.and_then(|offset| self.known.get(offset)) == Some(&1)
    }

    fn set(&mut self, pc: u64, plain: bool) {
        let offset = usize::try_from(pc.wrapping_sub(self.start)).ok();
        if let Some(known) = offset.and_then(|offset| self.known.get_mut(offset)) {
            *known = plain.into();
        }
    }
}
