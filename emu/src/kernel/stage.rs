//! Two routines of a kernel on one entry, ready to be explored.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use pmdscope_arches::ByteOrder;
use pmdscope_explore::Fingerprint;
use pmdscope_guest::abi::Outcome;
use rustc_hash::FxHashSet;

use crate::EmuError;
use crate::end::{CallBounds, CallExit, CallResult, CompletedCall};
use crate::exploration::WALKER;
use crate::kernel::baseline::BaselinePath;
use crate::kernel::checkpoints::Checkpoints;
use crate::kernel::machine::Machine;
use crate::kernel::process::KernelProcess;
use crate::kernel::routine::{Calls, PreparedCall};
use crate::kernel::space::{Contents, FRAME};
use crate::stage::{ReplayedPrefix, Stage};
use crate::trace::Event;
use crate::vcpu::{Call, Foresight, From, Load, UnknownRead};

pub(crate) struct KernelStage<'a> {
    pub(crate) process: &'a mut KernelProcess,
    /// The routine of each CPU.
    pub(crate) routines: Vec<PreparedCall>,
    /// The entry that both begin with, in CPU order.
    pub(crate) entry: u64,
    pub(crate) bounds: CallBounds,
    /// Watched words outside of the PMD table: their addresses, and their values before a run.
    pub(crate) shared: BTreeMap<u64, u64>,
    /// The calls of each routine.
    calls: Vec<Calls>,
    /// What memory is like before a run.
    prepared: Contents,
    /// The walker's baseline run; `None` before it has run.
    baseline: Option<BaselinePath>,
    /// The routine of each CPU that has returned, while the function called afterwards runs.
    returned: Vec<Option<Returned>>,
    /// For each CPU the identities of the reads that were found in following its routine.
    known_reads: Vec<Rc<RefCell<FxHashSet<Fingerprint>>>>,
    /// For each CPU the checkpoints of its routine, up to where it returns.
    checkpoints: Vec<Rc<RefCell<Checkpoints>>>,
}

/// A routine that has returned.
struct Returned {
    outcome: Outcome,
    /// Addresses of the instructions that it ran, in order.
    path: Vec<u64>,
    /// Its loads of watched memory.
    loads: Vec<Load>,
}

impl<'a> KernelStage<'a> {
    pub(crate) fn new(
        process: &'a mut KernelProcess,
        routines: Vec<PreparedCall>,
        entry: u64,
        bounds: CallBounds,
        shared: &[u64],
    ) -> Result<Self, EmuError> {
        let returned = routines.iter().map(|_| None).collect();
        let known_reads = routines.iter().map(|_| Rc::default()).collect();
        let checkpoints = routines.iter().map(|_| Rc::default()).collect();
        process.machine.space.borrow().restore();
        process.begin_with(entry)?;
        // Each routine finds what the callers of both have prepared.
        let calls = (0_u8..).zip(&routines).map(|(cpu, routine)| routine.calls(process, cpu));
        let calls = calls.collect::<Result<_, _>>()?;
        let recorder = &process.machine.recorder;
        let values = shared.iter().map(|address| Ok((*address, recorder.entry_at(*address)?)));
        let shared = values.collect::<Result<_, EmuError>>()?;
        let prepared = process.machine.space.borrow().contents();
        process.machine.recorder.take()?;
        Ok(KernelStage {
            process,
            routines,
            entry,
            bounds,
            shared,
            calls,
            prepared,
            baseline: None,
            returned,
            known_reads,
            checkpoints,
        })
    }

    /// Restores memory to its state before a run.
    fn put_back(&self) -> Result<(), EmuError> {
        self.process.machine.space.borrow().restore_to(&self.prepared);
        self.process.machine.recorder.take()?;
        Ok(())
    }

    /// Returns the outcome of a routine that has just returned.
    fn outcome(&self, cpu: u8) -> Result<Outcome, EmuError> {
        let vcpu = &self.process.machine.vcpus[usize::from(cpu)];
        let decided_on = vcpu.with_path(|path, loads| {
            let entry = self.entry_address();
            match &self.baseline {
                Some(baseline) if cpu == WALKER => baseline.decided_on(path, loads),
                _ => loads.iter().rev().find(|load| load.address & !7 == entry).map(|load| load.value),
            }
        });
        // A routine that never looks at the entry counts as deciding on the original entry.
        self.routines[usize::from(cpu)].outcome(self.process, cpu, decided_on.unwrap_or(self.entry))
    }

