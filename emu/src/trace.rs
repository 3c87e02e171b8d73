//! Traces: the events of one run, in order.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::ops::Range;
use std::rc::Rc;

use pmdscope_arches::ByteOrder;
use pmdscope_explore::Span;
use pmdscope_watch::{AccessKind, Site};

use crate::EmuError;
use crate::memory::Shared;

/// An event: something that a vCPU did.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Event {
    /// Which vCPU: 0 is the writer, 1 the walker.
    pub cpu: u8,
    /// Address of the instruction.
    pub pc: u64,
    /// What it did.
    pub what: Action,
}

/// The kinds of event.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Action {
    /// An access to the page table.
    Access(Access),
    /// An instruction, or in a kernel a function, that invalidates translations.
    Flush,
    /// A kernel function whose calls are recorded was entered.
    Call {
        /// Symbol of the function.
        function: Rc<str>,
        /// The entry that it was called for, at the time of the call.
        entry: u64,
    },
    /// The guest's `VM_WARN_ON_ONCE()` fired.
    Warning {
        /// The entry it warned of.
        entry: u64,
    },
    /// A kernel's `WARN()` or `WARN_ON()` fired. The kernel goes on after it.
    KernelWarning {
        /// File and line in the kernel's sources, or the symbol where it is not known.
        place: Rc<str>,
    },
}

/// One access to the page table. Entries are 64-bit values in CPU order, as `pmd_val()` gives them.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Access {
    /// The kind of access.
    pub kind: AccessKind,
    /// The address accessed.
    pub address: u64,
    /// Number of bytes accessed.
    pub size: usize,
    /// Whether it loaded. If so, it loaded from `before`.
    pub loads: bool,
    /// Address of the instruction that stored, if one did. Of a load-reserved and store-conditional pair, it is the
    /// second.
    pub store_pc: Option<u64>,
    /// The whole entry before the access.
    pub before: u64,
    /// The whole entry after it.
    pub after: u64,
    /// What the CPU did since its access before.
    pub span: Span,
}

/// Records the events of all vCPUs of a machine.
///
/// The result of a store is read from memory after the instruction, not taken from the engine: for a byte-reversing
/// store, the engine reports the value before it is reversed.
pub(crate) struct Recorder {
    /// The ranges of watched memory.
    watched: RefCell<Vec<Watched>>,
    events: RefCell<Vec<Event>>,
    /// What each CPU did before the access that it makes now.
    spans: RefCell<BTreeMap<u8, Span>>,
    /// The event whose store may not have reached memory yet.
    storing: Cell<Option<usize>>,
    /// The first error in a recording hook, which cannot return it: [`take`](Self::take) returns it.
    fault: RefCell<Option<EmuError>>,
}

/// A range of watched words.
pub(crate) struct Watched {
    /// Its addresses, as the engine sees them.
    pub(crate) range: Range<u64>,
    /// The memory that contains the range.
    pub(crate) memory: Rc<Shared>,
    /// Address at which `memory` begins, as the engine sees it.
    pub(crate) start: u64,
    /// The byte order of its words.
    pub(crate) order: ByteOrder,
    /// Called before [`Recorder::put`] writes a word, with its offset in `memory`, so that this can be undone.
    pub(crate) putting: Box<dyn Fn(u64)>,
}

impl Recorder {
    /// Creates a recorder without watched memory.
    pub(crate) fn new() -> Self {
        Recorder {
            watched: RefCell::default(),
            events: RefCell::default(),
            spans: RefCell::default(),
            storing: Cell::new(None),
            fault: RefCell::default(),
        }
    }

    /// Adds watched memory. If two ranges contain an address, the first counts.
    pub(crate) fn watch(&self, watched: Watched) {
        self.watched.borrow_mut().push(watched);
    }

    /// Keeps only the memory that was watched first.
    pub(crate) fn unwatch_all_but_first(&self) {
        self.watched.borrow_mut().truncate(1);
    }

    pub(crate) fn record(&self, cpu: u8, pc: u64, what: Action) {
        self.settle();
        self.events.borrow_mut().push(Event { cpu, pc, what });
    }

    /// Notes that a CPU is at an access, and what it did since the one before.
    pub(crate) fn begins(&self, cpu: u8, span: Span) {
        self.spans.borrow_mut().insert(cpu, span);
    }

    /// Returns what a CPU did before the access that it makes now.
    fn span(&self, cpu: u8) -> Span {
        self.spans.borrow().get(&cpu).copied().unwrap_or_default()
    }

    /// Records a load, or the load half of an atomic. Returns the word; `None` if it is not watched.
    pub(crate) fn loaded(&self, cpu: u8, site: &Site) -> Option<u64> {
        let entry = self.noted(self.entry_at(site.address))?;
        let access = Access {
            kind: site.kind,
            address: site.address,
            size: site.size,
            loads: true,
            store_pc: None,
            before: entry,
            after: entry,
            span: self.span(cpu),
        };
        self.record(cpu, site.pc, Action::Access(access));
        Some(entry)
    }

