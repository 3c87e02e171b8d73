//! A machine with a distribution's kernel in memory: two CPUs, and what they share.

use std::cell::{Cell, RefCell};
use std::ops::Range;
use std::rc::Rc;

use pmdscope_arches::ByteOrder;
use pmdscope_guest::Kernel;
use pmdscope_guest::kernel::{Absent, Bug, BugKind, ObjectsNote};
use pmdscope_watch::Isa;

use crate::EmuError;
use crate::decoder::Decoder;
use crate::end::{CallBounds, CallExit};
use crate::environment::Stub;
use crate::kernel::code_hooks::{CodeHook, CodeHooks};
use crate::kernel::kasan::Shadow;
use crate::kernel::space::{FRAME, Fill, Region, Space};
use crate::sharing::Sharing;
use crate::trace::{Recorder, Watched};
use crate::vcpu::{CallLayout, Trap, Vcpu};

/// Number of CPUs: one for the writer, one for the walker.
pub(crate) const CPUS: u8 = 2;

/// Bytes of each CPU's stack.
const STACK_BYTES: u64 = 0x1_0000;
/// Bytes for objects: tasks, an address space, a mapping.
const OBJECT_BYTES: u64 = 0x8_0000;

/// The functions by which a task gives its CPU to another.
const GIVE_WAY: [&str; 6] = [
    "__schedule",
    "io_schedule",
    "io_schedule_timeout",
    "schedule",
    "schedule_preempt_disabled",
    "schedule_timeout",
];

/// Name of the region that contains the kernel's image.
const IMAGE: &str = "the kernel";
/// Bytes for allocated per-CPU data.
const PER_CPU_ROOM: u64 = 0x1_0000;

/// An access that was observed while the environment is set up.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ProbedAccess {
    /// The address, as programs use it.
    pub(crate) address: u64,
    pub(crate) size: usize,
    pub(crate) writes: bool,
    /// The aligned word at that address, before the access.
    pub(crate) value: u64,
    /// Whether it is in the kernel's image.
    pub(crate) in_image: bool,
}

/// Accesses that are noted only while the environment is set up.
#[derive(Default)]
struct Probe {
    on: Cell<bool>,
    touches: RefCell<Vec<ProbedAccess>>,
}

pub(crate) struct Machine {
    pub(crate) isa: &'static Isa,
    pub(crate) kernel: Rc<Kernel>,
    pub(crate) order: ByteOrder,
    pub(crate) space: Rc<RefCell<Space>>,
    pub(crate) vcpus: Vec<Vcpu>,
    pub(crate) recorder: Rc<Recorder>,
    pub(crate) sharing: Rc<Sharing>,
    pub(crate) decoder: Rc<Decoder>,
    probe: Rc<Probe>,
    code_hooks: Rc<CodeHooks>,
    /// Address of the next object.
    free: u64,
    objects: Range<u64>,
    /// Names of address ranges.
    named: Vec<(Range<u64>, String)>,
    /// The offset that is added to the address of a per-CPU variable, for each CPU.
    per_cpu: Vec<u64>,
    /// The next per-CPU pointer.
    per_cpu_free: u64,
    stubs: Vec<Stub>,
    /// The functions that are not run, and are worth a word only if they were entered.
    silenced: Vec<Stub>,
    pub(crate) assumptions: Vec<String>,
    /// The shadow of all memory, if the kernel has KASAN.
    shadow: Option<Shadow>,
}