    /// Returns the result of a routine whose last call ended with `end`.
    fn ended(&self, cpu: u8, end: CallExit) -> Result<CallResult, EmuError> {
        let outcome = match (end, &self.returned[usize::from(cpu)]) {
            (CallExit::Engine(error), _) => return Err(EmuError::engine("run the kernel", error)),
            (CallExit::Returned, Some(returned)) => Some(returned.outcome),
            (CallExit::Returned, None) => Some(self.outcome(cpu)?),
            _ => None,
        };
        Ok(CallResult { end, outcome })
    }

    /// Returns the function to call after a routine has returned, and its arguments.
    ///
    /// Returns them once. `None` if no function must be called.
    fn afterwards(&mut self, cpu: u8) -> Result<Option<(u64, Vec<u64>)>, EmuError> {
        let at = usize::from(cpu);
        if self.returned[at].is_some() || self.process.machine.vcpus[at].end() != Some(CallExit::Returned) {
            return Ok(None);
        }
        let next = self.routines[at].afterwards(self.process, cpu)?;
        if next.is_some() {
            let outcome = self.outcome(cpu)?;
            let vcpu = &mut self.process.machine.vcpus[at];
            let loads = vcpu.with_path(|_, loads| loads.to_vec());
            let path = vcpu.take_path();
            self.returned[at] = Some(Returned { outcome, path, loads });
        }
        Ok(next)
    }

    /// Begins the call that comes afterwards, if the routine's call has ended.
    fn go_on(&mut self, cpu: u8, call: &mut Call) -> Result<(), EmuError> {
        if !call.waits()
            && let Some((function, arguments)) = self.afterwards(cpu)?
        {
            let vcpu = &mut self.process.machine.vcpus[usize::from(cpu)];
            *call = vcpu.begin(function, &arguments, None, self.bounds)?;
        }
        Ok(())
    }

    /// Runs a CPU's routine alone and without a scheduler, on memory in its current state.
    pub(crate) fn run_alone(&mut self, cpu: u8) -> Result<(CallResult, Vec<Event>), EmuError> {
        let Calls { function, arguments, then } = &self.calls[usize::from(cpu)];
        let vcpu = &mut self.process.machine.vcpus[usize::from(cpu)];
        let end = vcpu.call_in_turn(*function, arguments, then.as_ref(), self.bounds)?;
        let ended = self.ended(cpu, end)?;
        Ok((ended, self.take_events()?))
    }
}

