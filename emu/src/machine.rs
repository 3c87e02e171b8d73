//! A machine with a bundled guest: two vCPUs or more over one memory.

use std::collections::BTreeMap;
use std::ops::Range;
use std::rc::Rc;

use pmdscope_arches::{ByteOrder, Encoding};
use pmdscope_explore::Schedule;
use pmdscope_guest::Guest;
use pmdscope_guest::abi::{self, Answers, Env, Outcome};
use pmdscope_watch::{Atomicity, Instruction};

use crate::EmuError;
use crate::context::SectionCall;
use crate::decoder::Decoder;
use crate::end::{CallBounds, CallExit, CallResult, CompletedCall};
use crate::engine_kind::EngineKind;
use crate::exploration::{Bounds, Exploration, Reduction, WRITER};
use crate::explore;
use crate::image::Image;
use crate::memory::{self, Shared};
use crate::pages::StructPages;
use crate::private::Private;
use crate::sharing::Sharing;
use crate::stage::{ReplayedPrefix, Stage};
use crate::trace::{Action, Event, Recorder, Watched};
use crate::vcpu::{Call, CallLayout, From, Stop, UnknownRead, Vcpu};

/// The functions to call, one on each CPU, and their inputs.
#[derive(Debug, Clone, Copy)]
pub struct Calls<'a> {
    /// The entry that all begin with, in CPU order.
    pub entry: u64,
    /// Symbol of the writer in the guest.
    pub writer: &'a str,
    /// Symbol of the walker in the guest.
    pub walker: &'a str,
    /// Symbols of further routines in the guest, each on a vCPU of its own.
    pub others: &'a [&'a str],
    /// The `struct env` that the guest reads.
    pub env: Env,
    /// Base-2 logarithm of the bytes that one entry maps. The walked address depends on it.
    pub pmd_shift: u8,
    /// Number of a page frame whose struct page must exist, together with those around it.
    pub pfn: u64,
}

/// vCPUs over one memory that contains a guest.
pub struct Machine {
    vcpus: Vec<Vcpu>,
    /// The private memory of each vCPU.
    private: Vec<Private>,
    common: Common,
}

/// What the vCPUs share.
struct Common {
    guest: Guest,
    image: Image,
    /// The PMD table, which is watched, and the page table that a split installs.
    tables: Rc<Shared>,
    pages: Rc<StructPages>,
    sharing: Rc<Sharing>,
    recorder: Rc<Recorder>,
    decoder: Rc<Decoder>,
}

impl Machine {
    /// Creates a machine with `guest` in memory, run by the usual engine of its architecture.
    ///
    /// # Errors
    /// As of [`on`](Self::on).
    pub fn new(guest: Guest) -> Result<Self, EmuError> {
        Machine::on(None, guest)
    }

    /// Creates a machine with `guest` in memory, run by an engine: the usual one of its architecture if none is given.
    ///
    /// # Errors
    /// [`EmuError::NoCpu`] if the engine that is given has no such CPU, [`EmuError::Guest`] if the guest lacks a function that every guest must have.
    pub fn on(engine: Option<EngineKind>, guest: Guest) -> Result<Self, EmuError> {
        let arch = guest.arch();
        let decoder = Decoder::of(arch, engine)?;
        let tables = Rc::new(Shared::new(memory::PTE_TABLE + memory::PTE_TABLE_BYTES - memory::PMD_TABLE)?);
        let recorder = Recorder::new();
        recorder.watch(Watched {
            range: memory::PMD_TABLE..memory::PMD_TABLE + memory::PMD_TABLE_BYTES,
            memory: Rc::clone(&tables),
            start: memory::PMD_TABLE,
            order: ByteOrder::of_entries(arch),
            putting: Box::new(|_| {}),
        });
        let common = Common {
            image: Image::of(&guest)?,
            guest,
            pages: Rc::new(StructPages::new(ByteOrder::of(arch))),
            sharing: Rc::default(),
            recorder: Rc::new(recorder),
            tables,
            decoder,
        };
        let mut machine = Machine { vcpus: Vec::new(), private: Vec::new(), common };
        machine.provide_pages(0)?;
        machine.provide_cpus(2)?;
        Ok(machine)
    }

    /// Returns the engine that runs the guest.
    pub fn engine(&self) -> EngineKind {
        self.common.decoder.engine
    }

    /// Returns the guest.
    pub fn guest(&self) -> &Guest {
        &self.common.guest
    }