impl Machine {
    /// Creates a machine with the kernel's segments in memory, and objects from `objects` on.
    pub(crate) fn new(kernel: Rc<Kernel>, objects: u64) -> Result<Self, EmuError> {
        let arch = kernel.arch();
        let decoder = Decoder::of(arch, None)?;
        let mut machine = Machine {
            isa: decoder.isa(),
            order: ByteOrder::of(arch),
            space: Rc::default(),
            vcpus: Vec::new(),
            recorder: Rc::new(Recorder::new()),
            sharing: Rc::default(),
            decoder,
            probe: Rc::default(),
            code_hooks: Rc::default(),
            free: objects,
            objects: objects..objects + OBJECT_BYTES,
            named: Vec::new(),
            per_cpu: Vec::new(),
            per_cpu_free: 0,
            stubs: Vec::new(),
            silenced: Vec::new(),
            assumptions: Vec::new(),
            shadow: None,
            kernel,
        };
        // Above the objects, with unmapped memory around each stack: code that runs off an end faults.
        let stack = |cpu: u8| objects + OBJECT_BYTES + 0x10_0000 * (u64::from(cpu) + 1);
        for cpu in 0..CPUS {
            let place =
                CallLayout { return_pad: stack(cpu) + 0x10, stack_top: stack(cpu) + STACK_BYTES - 0x400 };
            machine.vcpus.push(Vcpu::new(cpu, place, &machine.recorder, &machine.decoder)?);
            machine.hook_code(cpu)?;
        }
        for cpu in 0..CPUS {
            machine.map(Region::new("stack", stack(cpu), STACK_BYTES, Some(cpu), None)?)?;
        }
        for vcpu in &mut machine.vcpus {
            vcpu.provide_return_pad()?;
        }
        machine.map(Region::new("objects", objects, OBJECT_BYTES, None, None)?)?;
        let Range { start, end } = machine.image();
        // One frame more, since the last instruction is decoded from a full window of bytes.
        machine.code_hooks.cover(start..end);
        let region = Region::new(IMAGE, start, end - start + FRAME, None, None)?;
        for part in machine.kernel.memory() {
            region.memory.write(part.address - start, machine.kernel.bytes(part));
        }
        machine.map(region)?;
        machine.end_at_absent()?;
        machine.end_at_sleep();
        Ok(machine)
    }

    /// Provides the shadow of all memory, if the kernel has KASAN.
    ///
    /// Where it expects that is found by where it looks for the shadow of the first object. A kernel that returns from
    /// there checks nothing.
    pub(crate) fn provide_shadow(&mut self) -> Result<(), EmuError> {
        /// The functions that check a load of eight bytes. Compilers differ in the name.
        const CHECKS: [&str; 2] = ["__asan_load8_noabort", "__asan_load8"];
        let kernel = Rc::clone(&self.kernel);
        let Some((name, check)) = CHECKS.iter().find_map(|name| Some((name, kernel.symbol(name)?))) else {
            return Ok(());
        };
        let address = self.objects.start;
        let offset = match self.call(0, check, &[address])? {
            CallExit::Returned => return Ok(()),
            CallExit::Fault { address: Some(shadow), .. } => {
                Shadow::offset(address, self.isa.kernel_address(shadow))
            }
            end => return Err(EmuError::Environment(format!("{name}() {}", self.explain(end)))),
        };
        self.assumptions.push(format!(
            "KASAN's shadow says that all memory here may be accessed; it is at {offset:#x} and an eighth of the \
             address, found by where {name}() looks"
        ));
        self.shadow = Some(Shadow::at(offset));
        let regions: Vec<_> =
            self.space.borrow().regions().iter().map(|region| (region.range(), region.owner)).collect();
        regions.into_iter().try_for_each(|(range, owner)| self.map_shadow(range, owner))
    }

    /// Returns the address that a CPU was about to access when it faulted at `address`.
    ///
    /// A kernel with KASAN looks at a byte of the shadow first, and faults there.
    pub(crate) fn meant(&self, cpu: u8, address: u64) -> u64 {
        match &self.shadow {
            Some(shadow) if self.vcpus[usize::from(cpu)].fault_bytes() == 1 => {
                shadow.shadowed(self.isa.kernel_address(address))
            }
            _ => address,
        }
    }

    fn map_shadow(&mut self, range: Range<u64>, owner: Option<u8>) -> Result<(), EmuError> {
        let shadows = self.shadow.as_mut().map_or(Ok(Vec::new()), |shadow| shadow.of(range, owner))?;
        shadows.into_iter().try_for_each(|shadow| self.map_region(shadow))
    }

