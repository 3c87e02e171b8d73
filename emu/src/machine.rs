//! A machine: two vCPUs over one memory, with a guest loaded.

use std::rc::Rc;

use pmdscope_arches::Encoding;
use pmdscope_guest::Guest;
use pmdscope_guest::abi::{self, Answers, ByteOrder, Env, Outcome};

use crate::EmuError;
use crate::disassembler::Disassembler;
use crate::end::{CallBounds, End};
use crate::image::Image;
use crate::isa::Isa;
use crate::memory::{self, Shared};
use crate::pages::StructPages;
use crate::trace::{Event, Recorder};
use crate::vcpu::{Call, Common, Vcpu};

/// The vCPU that runs the writer.
pub const WRITER: u8 = 0;
/// The vCPU that runs the walker.
pub const WALKER: u8 = 1;

/// Two vCPUs over one memory.
pub struct Machine {
    vcpus: Vec<Vcpu>,
    common: Common,
}

impl Machine {
    /// A machine with `guest` in memory.
    ///
    /// # Errors
    /// If the engine has no such CPU, or the guest lacks what every guest must have.
    pub fn new(guest: Guest) -> Result<Self, EmuError> {
        let arch = guest.arch();
        let isa = Isa::of(arch).ok_or(EmuError::NotExecuted(arch))?;
        let tables = Rc::new(Shared::new(memory::PTE_TABLE + memory::PTE_TABLE_BYTES - memory::PMD_TABLE)?);
        let common = Common {
            isa,
            image: Image::of(&guest)?,
            guest,
            pages: Rc::new(StructPages::new(ByteOrder::of(arch))),
            sharing: Rc::default(),
            recorder: Rc::new(Recorder::new(Rc::clone(&tables), ByteOrder::of_entries(arch))),
            tables,
            decoder: Rc::new(Disassembler::new(isa)?),
        };
        let mut machine = Machine { vcpus: Vec::new(), common };
        machine.provide_pages(0)?;
        machine.provide_cpus(2)?;
        Ok(machine)
    }

    /// The guest.
    pub fn guest(&self) -> &Guest {
        &self.common.guest
    }

    /// The text of the instruction at `pc`.
    pub fn instruction(&self, pc: u64) -> Rc<str> {
        self.vcpus[0].instruction(pc).text
    }

    /// What the guest's own compiled predicates say of each of `entries`.
    ///
    /// # Errors
    /// If the guest's survey function does not return.
    pub fn survey(&mut self, entries: &[u64], env: &Env) -> Result<Vec<Answers>, EmuError> {
        let function = self.common.guest.function(abi::SURVEY)?;
        let order = self.order();
        // The arrays lie between the return pad and the stack.
        const MOST_AT_ONCE: usize = ((memory::SURVEY_OUT - memory::SURVEY_IN) / 8) as usize;
        let mut answers = Vec::with_capacity(entries.len());
        for entries in entries.chunks(MOST_AT_ONCE) {
            let vcpu = &mut self.vcpus[0];
            vcpu.write(memory::ENV, &env.encode(order))?;
            let bytes: Vec<u8> = entries.iter().flat_map(|entry| order.encode(*entry)).collect();
            vcpu.write(memory::SURVEY_IN, &bytes)?;
            let arguments = [memory::SURVEY_IN, memory::SURVEY_OUT, entries.len() as u64, memory::ENV];
            let bounds = CallBounds { instructions: u64::MAX / 2, ..CallBounds::default() };
            let end = vcpu.call(function, &arguments, bounds)?;
            if end != End::Returned {
                return Err(EmuError::DidNotReturn { function: abi::SURVEY.to_owned(), end });
            }
            let bytes = vcpu.read(memory::SURVEY_OUT, entries.len() * Answers::SIZE)?;
            let (all, _) = bytes.as_chunks();
            answers.extend(all.iter().map(|one| Answers::decode(order, one)));
        }
        Ok(answers)
    }

    /// Makes as many vCPUs exist.
    pub(crate) fn provide_cpus(&mut self, count: usize) -> Result<(), EmuError> {
        for number in (0_u8..).skip(self.vcpus.len()).take(count.saturating_sub(self.vcpus.len())) {
            let mut vcpu = Vcpu::new(number, &self.common)?;
            for (address, block) in self.common.pages.blocks() {
                vcpu.map(address, &block)?;
            }
            self.vcpus.push(vcpu);
        }
        Ok(())
    }

    /// Makes the struct pages around a page exist.
    pub(crate) fn provide_pages(&mut self, pfn: u64) -> Result<(), EmuError> {
        if let Some((address, block)) = self.common.pages.provide(pfn)? {
            for vcpu in &mut self.vcpus {
                vcpu.map(address, &block)?;
            }
        }
        Ok(())
    }

    /// Puts all memory back, with `entry` in the table.
    pub(crate) fn reset(&mut self, entry: u64, env: &Env) -> Result<(), EmuError> {
        let common = &self.common;
        common.tables.clear();
        let bytes = ByteOrder::of_entries(common.isa.arch).encode(entry);
        common.tables.write(memory::ENTRY - memory::PMD_TABLE, &bytes);
        common.pages.reset();
        common.recorder.take();
        if common.sharing.reset() {
            common.image.restore(&common.guest);
        }
        let order = self.order();
        for vcpu in &mut self.vcpus {
            vcpu.write(memory::ENV, &env.encode(order))?;
            vcpu.write(memory::OUTCOME, &[0; Outcome::SIZE])?;
        }
        Ok(())
    }

