//! What happened: the events of one run, in order.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use pmdscope_guest::ByteOrder;

use crate::memory::{self, Shared};
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
    /// An instruction that invalidates translations.
    Flush,
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
    tables: Rc<Shared>,
    entry_order: ByteOrder,
    events: RefCell<Vec<Event>>,
    /// The event whose store may not have reached memory yet.
    storing: Cell<Option<usize>>,
}

impl Recorder {
    pub(crate) fn new(tables: Rc<Shared>, entry_order: ByteOrder) -> Self {
        Recorder { tables, entry_order, events: RefCell::default(), storing: Cell::new(None) }
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
        self.tables.write((address & !7) - memory::PMD_TABLE, &self.entry_order.encode(entry));
    }

    pub(crate) fn take(&self) -> Vec<Event> {
        self.settle();
        self.events.take()
    }

    /// The entry that holds an address, in CPU order.
    fn entry_at(&self, address: u64) -> u64 {
        self.entry_order.decode(self.tables.read((address & !7) - memory::PMD_TABLE))
    }
}