    /// Adds a region to the memory of all CPUs, or of its owner.
    pub(crate) fn map(&mut self, region: Region) -> Result<(), EmuError> {
        let (range, owner) = (region.range(), region.owner);
        self.map_region(region)?;
        self.map_shadow(range, owner)
    }

    fn map_region(&mut self, region: Region) -> Result<(), EmuError> {
        let region = Rc::new(region);
        for (number, vcpu) in (0_u8..).zip(&mut self.vcpus) {
            if region.owner.is_some_and(|owner| owner != number) {
                continue;
            }
            vcpu.map(region.start, &region.memory)?;
            let (start, order) = (self.isa.physical(region.start), self.order);
            let (at, sharing, probe) = (Rc::clone(&region), Rc::clone(&self.sharing), Rc::clone(&self.probe));
            vcpu.on_valued_access(region.range(), move |address, size, store| {
                let (offset, writes) = (address - start, store.is_some());
                at.touch(offset, size as u64, writes);
                let changed = store.map_or(0, |value| at.hash_of_store(offset, size, order, value));
                if at.owner.is_none() {
                    sharing.note(number, address, size, writes);
                }
                if probe.on.get() {
                    // Regions have whole words.
                    let value = order.decode(at.memory.read(offset & !7));
                    let address = at.start + offset;
                    let in_image = at.name == IMAGE;
                    probe.touches.borrow_mut().push(ProbedAccess { address, size, writes, value, in_image });
                }
                changed
            })?;
            vcpu.forget_translations()?;
        }
        self.space.borrow_mut().add(region);
        Ok(())
    }

    /// Puts further code into memory, which needs to be nowhere in particular, and returns its address.
    pub(crate) fn add_code(&mut self, name: &str, code: &[u8]) -> Result<u64, EmuError> {
        let start = self.object(name, code.len() as u64, 64)?;
        self.write(start, code)?;
        for cpu in 0..CPUS {
            self.hook_instructions(cpu, start..start + code.len() as u64)?;
        }
        Ok(start)
    }

    /// Hooks every instruction of the kernel, and has traps tell which BUG or WARN they are.
    fn hook_code(&mut self, cpu: u8) -> Result<(), EmuError> {
        self.hook_instructions(cpu, self.image())?;
        let vcpu = &mut self.vcpus[usize::from(cpu)];
        let (kernel, decoder) = (Rc::clone(&self.kernel), Rc::clone(&self.decoder));
        vcpu.on_trap(Box::new(move |pc, argument| {
            let bug = bug_at(&kernel, pc, argument)?;
            Some(match bug.kind {
                BugKind::Bug => Trap::Bug,
                BugKind::Warn => {
                    // The hook on instructions has decoded it.
                    let length = decoder.disassembler.at(pc, &[]).length;
                    Trap::Warning { place: place_of(&kernel, pc, &bug).into(), length }
                }
            })
        }));
        Ok(())
    }

    /// Hooks instructions: notes the path, records flushes and calls, and returns from stubs.
    fn hook_instructions(&mut self, cpu: u8, code: Range<u64>) -> Result<(), EmuError> {
        let code_hooks = Rc::clone(&self.code_hooks);
        let decoder = Rc::clone(&self.decoder);
        let recorder = Rc::clone(&self.recorder);
        let vcpu = &mut self.vcpus[usize::from(cpu)];
        vcpu.on_code(code.start, code.end - 1, move |cpu, pc| {
            cpu.enter(pc);
            code_hooks.before(cpu, pc, &decoder, &recorder)
        })
    }

    /// Has calls end that use what no object of an object-only kernel defines.
    fn end_at_absent(&mut self) -> Result<(), EmuError> {
        let Some([functions, variables]) = self.kernel.absent_addresses() else { return Ok(()) };
        let stand_ins = functions.step_by(ObjectsNote::FUNCTION_BYTES as usize);
        // A variable that is called is a function whose address was taken.
        for address in stand_ins.chain(variables.clone().step_by(ObjectsNote::VARIABLE_BYTES as usize)) {
            self.code_hooks.add(address, CodeHook::Absent);
        }
        let isa = self.isa;
        for vcpu in &mut self.vcpus {
            vcpu.end_at_access(variables.clone(), move |address| CallExit::Absent {
                address: isa.kernel_address(address),
            })?;
        }
        Ok(())
    }