    /// Returns the address of the entry, as in events.
    pub fn entry_address(&self) -> u64 {
        memory::ENTRY
    }

    /// Returns the text of the instruction at `pc`, or says that no memory is there.
    pub fn instruction(&self, pc: u64) -> Rc<str> {
        self.vcpus[0].instruction_text(pc)
    }

    /// Returns the answers of the guest's own compiled predicates for each of `entries`.
    ///
    /// # Errors
    /// [`EmuError::DidNotReturn`] if the guest's survey function does not return.
    pub fn survey(&mut self, entries: &[u64], env: &Env) -> Result<Vec<Answers>, EmuError> {
        let function = self.common.guest.function(abi::SURVEY)?;
        let order = self.order();
        // The arrays lie between the return pad and the stack.
        const MOST_AT_ONCE: usize = ((memory::SURVEY_OUT - memory::SURVEY_IN) / 8) as usize;
        let mut answers = Vec::with_capacity(entries.len());
        for entries in entries.chunks(MOST_AT_ONCE) {
            let vcpu = &mut self.vcpus[0];
            self.private[0].clear(vcpu)?;
            vcpu.write(memory::ENV, &env.encode(order))?;
            let bytes: Vec<u8> = entries.iter().flat_map(|entry| order.encode(*entry)).collect();
            vcpu.write(memory::SURVEY_IN, &bytes)?;
            let arguments = [memory::SURVEY_IN, memory::SURVEY_OUT, entries.len() as u64, memory::ENV];
            let usual = CallBounds::default();
            let instructions = usual.instructions.saturating_mul(1 + entries.len() as u64);
            match vcpu.call(function, &arguments, CallBounds { instructions, ..usual })? {
                CallExit::Returned => {}
                CallExit::Engine(error) => return Err(EmuError::engine("run the guest", error)),
                end => return Err(EmuError::DidNotReturn { function: abi::SURVEY.to_owned(), end }),
            }
            let bytes = vcpu.read(memory::SURVEY_OUT, entries.len() * Answers::SIZE)?;
            let (all, _) = bytes.as_chunks();
            answers.extend(all.iter().map(|one| Answers::decode(order, one)));
        }
        Ok(answers)
    }

    /// Adds vCPUs until there are `count`.
    fn provide_cpus(&mut self, count: usize) -> Result<(), EmuError> {
        for number in (0_u8..).skip(self.vcpus.len()).take(count.saturating_sub(self.vcpus.len())) {
            let (mut vcpu, private) = self.common.vcpu(number)?;
            for (address, block) in self.common.pages.blocks() {
                vcpu.map(address, &block)?;
            }
            self.vcpus.push(vcpu);
            self.private.push(private);
        }
        Ok(())
    }

    /// Provides the struct pages around a page, and removes those of earlier jobs.
    fn provide_pages(&mut self, pfn: u64) -> Result<(), EmuError> {
        let changed = self.common.pages.provide(pfn)?;
        if changed.gone {
            // New vCPUs are faster than unmapping the struct pages, for which the engine would flush page by page.
            let count = self.vcpus.len();
            self.vcpus.clear();
            self.private.clear();
            return self.provide_cpus(count);
        }
        if let Some((address, block)) = changed.new {
            for vcpu in &mut self.vcpus {
                vcpu.map(address, &block)?;
            }
        }
        Ok(())
    }

    /// Runs calls under every schedule.
    ///
    /// # Errors
    /// [`EmuError::Guest`] if the guest lacks a routine, [`EmuError::NotAsRecorded`] if a routine does not repeat
    /// itself.
    pub fn explore(
        &mut self,
        calls: &Calls<'_>,
        bounds: &Bounds,
        reduction: Reduction,
    ) -> Result<Exploration, EmuError> {
        let deadline = explore::deadline(bounds);
        explore::explore(&mut self.load(calls, bounds.call)?, bounds, deadline, reduction)
    }

    /// Runs calls under one schedule.
    ///
    /// # Errors
    /// - [`EmuError::Guest`] if the guest lacks a routine.
    /// - [`EmuError::ScheduleMisfit`] or [`EmuError::ScheduleEnds`] if the schedule does not fit the routines. They
    ///   name the turn, and the CPUs that could go on there.
    pub fn explore_one(
        &mut self,
        calls: &Calls<'_>,
        bounds: &Bounds,
        schedule: &Schedule,
    ) -> Result<Exploration, EmuError> {
        explore::explore_one(&mut self.load(calls, bounds.call)?, schedule, bounds.context)
    }