impl Stage for KernelStage<'_> {
    fn cpus(&self) -> u8 {
        u8::try_from(self.routines.len()).unwrap_or(u8::MAX)
    }

    fn reset(&mut self) -> Result<(), EmuError> {
        self.put_back()
    }

    fn begin(&mut self, cpu: u8) -> Result<Call, EmuError> {
        self.returned[usize::from(cpu)] = None;
        let Calls { function, arguments, then } = &self.calls[usize::from(cpu)];
        let vcpu = &mut self.process.machine.vcpus[usize::from(cpu)];
        let mut call = vcpu.begin(*function, arguments, then.as_ref(), self.bounds)?;
        self.go_on(cpu, &mut call)?;
        Ok(call)
    }

    fn resume(&mut self, cpu: u8, call: &mut Call) -> Result<(), EmuError> {
        self.process.machine.vcpus[usize::from(cpu)].resume(call);
        self.go_on(cpu, call)
    }

    fn finish(&mut self, cpu: u8, call: Call) -> Result<CompletedCall, EmuError> {
        let vcpu = &mut self.process.machine.vcpus[usize::from(cpu)];
        let end = vcpu.finish(call)?;
        // The outcome depends on the path, so it is derived before the path is taken.
        let CallResult { end, outcome } = self.ended(cpu, end)?;
        let last = self.process.machine.vcpus[usize::from(cpu)].take_path();
        let mut path = self.returned[usize::from(cpu)].take().map_or_else(Vec::new, |returned| returned.path);
        path.extend(last);
        Ok(CompletedCall { end, outcome, path })
    }

    fn follow(
        &mut self,
        cpu: u8,
        values: &[u64],
        memory: Vec<(u64, u64)>,
    ) -> Result<ReplayedPrefix, EmuError> {
        let at = usize::from(cpu);
        self.returned[at] = None;
        let checkpoint = self.checkpoints[at].borrow().last_of(values);
        match &checkpoint {
            Some(checkpoint) => {
                checkpoint.restore(&self.process.machine.space.borrow());
                self.process.machine.recorder.take()?;
            }
            None => self.put_back()?,
        }
        let mut values = values;
        let mut reads: Vec<UnknownRead> = Vec::new();
        let Machine { sharing, space, .. } = &self.process.machine;
        let keep = self.process.machine.vcpus[at]
            .has_checkpoints()
            .then(|| Checkpoints::keeper(&self.checkpoints[at], space));
        let sharing = Rc::clone(sharing);
        // Words that turn out to be shared are watched first, and then all is followed anew.
        let in_vain = move || sharing.has_conflict();
        let mut foresight = Foresight::up_to(&self.known_reads[at], memory, Rc::new(in_vain), keep);
        let mut from = match &checkpoint {
            Some(checkpoint) => From::Checkpoint(&checkpoint.cpu),
            None => {
                let Calls { function, arguments, then } = &self.calls[at];
                From::Function { address: *function, arguments, then: then.as_ref() }
            }
        };
        let (mut function, mut arguments);
        let ended = loop {
            let vcpu = &mut self.process.machine.vcpus[at];
            let stop = vcpu.follow(from, self.bounds, values, Some(foresight.clone()))?;
            let history = vcpu.history();
            let in_first_call = self.returned[at].is_none();
            reads.extend(stop.reads.into_iter().map(|mut read| {
                let of_call = |state: Fingerprint| {
                    let [high, low] = state.words();
                    Fingerprint::of(&[high, low, u64::from(!in_first_call)])
                };
                read.state = read.state.map(of_call);
                read
            }));
            let Some((end, made)) = stop.end else { break None };
            let Some(next) = self.afterwards(cpu)? else { break Some(self.ended(cpu, end)?) };
            (function, arguments) = next;
            from = From::Function { address: function, arguments: &arguments, then: None };
            // They are of the routine's own call.
            foresight.keep = None;
            // The values that were not read are for the next call.
            values = values.get(made..).unwrap_or_default();
            foresight.earlier.extend(history);
            foresight.earlier.push(made as u64);
        };
        let before = checkpoint.map_or(0, |checkpoint| checkpoint.cpu.reads);
        Ok(ReplayedPrefix { before, accesses: self.take_events()?, ended, reads })
    }

    fn entry_address(&self) -> u64 {
        self.process.machine.isa.physical(self.process.tables.entry)
    }

    fn initially(&self, address: u64) -> Result<u64, EmuError> {
        if address == self.entry_address() {
            Ok(self.entry)
        } else if let Some(shared) = self.shared.get(&address) {
            Ok(*shared)
        } else if self.process.machine.recorder.is_entry(address) {
            Ok(self.process.encoding.none())
        } else {
            Err(EmuError::NotWatched { address })
        }
    }

    fn order_at(&self, address: u64) -> Result<ByteOrder, EmuError> {
        self.process.machine.recorder.order_at(address)
    }

    fn entry(&self) -> Result<u64, EmuError> {
        self.process.machine.recorder.entry_at(self.entry_address())
    }

    fn take_events(&mut self) -> Result<Vec<Event>, EmuError> {
        self.process.machine.recorder.take()
    }

    fn keep_baseline(&mut self) {
        let at = usize::from(WALKER);
        let (path, loads) = match &self.returned[at] {
            Some(Returned { path, loads, .. }) => (path.clone(), loads.clone()),
            None => self.process.machine.vcpus[at].with_path(|path, loads| (path.to_vec(), loads.to_vec())),
        };
        self.baseline = Some(BaselinePath { path, loads, entry: self.entry_address() });
    }

    fn references(&self) -> Result<Vec<(u64, u64)>, EmuError> {
        let KernelProcess { machine, pages, fields, .. } = &*self.process;
        let count = fields.offset("page", "_refcount")?;
        let space = machine.space.borrow();
        let mut changed = Vec::new();
        for region in space.regions().iter().filter(|region| region.name == "struct pages") {
            for frame in region.changed() {
                let Some(before) = region.before(frame) else { continue };
                let first = region.start + frame;
                let now = region.read(frame, FRAME);
                for number in 0..FRAME / pages.size {
                    let page = first + number * pages.size;
                    let at = page - first + count;
                    if bytes_at(&now, at, 4) != bytes_at(&before, at, 4) {
                        changed.push((pages.pfn(page), machine.get(page + count, 4)?));
                    }
                }
            }
        }
        Ok(changed)
    }

    /// Returns those since the record of accesses was last reset.
    fn conflicts(&self) -> Vec<u64> {
        self.process.machine.sharing.conflicts()
    }

    fn watches_shared(&self) -> bool {
        true
    }

    fn is_crash(&self, _: u8, end: CallExit) -> bool {
        self.process.is_crash(end)
    }
}

/// Returns `bytes` bytes of a frame at `offset`; `None` if they are not all in the frame.
fn bytes_at(frame: &[u8], offset: u64, bytes: usize) -> Option<&[u8]> {
    frame.get(usize::try_from(offset).ok()?..)?.get(..bytes)
}