    /// Has calls end that are about to give the CPU to another task.
    fn end_at_sleep(&mut self) {
        for symbol in GIVE_WAY {
            if let Some(function) = self.kernel.find(symbol) {
                self.code_hooks.add(function.local_entry, CodeHook::Sleep);
            }
        }
    }

    /// Replaces a function with a stub, if the kernel has it.
    pub(crate) fn stub(&mut self, stub: Stub) {
        if self.replace(stub) {
            self.stubs.push(stub);
        }
    }

    /// Replaces a function that does nothing of interest with a stub, if the kernel has it.
    pub(crate) fn silence(&mut self, stub: Stub) {
        if self.replace(stub) {
            self.silenced.push(stub);
        }
    }

    /// Replaces a function with something else than a constant, if the kernel has it. `stub` describes it.
    pub(crate) fn replace_by(&mut self, stub: Stub, hook: CodeHook) {
        if self.hook_function(stub.symbol, hook) {
            self.silenced.push(stub);
        }
    }

    fn replace(&self, stub: Stub) -> bool {
        self.hook_function(stub.symbol, CodeHook::Stub(stub))
    }

    fn hook_function(&self, symbol: &str, hook: CodeHook) -> bool {
        // Every call passes the local entry point, also one that enters at the function's address.
        let function = self.kernel.find(symbol);
        if let Some(function) = &function {
            self.code_hooks.add(function.local_entry, hook);
        }
        function.is_some()
    }

    /// Returns the functions that are not run. Those that were silenced count if they were entered.
    pub(crate) fn stubs(&self) -> Vec<Stub> {
        let silenced = self.silenced.iter().filter(|stub| self.code_hooks.was_entered(stub.symbol));
        self.stubs.iter().chain(silenced).copied().collect()
    }

    /// Forgets which stubs were entered.
    pub(crate) fn forget_entered(&self) {
        self.code_hooks.forget_entered();
    }

    /// Records the calls of a function that takes the address of an entry.
    pub(crate) fn note_calls(&mut self, symbol: &str) {
        if let Some(function) = self.kernel.find(symbol) {
            self.code_hooks.add(function.local_entry, CodeHook::Call { function: symbol.into() });
        }
    }

    /// Lays out an object of zeroes, and returns its address.
    pub(crate) fn object(&mut self, name: &str, bytes: u64, align: u64) -> Result<u64, EmuError> {
        let address = self.free.next_multiple_of(align);
        self.free = address + bytes.max(8);
        if self.free > self.objects.end {
            return Err(EmuError::engine("lay out objects", pmdscope_engine::EngineError::NoMemory));
        }
        self.name(address..self.free, name);
        Ok(address)
    }

    /// Names a range of memory, for messages.
    pub(crate) fn name(&mut self, range: Range<u64>, name: &str) {
        self.named.push((range, name.to_owned()));
    }

    /// Describes in words what lies at an address.
    pub(crate) fn describe(&self, address: u64) -> String {
        let named = self
            .named
            .iter()
            .rev()
            .map(|(range, name)| (self.isa.physical(range.start), range.end - range.start, name))
            .find(|(start, length, _)| (*start..start + length).contains(&self.isa.physical(address)));
        if let Some((start, _, name)) = named {
            return format!("{name}+{:#x}", self.isa.physical(address) - start);
        }
        match self.space.borrow().at_physical(self.isa, self.isa.physical(address)) {
            Some((region, offset)) => format!("{} at {:#x}", region.name, region.start + offset),
            None => format!("{address:#x}"),
        }
    }

    pub(crate) fn write(&self, address: u64, bytes: &[u8]) -> Result<(), EmuError> {
        self.write_of(0, address, bytes)
    }