    /// Runs the writer alone, and returns the page-table entries that it fills, in CPU order. Empty entries (0) are
    /// left out.
    ///
    /// Bundled guests fill none: nobody can see the table before it is installed.
    ///
    /// # Errors
    /// [`EmuError::Guest`] if the guest lacks a routine, or another error if the engine fails.
    pub fn filled(&mut self, calls: &Calls<'_>, bounds: CallBounds) -> Result<Vec<u64>, EmuError> {
        let mut loaded = self.load(calls, bounds)?;
        let mut call = loaded.begin(WRITER)?;
        while call.waits() {
            loaded.resume(WRITER, &mut call)?;
        }
        loaded.finish(WRITER, call)?;
        let Common { decoder, tables, sharing, .. } = &self.common;
        if !sharing.wrote(PAGE_TABLE) {
            return Ok(Vec::new());
        }
        let order = ByteOrder::of_entries(decoder.isa().arch);
        let entries = PAGE_TABLE.step_by(8).map(|at| order.decode(tables.read(at - memory::PMD_TABLE)));
        Ok(entries.filter(|entry| *entry != 0).collect())
    }

    /// Runs the writer alone. Returns its result, and the entry that it leaves, in CPU order.
    ///
    /// # Errors
    /// [`EmuError::Guest`] if the guest lacks a routine, or another error if the engine fails.
    pub fn run_writer(
        &mut self,
        calls: &Calls<'_>,
        bounds: CallBounds,
    ) -> Result<(CallResult, u64), EmuError> {
        let mut loaded = self.load(calls, bounds)?;
        let mut call = loaded.begin(WRITER)?;
        while call.waits() {
            loaded.resume(WRITER, &mut call)?;
        }
        let CompletedCall { end, outcome, .. } = loaded.finish(WRITER, call)?;
        Ok((CallResult { end, outcome }, loaded.entry()?))
    }

    /// Prepares calls: provides their vCPUs and struct pages, and resets memory.
    ///
    /// # Errors
    /// [`EmuError::Guest`] if the guest lacks a routine.
    pub fn load<'a>(&'a mut self, calls: &'a Calls<'a>, bounds: CallBounds) -> Result<Loaded<'a>, EmuError> {
        let symbols = [calls.writer, calls.walker].into_iter().chain(calls.others.iter().copied());
        let functions = symbols.map(|symbol| self.guest().function(symbol)).collect::<Result<Vec<_>, _>>()?;
        self.provide_cpus(functions.len())?;
        self.provide_pages(calls.pfn)?;
        let mut loaded = Loaded { machine: self, calls, functions, bounds };
        loaded.reset()?;
        Ok(loaded)
    }

    /// Returns the first vCPU, with its private memory cleared.
    pub(crate) fn first_vcpu_cleared(&mut self) -> Result<&mut Vcpu, EmuError> {
        let vcpu = &mut self.vcpus[0];
        self.private[0].clear(vcpu)?;
        Ok(vcpu)
    }

    /// Returns the byte order of numbers in the guest.
    pub(crate) fn order(&self) -> ByteOrder {
        ByteOrder::of(self.common.decoder.isa().arch)
    }

    /// Restores what the last call may have written, except the watched table.
    ///
    /// Restores the rest of the shared memory and each CPU's private memory, then writes the `struct env` of each CPU.
    fn put_back(&mut self, env: &Env) -> Result<(), EmuError> {
        let Common { image, guest, pages, tables, sharing, recorder, .. } = &self.common;
        recorder.take()?;
        pages.reset();
        if sharing.wrote(image.range()) {
            image.restore(guest);
            // The image may contain code that the engine has translated.
            self.vcpus.iter_mut().try_for_each(Vcpu::forget_translations)?;
        }
        if sharing.wrote(PAGE_TABLE) {
            tables.fill(PAGE_TABLE.start - memory::PMD_TABLE..PAGE_TABLE.end - memory::PMD_TABLE, 0);
        }
        let env = env.encode(self.order());
        for (vcpu, private) in self.vcpus.iter_mut().zip(&self.private) {
            private.clear(vcpu)?;
            vcpu.write(memory::ENV, &env)?;
        }
        Ok(())
    }
}