    /// Records a store, or the store half of an atomic, that is about to reach memory.
    pub(crate) fn storing(&self, cpu: u8, site: &Site) {
        self.settle();
        let mut events = self.events.borrow_mut();
        let half_done = match events.last_mut() {
            Some(Event { cpu: who, what: Action::Access(open), .. }) if *who == cpu => (site.kind
                == AccessKind::Atomic
                && open.kind == AccessKind::Atomic
                && open.store_pc.is_none())
            .then_some(open),
            _ => None,
        };
        match half_done {
            Some(open) => open.store_pc = Some(site.pc),
            None => {
                let Some(before) = self.noted(self.entry_at(site.address)) else { return };
                let access = Access {
                    kind: site.kind,
                    address: site.address,
                    size: site.size,
                    loads: false,
                    store_pc: Some(site.pc),
                    before,
                    after: before,
                    span: self.span(cpu),
                };
                events.push(Event { cpu, pc: site.pc, what: Action::Access(access) });
            }
        }
        self.storing.set(Some(events.len() - 1));
    }

    /// Reads from memory what the last store left. Must be called before anything else can write.
    pub(crate) fn settle(&self) {
        if let Some(at) = self.storing.take()
            && let Some(Event { what: Action::Access(access), .. }) = self.events.borrow_mut().get_mut(at)
        {
            let after = self.noted(self.entry_at(access.address));
            access.after = after.unwrap_or(access.before);
        }
    }

    /// Keeps the first error, which [`take`](Self::take) returns.
    fn noted<T>(&self, result: Result<T, EmuError>) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(error) => {
                self.fault.borrow_mut().get_or_insert(error);
                None
            }
        }
    }

    /// Writes the watched word that contains an address.
    ///
    /// # Errors
    /// [`EmuError::NotWatched`] if it is not watched.
    pub(crate) fn put(&self, address: u64, entry: u64) -> Result<(), EmuError> {
        self.at(address, |watched, offset| {
            (watched.putting)(offset);
            watched.memory.write(offset, &watched.order.encode(entry));
        })
    }

    /// Takes the events since they were last taken.
    ///
    /// # Errors
    /// The first error that occurred while they were recorded.
    pub(crate) fn take(&self) -> Result<Vec<Event>, EmuError> {
        self.settle();
        let events = self.events.take();
        self.fault.take().map_or(Ok(events), Err)
    }

    /// Returns the entry or other watched word that contains an address, as a number.
    ///
    /// # Errors
    /// [`EmuError::NotWatched`] if it is not watched.
    pub(crate) fn entry_at(&self, address: u64) -> Result<u64, EmuError> {
        self.at(address, |watched, offset| watched.order.decode(watched.memory.read(offset)))
    }

    /// Returns the byte order of the watched word that contains an address.
    ///
    /// # Errors
    /// [`EmuError::NotWatched`] if it is not watched.
    pub(crate) fn order_at(&self, address: u64) -> Result<ByteOrder, EmuError> {
        self.at(address, |watched, _| watched.order)
    }

    /// Returns the range that was watched first: the PMD table.
    pub(crate) fn first(&self) -> Option<Range<u64>> {
        self.watched.borrow().first().map(|table| table.range.clone())
    }

    /// Whether an address is in the PMD table.
    pub(crate) fn is_entry(&self, address: u64) -> bool {
        self.first().is_some_and(|table| table.contains(&address))
    }

    fn at<T>(&self, address: u64, then: impl FnOnce(&Watched, u64) -> T) -> Result<T, EmuError> {
        let watched = self.watched.borrow();
        let found = watched.iter().find(|watched| watched.range.contains(&address));
        let found = found.ok_or(EmuError::NotWatched { address })?;
        Ok(then(found, (address & !7) - found.start))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A recorder of one watched word, at 0x1000.
    fn recorder() -> Recorder {
        let recorder = Recorder::new();
        recorder.watch(Watched {
            range: 0x1000..0x1008,
            memory: Rc::new(Shared::new(0x1000).unwrap()),
            start: 0x1000,
            order: ByteOrder::Big,
            putting: Box::new(|_| {}),
        });
        recorder
    }

    #[test]
    fn a_word_that_is_not_watched_is_an_error_and_never_0() {
        let recorder = recorder();
        recorder.put(0x1000, 7).unwrap();
        assert_eq!(recorder.entry_at(0x1004).unwrap(), 7, "of any byte of it");
        assert!(matches!(recorder.entry_at(0x1008), Err(EmuError::NotWatched { address: 0x1008 })));
        assert!(recorder.put(0x2000, 7).is_err());
        assert!(recorder.order_at(0xfff).is_err());
    }

    #[test]
    fn what_goes_wrong_in_a_hook_is_told_to_who_takes_the_events() {
        let recorder = recorder();
        let site = |address| Site { kind: AccessKind::Load, pc: 4, address, size: 8 };
        assert_eq!(recorder.loaded(0, &site(0x1000)), Some(0));
        assert_eq!(recorder.take().unwrap().len(), 1);
        for stores in [false, true] {
            for address in [0x1000, 0x2000] {
                if stores {
                    recorder.storing(0, &site(address));
                } else {
                    recorder.loaded(0, &site(address));
                }
            }
            let told = recorder.take();
            assert!(matches!(told, Err(EmuError::NotWatched { address: 0x2000 })), "{told:?}");
            assert!(recorder.take().unwrap().is_empty(), "once");
        }
    }
}