    /// Writes to memory as one CPU sees it, private memory included.
    ///
    /// # Errors
    /// [`EmuError::NoMemory`] if that CPU has no memory at `address`.
    pub(crate) fn write_of(&self, cpu: u8, address: u64, bytes: &[u8]) -> Result<(), EmuError> {
        let space = self.space.borrow();
        let (region, offset) = space.with(cpu, "write", address, bytes.len() as u64)?;
        region.write(offset, bytes);
        Ok(())
    }

    /// Reads memory as CPU 0 sees it.
    ///
    /// # Errors
    /// [`EmuError::NoMemory`] if no memory is at `address`.
    pub(crate) fn read(&self, address: u64, bytes: u64) -> Result<Vec<u8>, EmuError> {
        let space = self.space.borrow();
        let (region, offset) = space.with(0, "read", address, bytes)?;
        Ok(region.read(offset, bytes))
    }

    /// Writes the low `bytes` bytes of a number, in the CPU's byte order.
    pub(crate) fn put(&self, address: u64, bytes: usize, value: u64) -> Result<(), EmuError> {
        let word = self.order.encode(value);
        let word = match self.order {
            ByteOrder::Little => &word[..bytes],
            ByteOrder::Big => &word[8 - bytes..],
        };
        self.write(address, word)
    }

    pub(crate) fn put64(&self, address: u64, value: u64) -> Result<(), EmuError> {
        self.put(address, 8, value)
    }

    /// Reads a number of `bytes` bytes, in the CPU's byte order.
    pub(crate) fn get(&self, address: u64, bytes: u64) -> Result<u64, EmuError> {
        let content = self.read(address, bytes)?;
        let number = |value: u64, byte: &u8| value << 8 | u64::from(*byte);
        Ok(match self.order {
            ByteOrder::Big => content.iter().fold(0, number),
            ByteOrder::Little => content.iter().rev().fold(0, number),
        })
    }

    pub(crate) fn get64(&self, address: u64) -> Result<u64, EmuError> {
        self.get(address, 8)
    }

    /// Calls a function on a CPU, outside of any schedule.
    pub(crate) fn call(&mut self, cpu: u8, function: u64, arguments: &[u64]) -> Result<CallExit, EmuError> {
        let vcpu = &mut self.vcpus[usize::from(cpu)];
        let end = vcpu.call(function, arguments, CallBounds::default())?;
        self.recorder.take()?;
        match end {
            CallExit::Engine(error) => Err(EmuError::engine("run the kernel", error)),
            end => Ok(end),
        }
    }

    /// Calls a function, and returns how it ended and all accesses that it made.
    pub(crate) fn probe(
        &mut self,
        cpu: u8,
        function: u64,
        arguments: &[u64],
    ) -> Result<(CallExit, Vec<ProbedAccess>), EmuError> {
        self.begin_probe();
        let end = self.call(cpu, function, arguments);
        let touches = self.end_probe();
        Ok((end?, touches))
    }

    /// Begins to note all accesses.
    pub(crate) fn begin_probe(&self) {
        self.probe.on.set(true);
    }

    /// Returns the accesses since this was begun.
    pub(crate) fn end_probe(&self) -> Vec<ProbedAccess> {
        self.probe.on.set(false);
        self.probe.touches.take()
    }

    /// Whether an address is in the kernel's image.
    pub(crate) fn is_in_image(&self, address: u64) -> bool {
        self.image().contains(&address)
    }

    /// Whether an address is in memory that not all CPUs have, such as a stack.
    pub(crate) fn is_private(&self, address: u64) -> bool {
        let space = self.space.borrow();
        (0..CPUS).any(|cpu| space.at(address, cpu).is_some_and(|(region, _)| region.owner.is_some()))
    }

    /// Runs a function up to its first call of any function other than `uncounted`.
    ///
    /// # Errors
    /// [`EmuError::Environment`] if it makes no such call.
    pub(crate) fn run_up_to_call(
        &mut self,
        cpu: u8,
        function: u64,
        uncounted: &[&str],
    ) -> Result<(), EmuError> {
        let uncounted: Vec<u64> = uncounted.iter().filter_map(|name| self.kernel.symbol(name)).collect();
        self.code_hooks.stop_at_call(uncounted);
        let end = self.call(cpu, function, &[]);
        match (self.code_hooks.forget_stop(), end?) {
            (None, _) => Ok(()),
            (Some(_), end) => Err(EmuError::Environment(format!(
                "{} called nothing: it {}",
                self.symbol_at(function),
                self.explain(end)
            ))),
        }
    }