/// Addresses of the page table that a split installs.
const PAGE_TABLE: Range<u64> = memory::PTE_TABLE..memory::PTE_TABLE + memory::PTE_TABLE_BYTES;

impl Common {
    /// Creates a vCPU with the guest and the tables mapped.
    fn vcpu(&self, number: u8) -> Result<(Vcpu, Private), EmuError> {
        let place = CallLayout { return_pad: memory::RETURN_PAD, stack_top: memory::STACK_TOP };
        let mut vcpu = Vcpu::new(number, place, &self.recorder, &self.decoder)?;
        let private = Private::give(&mut vcpu)?;
        vcpu.map(self.image.address, &self.image.memory)?;
        vcpu.map(memory::PMD_TABLE, &self.tables)?;
        vcpu.watch(memory::PMD_TABLE..memory::PMD_TABLE + memory::PMD_TABLE_BYTES)?;
        vcpu.on_blocks()?;

        let pages = Rc::clone(&self.pages);
        vcpu.on_access(memory::VMEMMAP..u64::MAX, move |address, bytes, _| pages.touch(address, bytes))?;

        // All memory that the vCPUs share, except the watched table.
        for range in [self.image.range(), PAGE_TABLE, memory::VMEMMAP..u64::MAX] {
            let sharing = Rc::clone(&self.sharing);
            vcpu.on_access(range, move |address, size, writes| {
                sharing.note(number, address, size, writes);
            })?;
        }

        for (pc, instruction) in self.hooked(&vcpu)? {
            let decoder = Rc::clone(&self.decoder);
            let (is_skipped, in_place) = (decoder.skips(&instruction), decoder.in_place(&instruction));
            let may_enable = decoder.may_enable_interrupts(&instruction);
            vcpu.on_code(pc, pc, move |cpu, pc| {
                if instruction.class.flushes {
                    cpu.record(pc, Action::Flush);
                }
                if may_enable {
                    cpu.may_have_interrupts();
                }
                if let Some(in_place) = in_place {
                    return cpu.do_in_place(&decoder, in_place, pc, pc + instruction.length);
                }
                if is_skipped { cpu.jump(pc + instruction.length) } else { Ok(()) }
            })?;
        }

        for (name, call) in SectionCall::ALL {
            if self.guest.has(name) {
                let function = self.guest.function(name)?;
                vcpu.on_code(function, function, move |cpu, _| {
                    cpu.section_call(call);
                    Ok(())
                })?;
            }
        }

        let warning = self.guest.function(abi::WARNING)?;
        let argument = self.decoder.model.arguments[0];
        vcpu.on_code(warning, warning, move |cpu, pc| {
            let entry = cpu.register(argument)?;
            cpu.record(pc, Action::Warning { entry });
            Ok(())
        })?;
        Ok((vcpu, private))
    }

    /// Returns the instructions that flush translations without an access to memory, those to step over, those that are
    /// done in place of the engine, and those that may turn interrupts on, by address.
    fn hooked(&self, vcpu: &Vcpu) -> Result<BTreeMap<u64, Instruction>, EmuError> {
        let mut found = BTreeMap::new();
        for function in self.guest.functions() {
            let mut pc = function.address;
            while pc < function.address.saturating_add(function.size) {
                let instruction = vcpu.instruction(pc)?;
                let next = pc + instruction.length;
                let flushes = instruction.class.flushes && instruction.class.atomicity == Atomicity::Plain;
                let in_place = self.decoder.in_place(&instruction).is_some();
                let may_enable = self.decoder.may_enable_interrupts(&instruction);
                if flushes || in_place || may_enable || self.decoder.skips(&instruction) {
                    found.insert(pc, instruction);
                }
                pc = next;
            }
        }
        Ok(found)
    }
}

/// Calls, ready to be run on a machine.
pub struct Loaded<'a> {
    machine: &'a mut Machine,
    calls: &'a Calls<'a>,
    /// The function of each vCPU.
    functions: Vec<u64>,
    bounds: CallBounds,
}

