//! The page-table watch. Attached to a range of memory of an engine, it reports every access to the
//! range to an observer, before the access happens.

use std::cell::{Cell, RefCell};
use std::ops::ControlFlow;
use std::ops::Range;
use std::rc::Rc;

use pmdscope_arches::ByteOrder;
use pmdscope_engine::{Accesses, Engine, EngineError, HookId};

use crate::code::instruction_at;
use crate::disassembler::Disassembler;
use crate::error::WatchError;
use crate::isa::Atomicity;

/// How an access reaches memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AccessKind {
    /// A plain load.
    Load,
    /// A plain store.
    Store,
    /// A load and a store as one: one instruction, or a load-reserved and store-conditional pair.
    Atomic,
}

/// An access, with its instruction and address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Site {
    /// How memory is reached.
    pub kind: AccessKind,
    /// The address of the instruction; for a load-reserved and store-conditional pair, that of the half at hand.
    pub pc: u64,
    /// The address accessed.
    pub address: u64,
    /// The size of the access in bytes.
    pub size: usize,
}

/// Receives the accesses that a watch sees.
///
/// Values are numbers in CPU order, of [`Site::size`] bytes.
pub trait Observer {
    /// An access is about to happen.
    ///
    /// Called once for an atomic, before its load half. A scheduler may run other CPUs here. `Break` stops the
    /// engine, but only after the access, which still happens and is reported. For an atomic, this may be the load
    /// half alone. `engine` is as before the access.
    fn before(&mut self, site: &Site, engine: &dyn Engine) -> ControlFlow<()>;
    /// A load, or the load half of an atomic, returns `value`.
    fn loaded(&mut self, site: &Site, value: u64);
    /// A store, or the store half of an atomic, is about to write `value`. The engine shows a
    /// compare-and-swap that fails as a store of the old value on x86_64, arm64 (LSE) and sparc64.
    fn stored(&mut self, site: &Site, value: u64);
    /// The watch cannot report an access, because the engine refused a request.
    ///
    /// The engine is stopped, and its results are worthless.
    fn failed(&mut self, error: WatchError);
}

/// An atomic whose first half was seen, and whose second half is still missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Open {
    Nothing,
    /// An atomic instruction has loaded.
    Instruction {
        pc: u64,
        address: u64,
    },
    /// A load-reserved was seen, and no store-conditional yet.
    Reservation,
}

/// Reports an access, as the engine does: its address, its size, and the value if it stores.
type Report = dyn Fn(&dyn Engine, u64, usize, Option<u64>);

/// A watch that is attached to an engine.
pub struct Watch {
    range: Range<u64>,
    hooks: [HookId; 2],
    open: Rc<Cell<Open>>,
    report: Rc<Report>,
}

impl Watch {
    /// Returns the hooks of the watch, with which the engine can remove it.
    pub fn hooks(&self) -> [HookId; 2] {
        self.hooks
    }

    /// Reports an access that the engine does not show, and that is about to happen at the instruction at hand: that to
    /// `size` bytes at a physical `address`, with the value in CPU order if it is a store.
    ///
    /// An access outside of the range is not reported. One piece of an instruction's accesses at a time, and at most 8
    /// bytes: the observer may let other CPUs run.
    pub fn show(&self, engine: &dyn Engine, address: u64, size: usize, store: Option<u64>) {
        if self.range.contains(&address) {
            (self.report)(engine, address, size, store);
        }
    }

    /// Forgets an atomic whose second half was not seen.
    ///
    /// Call this before running other code on the engine: code that was stopped between the halves leaves the
    /// atomic open, and the watch would take the next store for its other half.
    pub fn forget_open_atomic(&self) {
        self.open.set(Open::Nothing);
    }
}