    /// Watches a range of memory.
    pub(crate) fn watch(&mut self, range: Range<u64>, order: ByteOrder) -> Result<(), EmuError> {
        // Accesses to all memory are hooked, so code that is translated already asks for further hooks.
        for vcpu in &mut self.vcpus {
            vcpu.watch(range.clone())?;
        }
        let space = self.space.borrow();
        if let Some((region, _)) = space.at(range.start, 0) {
            let start = self.isa.physical(range.start);
            self.sharing.watch(start..start + (range.end - range.start));
            let memory = Rc::clone(&region.memory);
            let (region_start, region) = (self.isa.physical(region.start), Rc::clone(region));
            self.recorder.watch(Watched {
                range: start..start + (range.end - range.start),
                memory,
                start: region_start,
                order,
                putting: Box::new(move |offset| region.touch(offset, 8, true)),
            });
        }
        Ok(())
    }

    /// Watches only the range that was watched first.
    pub(crate) fn unwatch_all_but_first(&mut self) -> Result<(), EmuError> {
        self.recorder.unwatch_all_but_first();
        self.sharing.unwatch();
        self.recorder.first().into_iter().for_each(|range| self.sharing.watch(range));
        self.vcpus.iter_mut().try_for_each(Vcpu::unwatch_all_but_first)
    }

    /// Returns the address range of the kernel's image, in whole frames.
    fn image(&self) -> Range<u64> {
        let parts = self.kernel.memory();
        let start = parts.iter().map(|part| part.address).min().unwrap_or(0) & !(FRAME - 1);
        let end = parts.iter().map(|part| part.address + part.size).max().unwrap_or(FRAME);
        start..end.next_multiple_of(FRAME)
    }

    /// Maps a copy of the kernel's image at `start` for one CPU, and returns the offset of the copy.
    ///
    /// Code reaches per-CPU data by an offset from its address in the image. Each frame is copied when it is first
    /// touched. Room for allocated per-CPU data follows the copy.
    pub(crate) fn per_cpu_copy(&mut self, cpu: u8, start: u64) -> Result<u64, EmuError> {
        let kernel = Rc::clone(&self.kernel);
        let image = self.image();
        let fill: Fill = Box::new(move |frame, bytes| {
            let at = image.start + frame;
            for part in kernel.memory() {
                let content = kernel.bytes(part);
                let overlap = at.max(part.address)..(at + FRAME).min(part.address + content.len() as u64);
                if overlap.is_empty() {
                    continue;
                }
                let index = |address: u64, from: u64| usize::try_from(address - from).unwrap_or(0);
                let from = index(overlap.start, part.address)..index(overlap.end, part.address);
                bytes[index(overlap.start, at)..index(overlap.end, at)].copy_from_slice(&content[from]);
            }
        });
        let Range { start: first, end } = self.image();
        let region = Region::new("per-CPU data", start, end - first + PER_CPU_ROOM, Some(cpu), Some(fill))?;
        self.map(region)?;
        Ok(start.wrapping_sub(first))
    }

    /// Notes a CPU's offsets. `base` is added to the address of a per-CPU variable. `copy` is added to an address
    /// in the image to get that of the CPU's copy.
    pub(crate) fn per_cpu_base(&mut self, cpu: u8, base: u64, copy: u64) {
        debug_assert_eq!(self.per_cpu.len(), usize::from(cpu));
        if cpu == 0 {
            self.per_cpu_free = self.image().end.wrapping_add(copy).wrapping_sub(base);
        }
        self.per_cpu.push(base);
    }

    /// Lays out zeroes for each CPU, and returns their per-CPU pointer.
    pub(crate) fn per_cpu_object(&mut self, bytes: u64) -> u64 {
        let pointer = self.per_cpu_free;
        self.per_cpu_free = pointer.wrapping_add(bytes.next_multiple_of(64));
        pointer
    }