impl Loaded<'_> {
    fn arguments(&self) -> [u64; 4] {
        // An address that the entry maps.
        let address = memory::ENTRY_INDEX << self.calls.pmd_shift;
        [memory::ENTRY, address, memory::ENV, memory::OUTCOME]
    }

    fn vcpu(&mut self, cpu: u8) -> &mut Vcpu {
        &mut self.machine.vcpus[usize::from(cpu)]
    }

    fn outcome(&mut self, cpu: u8) -> Result<Option<Outcome>, EmuError> {
        let bytes = self.vcpu(cpu).read(memory::OUTCOME, Outcome::SIZE)?;
        let order = self.machine.order();
        Ok(bytes.first_chunk().map(|bytes| Outcome::decode(order, bytes)).transpose()?)
    }

    /// Returns the result of a call that ended with `end`.
    ///
    /// A call that did not return has no outcome, whatever it wrote before.
    fn ended(&mut self, cpu: u8, end: CallExit) -> Result<CallResult, EmuError> {
        match end {
            CallExit::Engine(error) => Err(EmuError::engine("run the guest", error)),
            CallExit::Returned => Ok(CallResult { end, outcome: self.outcome(cpu)? }),
            _ => Ok(CallResult { end, outcome: None }),
        }
    }
}

impl Stage for Loaded<'_> {
    fn cpus(&self) -> u8 {
        u8::try_from(self.functions.len()).unwrap_or(u8::MAX)
    }

    fn reset(&mut self) -> Result<(), EmuError> {
        self.machine.put_back(&self.calls.env)?;
        let Common { decoder, tables, sharing, .. } = &self.machine.common;
        sharing.reset();
        tables.fill(0..memory::PMD_TABLE_BYTES, 0);
        let bytes = ByteOrder::of_entries(decoder.isa().arch).encode(self.calls.entry);
        tables.write(memory::ENTRY - memory::PMD_TABLE, &bytes);
        Ok(())
    }

    fn begin(&mut self, cpu: u8) -> Result<Call, EmuError> {
        let (function, arguments, bounds) = (self.functions[usize::from(cpu)], self.arguments(), self.bounds);
        self.vcpu(cpu).begin(function, &arguments, None, bounds)
    }

    fn resume(&mut self, cpu: u8, call: &mut Call) -> Result<(), EmuError> {
        self.vcpu(cpu).resume(call);
        Ok(())
    }

    fn finish(&mut self, cpu: u8, call: Call) -> Result<CompletedCall, EmuError> {
        let end = self.vcpu(cpu).finish(call)?;
        let path = self.vcpu(cpu).take_path();
        let CallResult { end, outcome } = self.ended(cpu, end)?;
        Ok(CompletedCall { end, outcome, path })
    }

    fn follow(&mut self, cpu: u8, values: &[u64], _: Vec<(u64, u64)>) -> Result<ReplayedPrefix, EmuError> {
        // The watched table need not be reset, since the value for each read is put there first.
        self.machine.put_back(&self.calls.env)?;
        let (function, arguments, bounds) = (self.functions[usize::from(cpu)], self.arguments(), self.bounds);
        let from = From::Function { address: function, arguments: &arguments, then: None };
        let Stop { end, .. } = self.vcpu(cpu).follow(from, bounds, values, None)?;
        let ended = end.map(|(end, _)| self.ended(cpu, end)).transpose()?;
        // The state is not known: stores to a stack are not hooked here. Bundled routines wait for nothing.
        let reads = vec![UnknownRead { state: None, identity: None }];
        Ok(ReplayedPrefix { before: 0, accesses: self.take_events()?, ended, reads })
    }

    fn entry_address(&self) -> u64 {
        memory::ENTRY
    }

    fn initially(&self, address: u64) -> Result<u64, EmuError> {
        // The rest of the table is empty.
        self.order_at(address).map(|_| if address == memory::ENTRY { self.calls.entry } else { 0 })
    }

    fn order_at(&self, address: u64) -> Result<ByteOrder, EmuError> {
        self.machine.common.recorder.order_at(address)
    }

    fn entry(&self) -> Result<u64, EmuError> {
        self.machine.common.recorder.entry_at(memory::ENTRY)
    }

    fn take_events(&mut self) -> Result<Vec<Event>, EmuError> {
        self.machine.common.recorder.take()
    }

    fn references(&self) -> Result<Vec<(u64, u64)>, EmuError> {
        Ok(self.machine.common.pages.references())
    }

    fn conflicts(&self) -> Vec<u64> {
        self.machine.common.sharing.conflicts()
    }
}

/// Returns a guest's `struct env`: the addresses in this machine, and the migration types.
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

/// Returns the entry that a split stores to install its page table, according to the model.
pub fn installed_table(encoding: &Encoding) -> u64 {
    (encoding.layout().table)(memory::PTE_TABLE)
}