/// Attaches `observer` to the accesses that `engine` makes to `range`, a range of physical addresses.
///
/// `decoder` distinguishes atomics from plain accesses, since the engine does not. It reads each instruction once,
/// at its virtual address taken as a physical one (on x86_64 its low 52 bits, on ppc64 60). So code must lie in
/// physical memory at the address where it runs, and must not change. Attach before any code has run, or flush the
/// translations: the watch does not see code translated before. The observer must not run this engine from within
/// its own calls.
///
/// ```
/// use std::cell::RefCell;
/// use std::ops::ControlFlow;
/// use std::rc::Rc;
///
/// use pmdscope_arches::Arch;
/// use pmdscope_watch::{Disassembler, Engine, Isa, Observer, Site, WatchError, attach};
/// use pmdscope_watch::unicorn_engine::{Arch as EngineArch, Mode, Prot, RegisterX86, Unicorn};
///
/// struct Log(Rc<RefCell<Vec<String>>>);
///
/// impl Observer for Log {
///     fn before(&mut self, site: &Site, _: &dyn Engine) -> ControlFlow<()> {
///         self.0.borrow_mut().push(format!("{:?} at {:#x}", site.kind, site.address));
///         ControlFlow::Continue(())
///     }
///     fn loaded(&mut self, _: &Site, value: u64) {
///         self.0.borrow_mut().push(format!("loaded {value:#x}"));
///     }
///     fn stored(&mut self, _: &Site, value: u64) {
///         self.0.borrow_mut().push(format!("stored {value:#x}"));
///     }
///     fn failed(&mut self, error: WatchError) {
///         self.0.borrow_mut().push(error.to_string());
///     }
/// }
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let mut engine = Unicorn::new(EngineArch::X86, Mode::MODE_64).unwrap();
/// engine.mem_map(0x1000, 0x1000, Prot::ALL).unwrap();
/// engine.mem_map(0x8000, 0x1000, Prot::ALL).unwrap();
/// engine.mem_write(0x1000, &[0x48, 0x87, 0x37]).unwrap(); // xchgq %rsi, (%rdi)
/// engine.mem_write(0x8010, &[0x42]).unwrap();
///
/// let log = Rc::new(RefCell::new(Vec::new()));
/// let isa = Isa::of(Arch::X86_64);
/// let decoder = Rc::new(Disassembler::new(isa)?);
/// attach(&engine, 0x8000..0x9000, decoder, Log(Rc::clone(&log)))?;
///
/// engine.reg_write(RegisterX86::RDI, 0x8010).unwrap();
/// engine.reg_write(RegisterX86::RSI, 7).unwrap();
/// engine.emu_start(0x1000, 0x1003, 0, 0).unwrap();
/// assert_eq!(*log.borrow(), ["Atomic at 0x8010", "loaded 0x42", "stored 0x7"]);
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// [`WatchError::Engine`] if the range is empty, or if the engine refuses a hook.
pub fn attach(
    engine: &dyn Engine,
    range: Range<u64>,
    decoder: Rc<Disassembler>,
    observer: impl Observer + 'static,
) -> Result<Watch, WatchError> {
    let refused = |error| WatchError::engine("watch the page table", error);
    if range.is_empty() {
        // The engine would take an empty range for all of memory.
        return Err(refused(EngineError::Argument));
    }
    let open = Rc::new(Cell::new(Open::Nothing));
    let order = ByteOrder::of(decoder.isa().arch);
    let hooks = Rc::new(RefCell::new(Hooks { observer, open: Rc::clone(&open), decoder, order }));
    let last = range.end - 1;
    let report: Rc<Report> = Rc::new(move |engine, address, size, store| {
        hooks.borrow_mut().told(engine, |hooks| match store {
            None => hooks.read(engine, address, size),
            Some(value) => hooks.write(engine, address, size, value),
        });
    });
    let (of_reads, of_writes) = (Rc::clone(&report), Rc::clone(&report));
    let on_read =
        Box::new(move |engine: &dyn Engine, address, size, store| of_reads(engine, address, size, store));
    let on_write =
        Box::new(move |engine: &dyn Engine, address, size, store| of_writes(engine, address, size, store));
    let hooks = [
        engine.on_access(Accesses::Loads, range.start, last, on_read).map_err(refused)?,
        engine.on_access(Accesses::Stores, range.start, last, on_write).map_err(refused)?,
    ];
    Ok(Watch { range, hooks, open, report })
}