    /// Returns what is added to the address of a per-CPU variable, for each CPU.
    pub(crate) fn per_cpu_bases(&self) -> impl Iterator<Item = u64> + use<'_> {
        self.per_cpu.iter().copied()
    }

    /// Writes one byte of a per-CPU object, for each CPU.
    pub(crate) fn put_per_cpu(&self, pointer: u64, value: u8) -> Result<(), EmuError> {
        for (cpu, base) in (0_u8..).zip(&self.per_cpu) {
            self.write_of(cpu, pointer.wrapping_add(*base), &[value])?;
        }
        Ok(())
    }

    /// Returns the address of a symbol.
    ///
    /// # Errors
    /// [`EmuError::Environment`] if the kernel has no such symbol.
    pub(crate) fn needed_symbol(&self, name: &str) -> Result<u64, EmuError> {
        let missing = || EmuError::Environment(format!("this kernel has no symbol {name}"));
        self.kernel.symbol(name).ok_or_else(missing)
    }

    /// Formats an address as a symbol and an offset.
    pub(crate) fn symbol_at(&self, pc: u64) -> String {
        symbol_at(&self.kernel, pc)
    }

    /// Describes in words how a call ended, with symbols for addresses of code.
    pub(crate) fn explain(&self, end: CallExit) -> String {
        match end {
            CallExit::Fault { pc, address: Some(address) } => format!(
                "accessed {:#x}, where nothing was set up, at {} ({})",
                self.isa.kernel_address(address),
                self.symbol_at(pc),
                self.vcpus[0].instruction_text(pc)
            ),
            CallExit::Fault { pc, address: None } => {
                format!("accessed an address where nothing was set up, at {}", self.symbol_at(pc))
            }
            CallExit::Bug { pc } => match self.kernel.bug_at(pc) {
                Some(bug) => format!(
                    "reached a BUG() at {}, in {}",
                    place_of(&self.kernel, pc, &bug),
                    self.symbol_at(pc)
                ),
                None => format!("reached a BUG() in {}", self.symbol_at(pc)),
            },
            CallExit::Sleeps { pc } => format!("sleeps: it called {}()", self.symbol_at(pc)),
            CallExit::Absent { address } => match self.kernel.absent_at(address) {
                Some(Absent::Function(name)) => {
                    format!(
                        "called {name}(), which is in no object of this kernel: objects --with {name} adds it"
                    )
                }
                Some(Absent::Variable(name)) => {
                    format!(
                        "used {name}, which is in no object of this kernel: objects --with {name} adds it"
                    )
                }
                None => end.to_string(),
            },
            CallExit::Exception { pc, number } => format!(
                "raised exception {number} at {} ({})",
                self.symbol_at(pc),
                self.vcpus[0].instruction_text(pc)
            ),
            other => other.to_string(),
        }
    }
}

/// Returns the BUG or WARN that an instruction reports when it traps. `argument` is the first argument of the
/// function that it is in.
fn bug_at(kernel: &Kernel, pc: u64, argument: u64) -> Option<Bug> {
    /// The function that traps for a WARN() with a message, given the address of its entry in the table.
    const WARNS: &str = "__WARN_trap";
    kernel.bug_at(pc).or_else(|| match kernel.symbol_at(pc) {
        Some((WARNS, _)) => kernel.bug_of_entry(argument),
        _ => None,
    })
}

/// Returns file and line of a BUG or WARN, or the symbol at `pc` in a kernel that does not keep them.
fn place_of(kernel: &Kernel, pc: u64, bug: &Bug) -> String {
    match (&bug.file, bug.line) {
        (Some(file), Some(line)) => format!("{file}:{line}"),
        _ => symbol_at(kernel, pc),
    }
}

fn symbol_at(kernel: &Kernel, pc: u64) -> String {
    match kernel.symbol_at(pc) {
        Some((name, 0)) => name.to_owned(),
        Some((name, offset)) => format!("{name}+{offset:#x}"),
        None => format!("{pc:#x}"),
    }
}