    /// Begins a routine on one vCPU; it runs up to its first access to the page table.
    pub(crate) fn begin(
        &mut self,
        cpu: u8,
        function: u64,
        address: u64,
        bounds: CallBounds,
    ) -> Result<Call, EmuError> {
        let arguments = [memory::ENTRY, address, memory::ENV, memory::OUTCOME];
        self.vcpus[usize::from(cpu)].begin(function, &arguments, bounds)
    }

    pub(crate) fn resume(&mut self, cpu: u8, call: &mut Call) {
        self.vcpus[usize::from(cpu)].resume(call);
    }

    /// Ends a call, and gives what came of it.
    pub(crate) fn finish(&mut self, cpu: u8, call: Call) -> Result<Finished, EmuError> {
        let order = self.order();
        let vcpu = &mut self.vcpus[usize::from(cpu)];
        let end = vcpu.finish(call);
        if let End::Engine(error) = end {
            return Err(EmuError::engine("run the guest", error));
        }
        let bytes = vcpu.read(memory::OUTCOME, Outcome::SIZE)?;
        // A routine that did not return has no outcome, whatever it had written by then.
        let outcome = match bytes.first_chunk() {
            Some(bytes) if end == End::Returned => Some(Outcome::decode(order, bytes)?),
            _ => None,
        };
        Ok(Finished { end, outcome, path: vcpu.path() })
    }

    /// A word outside of the watch that one vCPU wrote and another touched since the last reset.
    pub(crate) fn conflict(&self) -> Option<u64> {
        self.common.sharing.conflict()
    }

    fn order(&self) -> ByteOrder {
        ByteOrder::of(self.common.isa.arch)
    }

    /// Runs a routine alone up to the read after as many as there are `values`, with these values for
    /// its reads. What it stores goes to memory, which is not put back.
    pub(crate) fn follow(
        &mut self,
        cpu: u8,
        function: u64,
        address: u64,
        bounds: CallBounds,
        values: &[u64],
    ) -> Result<Followed, EmuError> {
        self.common.pages.reset();
        if self.common.sharing.wrote() {
            self.common.image.restore(&self.common.guest);
        }
        self.common.recorder.take();
        let order = self.order();
        let arguments = [memory::ENTRY, address, memory::ENV, memory::OUTCOME];
        let vcpu = &mut self.vcpus[usize::from(cpu)];
        vcpu.write(memory::OUTCOME, &[0; Outcome::SIZE])?;
        let end = vcpu.follow(function, &arguments, bounds, values)?;
        let ended = match end {
            None => None,
            Some(End::Engine(error)) => return Err(EmuError::engine("run the guest", error)),
            Some(End::Returned) => {
                let bytes = vcpu.read(memory::OUTCOME, Outcome::SIZE)?;
                let outcome = bytes.first_chunk().map(|bytes| Outcome::decode(order, bytes)).transpose()?;
                Some(Ended { end: End::Returned, outcome })
            }
            Some(end) => Some(Ended { end, outcome: None }),
        };
        Ok(Followed { accesses: self.common.recorder.take(), ended })
    }

    /// The entry as it is now, in CPU order.
    pub(crate) fn entry(&self) -> u64 {
        let bytes = self.common.tables.read(memory::ENTRY - memory::PMD_TABLE);
        ByteOrder::of_entries(self.common.isa.arch).decode(bytes)
    }

    pub(crate) fn take_events(&mut self) -> Vec<Event> {
        self.common.recorder.take()
    }

    /// Pages whose count of references is not one, and the count.
    pub(crate) fn references(&self) -> Vec<(u64, u64)> {
        self.common.pages.references()
    }
}

/// What a guest is told of its kernel: where things are here, and the migration types in force.
pub fn env(encoding: &Encoding) -> Env {
    let types = encoding.migration_types();
    Env {
        vmemmap: memory::VMEMMAP,
        pte_table: memory::PTE_TABLE,
        migration_read: types.read,
        migration_read_exclusive: types.read_exclusive.unwrap_or(Env::NO_TYPE),
        migration_write: types.write,
        pfn_bits: encoding.migration_pfn_bits().into(),
    }
}

/// The entry that a split stores when it installs its page table, by the model.
pub fn installed_table(encoding: &Encoding) -> u64 {
    (encoding.layout().table)(memory::PTE_TABLE)
}

/// What came of one routine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Ended {
    /// How the call ended.
    pub end: End,
    /// What it came to, if it returned.
    pub outcome: Option<Outcome>,
}

/// How far a routine was followed.
pub(crate) struct Followed {
    /// Its events. If it has not ended, the last is the read that it was stopped at.
    pub(crate) accesses: Vec<Event>,
    /// What came of it, if it came to an end.
    pub(crate) ended: Option<Ended>,
}

/// A call that is over.
pub(crate) struct Finished {
    pub(crate) end: End,
    pub(crate) outcome: Option<Outcome>,
    /// Starts of the blocks it entered, in order.
    pub(crate) path: Vec<u64>,
}