/// The state that both hooks of a watch share.
struct Hooks<O> {
    observer: O,
    open: Rc<Cell<Open>>,
    decoder: Rc<Disassembler>,
    order: ByteOrder,
}

impl<O: Observer> Hooks<O> {
    /// Reports an access by `tell`. Stops the engine if the observer breaks off or the report fails.
    fn told(
        &mut self,
        engine: &dyn Engine,
        tell: impl FnOnce(&mut Self) -> Result<ControlFlow<()>, WatchError>,
    ) {
        let told = tell(self).unwrap_or_else(|error| {
            self.observer.failed(error);
            ControlFlow::Break(())
        });
        // The engine completes the access at hand all the same.
        if told.is_break()
            && let Err(error) = engine.stop()
        {
            self.observer.failed(WatchError::engine("stop", error));
        }
    }

    fn before(&mut self, engine: &dyn Engine, site: &Site) -> ControlFlow<()> {
        self.observer.before(site, engine)
    }

    fn read(
        &mut self,
        engine: &dyn Engine,
        address: u64,
        size: usize,
    ) -> Result<ControlFlow<()>, WatchError> {
        let (pc, atomicity) = self.instruction_at_pc(engine)?;
        let kind = match atomicity {
            // The engine compares before it stores conditionally; that read is not the guest's.
            Atomicity::StoreConditional => return Ok(ControlFlow::Continue(())),
            Atomicity::Plain => AccessKind::Load,
            Atomicity::Atomic | Atomicity::LoadReserved => AccessKind::Atomic,
        };
        let site = Site { kind, pc, address, size };
        // A 128-bit atomic reads twice, and must not be torn. A compare-and-swap that failed and is
        // tried again reads the same address twice: that is a new access.
        let second_half = self.open.get() == Open::Instruction { pc, address: address.wrapping_sub(8) };
        let flow = if second_half { ControlFlow::Continue(()) } else { self.before(engine, &site) };
        self.open.set(match atomicity {
            Atomicity::Atomic => Open::Instruction { pc, address },
            Atomicity::LoadReserved => Open::Reservation,
            _ => Open::Nothing,
        });
        let mut bytes = [0; 16];
        let refused = |error| WatchError::engine("read what is loaded", error);
        let bytes = bytes.get_mut(..size).ok_or(refused(EngineError::Argument))?;
        engine.read(address, bytes).map_err(refused)?;
        self.observer.loaded(&site, self.order.number(bytes));
        Ok(flow)
    }

    fn write(
        &mut self,
        engine: &dyn Engine,
        address: u64,
        size: usize,
        value: u64,
    ) -> Result<ControlFlow<()>, WatchError> {
        let (pc, atomicity) = self.instruction_at_pc(engine)?;
        let open = self.open.get();
        let (kind, begun) = match atomicity {
            Atomicity::Atomic => {
                (AccessKind::Atomic, matches!(open, Open::Instruction { pc: opener, .. } if opener == pc))
            }
            Atomicity::StoreConditional => (AccessKind::Atomic, open == Open::Reservation),
            Atomicity::Plain | Atomicity::LoadReserved => (AccessKind::Store, false),
        };
        let site = Site { kind, pc, address, size };
        let flow = if begun { ControlFlow::Continue(()) } else { self.before(engine, &site) };
        self.open.set(Open::Nothing);
        self.observer.stored(&site, value & (u64::MAX >> (64 - 8 * size.clamp(1, 8))));
        Ok(flow)
    }

    fn instruction_at_pc(&self, engine: &dyn Engine) -> Result<(u64, Atomicity), WatchError> {
        let pc = engine.register(self.decoder.isa().program_counter);
        let pc = pc.map_err(|error| WatchError::engine("read the program counter", error))?;
        Ok((pc, instruction_at(engine, &self.decoder, pc)?.class.atomicity))
    }
}
