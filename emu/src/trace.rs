//! What happened: the events of one run, in order.

use std::cell::{Cell, RefCell};
use std::ops::Range;
use std::rc::Rc;

use pmdscope_guest::ByteOrder;

use crate::memory::Shared;
use crate::watch::{AccessKind, Site};

/// Something that a vCPU did.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Event {
    /// Which vCPU: 0 is the writer, 1 the walker.
    pub cpu: u8,
    /// The instruction.
    pub pc: u64,
    /// What it did.
    pub what: What,
}

/// The kinds of event.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum What {
    /// An access to the page table.
    Access(Access),
    /// An instruction, or in a kernel a function, that invalidates translations.
    Flush,
    /// A function of the kernel was entered whose calls are recorded.
    Call {
        /// Its symbol.
        function: Rc<str>,
        /// The entry that it was called for, as it was then.
        entry: u64,
    },
    /// The guest's `VM_WARN_ON_ONCE()` fired.
    Warning {
        /// The entry it warned of.
        entry: u64,
    },
}

/// One access to the page table. Entries are 64-bit values in CPU order, as `pmd_val()` gives them.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Access {
    /// How memory was reached.
    pub kind: AccessKind,
    /// The address accessed.
    pub address: u64,
    /// How many bytes.
    pub size: usize,
    /// Whether it loaded; then `before` is what it returned.
    pub loads: bool,
    /// The instruction that stored, if one did: of a load-reserved and store-conditional pair the
    /// second.
    pub store_pc: Option<u64>,
    /// The whole entry before the access.
    pub before: u64,
    /// The whole entry after it.
    pub after: u64,
}

/// Records the events of all vCPUs of a machine.
///
/// What a store left behind is read from memory once the instruction is through, not taken from the
/// engine: it tells of a byte-reversing store by the value before it is reversed.
pub(crate) struct Recorder {
    /// The watched memory, and where it lies.
    watched: RefCell<Vec<Watched>>,
    events: RefCell<Vec<Event>>,
    /// The event whose store may not have reached memory yet.
    storing: Cell<Option<usize>>,
}

/// Memory with words that are watched.
pub(crate) struct Watched {
    /// Its addresses, as the engine has them.
    pub(crate) range: Range<u64>,
    /// The memory, and the address at which it begins.
    pub(crate) memory: Rc<Shared>,
    pub(crate) start: u64,
    /// The byte order of its words.
    pub(crate) order: ByteOrder,
    /// Told where in the memory a word will be put, so that this can be undone.
    pub(crate) putting: Box<dyn Fn(u64)>,
}

impl Recorder {
    /// A recorder that knows of no watched memory yet.
    pub(crate) fn new() -> Self {
        Recorder { watched: RefCell::default(), events: RefCell::default(), storing: Cell::new(None) }
    }

    /// Memory that is watched from now on. Of two that hold an address the first is asked.
    pub(crate) fn watch(&self, watched: Watched) {
        self.watched.borrow_mut().push(watched);
    }

    pub(crate) fn record(&self, cpu: u8, pc: u64, what: What) {
        self.settle();
        self.events.borrow_mut().push(Event { cpu, pc, what });
    }

    /// A load, or the load half of an atomic.
    pub(crate) fn loaded(&self, cpu: u8, site: &Site) {
        let entry = self.entry_at(site.address);
        let access = Access {
            kind: site.kind,
            address: site.address,
            size: site.size,
            loads: true,
            store_pc: None,
            before: entry,
            after: entry,
        };
        self.record(cpu, site.pc, What::Access(access));
    }

    /// A store, or the store half of an atomic, is about to reach memory.
    pub(crate) fn storing(&self, cpu: u8, site: &Site) {
        self.settle();
        let mut events = self.events.borrow_mut();
        let half_done = match events.last_mut() {
            Some(Event { cpu: who, what: What::Access(open), .. }) if *who == cpu => (site.kind
                == AccessKind::Atomic
                && open.kind == AccessKind::Atomic
                && open.store_pc.is_none())
            .then_some(open),
            _ => None,
        };
        match half_done {
            Some(open) => open.store_pc = Some(site.pc),
            None => {
                let before = self.entry_at(site.address);
                let access = Access {
                    kind: site.kind,
                    address: site.address,
                    size: site.size,
                    loads: false,
                    store_pc: Some(site.pc),
                    before,
                    after: before,
                };
                events.push(Event { cpu, pc: site.pc, what: What::Access(access) });
            }
        }
        self.storing.set(Some(events.len() - 1));
    }

    /// Looks at what the last store left behind. To be called before anything else can write.
    pub(crate) fn settle(&self) {
        if let Some(at) = self.storing.take()
            && let Some(Event { what: What::Access(access), .. }) = self.events.borrow_mut().get_mut(at)
        {
            access.after = self.entry_at(access.address);
        }
    }

    /// Has the entry that holds an address be what it is to be.
    pub(crate) fn put(&self, address: u64, entry: u64) {
        self.at(address, |watched, offset| {
            (watched.putting)(offset);
            watched.memory.write(offset, &watched.order.encode(entry));
        });
    }

    /// Looks at the events so far.
    pub(crate) fn with_events<T>(&self, then: impl FnOnce(&[Event]) -> T) -> T {
        self.settle();
        then(&self.events.borrow())
    }

    pub(crate) fn take(&self) -> Vec<Event> {
        self.settle();
        self.events.take()
    }

    /// The entry, or other word, that holds an address, as a number.
    pub(crate) fn entry_at(&self, address: u64) -> u64 {
        self.at(address, |watched, offset| watched.order.decode(watched.memory.read(offset))).unwrap_or(0)
    }

    /// The byte order of the word that holds an address.
    pub(crate) fn order_at(&self, address: u64) -> Option<ByteOrder> {
        self.at(address, |watched, _| watched.order)
    }

    /// Whether an address is one of the page table, which is the first memory that was watched.
    pub(crate) fn is_entry(&self, address: u64) -> bool {
        self.watched.borrow().first().is_some_and(|table| table.range.contains(&address))
    }

    fn at<T>(&self, address: u64, then: impl FnOnce(&Watched, u64) -> T) -> Option<T> {
        let watched = self.watched.borrow();
        let found = watched.iter().find(|watched| watched.range.contains(&address))?;
        Some(then(found, (address & !7) - found.start))
    }
}
