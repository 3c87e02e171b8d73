//! Memory of the caller's, by pages, and the accesses of instructions to it.

use std::cell::{Cell, RefCell};
use std::ops::RangeInclusive;

use pmdscope_interpreter::{Memory, Stop};
use rustc_hash::{FxHashMap, FxHashSet};

use super::Interpreter;
use crate::error::EngineError;

/// Bytes of a page: all that is mapped consists of such.
pub(super) const PAGE: u64 = 0x1000;

/// Memory of the caller's.
struct Region {
    addresses: RangeInclusive<u64>,
    at: *mut u8,
}

/// The mapped memory, and which pages of it have decoded code.
#[derive(Default)]
pub(super) struct Pages {
    regions: RefCell<Vec<Region>>,
    /// Where the memory is of each page that was accessed, by its number.
    known: RefCell<FxHashMap<u64, *mut u8>>,
    /// The pages that code was decoded from.
    code: RefCell<FxHashSet<u64>>,
    /// Whether such a page was written to since.
    overwritten: Cell<bool>,
}

impl Pages {
    /// Maps memory.
    ///
    /// # Errors
    /// [`EngineError::Argument`] if it does not consist of whole pages, or overlaps other memory.
    ///
    /// # Safety
    /// As of [`Engine::map`](crate::Engine::map).
    pub(super) unsafe fn map(&self, address: u64, bytes: u64, at: *mut u8) -> Result<(), EngineError> {
        let whole = address.is_multiple_of(PAGE) && bytes.is_multiple_of(PAGE) && bytes > 0;
        let last =
            address.checked_add(bytes.wrapping_sub(1)).filter(|_| whole).ok_or(EngineError::Argument)?;
        let mut regions = self.regions.borrow_mut();
        let overlaps =
            |region: &Region| *region.addresses.start() <= last && *region.addresses.end() >= address;
        if regions.iter().any(overlaps) {
            return Err(EngineError::Argument);
        }
        regions.push(Region { addresses: address..=last, at });
        Ok(())
    }

    /// Whether code was decoded from a page.
    pub(super) fn has_code(&self, page: u64) -> bool {
        self.code.borrow().contains(&page)
    }

    /// Returns where the memory of a page is, by its number.
    pub(super) fn page(&self, page: u64) -> Option<*mut u8> {
        if let Some(known) = self.known.borrow().get(&page) {
            return Some(*known);
        }
        let address = page * PAGE;
        let regions = self.regions.borrow();
        let region = regions.iter().find(|region| region.addresses.contains(&address))?;
        // SAFETY: the region has the whole page, as it consists of such.
        let at = unsafe { region.at.add((address - region.addresses.start()) as usize) };
        self.known.borrow_mut().insert(page, at);
        Some(at)
    }

    /// Returns where the memory is of bytes that lie in one page.
    fn at(&self, address: u64) -> Option<*mut u8> {
        // SAFETY: a page has so many bytes.
        self.page(address / PAGE).map(|page| unsafe { page.add((address % PAGE) as usize) })
    }

    /// Calls `piece` with each run of bytes in one page: where they are, and which of all they are.
    fn in_pages(
        &self,
        address: u64,
        bytes: usize,
        mut piece: impl FnMut(*mut u8, std::ops::Range<usize>),
    ) -> Result<(), EngineError> {
        let Some(last) = address.checked_add(bytes.saturating_sub(1) as u64) else {
            return Err(EngineError::Unmapped);
        };
        // All must be there before any is touched. The first is looked up below.
        if (address / PAGE + 1..=last / PAGE).any(|page| self.page(page).is_none()) {
            return Err(EngineError::Unmapped);
        }
        let mut from = 0;
        while from < bytes {
            let here = address + from as u64;
            let at = self.at(here).ok_or(EngineError::Unmapped)?;
            let to = bytes.min(from + (PAGE - here % PAGE) as usize);
            piece(at, from..to);
            from = to;
        }
        Ok(())
    }

    pub(super) fn read(&self, address: u64, bytes: &mut [u8]) -> Result<(), EngineError> {
        self.in_pages(address, bytes.len(), |at, range| {
            let part = &mut bytes[range];
            // SAFETY: the page has these bytes, and nobody else accesses them now.
            unsafe { at.copy_to_nonoverlapping(part.as_mut_ptr(), part.len()) };
        })
    }

    pub(super) fn write(&self, address: u64, bytes: &[u8]) -> Result<(), EngineError> {
        self.in_pages(address, bytes.len(), |at, range| {
            let part = &bytes[range];
            // SAFETY: the page has these bytes, and nobody else accesses them now.
            unsafe { at.copy_from_nonoverlapping(part.as_ptr(), part.len()) };
        })?;
        let last = address + bytes.len().saturating_sub(1) as u64;
        let code = self.code.borrow();
        if (address / PAGE..=last / PAGE).any(|page| code.contains(&page)) {
            self.overwritten.set(true);
        }
        Ok(())
    }

    /// Notes that code was decoded from so many bytes.
    pub(super) fn note_code(&self, start: u64, bytes: u64) {
        let last = start.saturating_add(bytes.saturating_sub(1));
        self.code.borrow_mut().extend(start / PAGE..=last / PAGE);
    }

    /// Whether decoded code was overwritten.
    pub(super) fn is_overwritten(&self) -> bool {
        self.overwritten.get()
    }

    /// Whether decoded code was overwritten since this was last asked. If so, nothing counts as decoded any more.
    pub(super) fn take_overwritten(&self) -> bool {
        let overwritten = self.overwritten.take();
        if overwritten {
            self.code.borrow_mut().clear();
        }
        overwritten
    }
}

impl Interpreter {
    /// Keeps the page of an access that was made, if nobody needs to know of further ones.
    fn keep(&self, address: u64) {
        let page = address / PAGE;
        if let Some(at) = self.pages.page(page).filter(|_| !self.hooks.is_hooked(page)) {
            self.cache.keep(page, at, self.pages.has_code(page));
        }
    }

    /// Calls the hooks on an access that found no memory.
    fn unmapped(&self, address: u64, bytes: u8) -> Stop {
        self.hooks.unmapped(self, address, bytes.into());
        Stop::Unmapped { address, bytes }
    }
}

impl Memory for Interpreter {
    fn load(&self, address: u64, bytes: u8) -> Result<u64, Stop> {
        if let Some(at) = self.cache.at(address, bytes, false) {
            let mut value = [0; 8];
            // SAFETY: the page has these bytes, and nobody else accesses them now.
            unsafe { at.copy_to_nonoverlapping(value.as_mut_ptr(), bytes.into()) };
            return Ok(u64::from_le_bytes(value));
        }
        // Only an access that finds memory is shown, as by Unicorn.
        self.peek(address, bytes).map_err(|_| self.unmapped(address, bytes))?;
        self.hooks.access(self, address, bytes.into(), None);
        self.keep(address);
        // Whoever was called may have let other CPUs run.
        self.peek(address, bytes)
    }

    fn store(&self, address: u64, bytes: u8, value: u64) -> Result<(), Stop> {
        if let Some(at) = self.cache.at(address, bytes, true) {
            // SAFETY: the page has these bytes, and nobody else accesses them now.
            unsafe { at.copy_from_nonoverlapping(value.to_le_bytes().as_ptr(), bytes.into()) };
            return Ok(());
        }
        self.peek(address, bytes).map_err(|_| self.unmapped(address, bytes))?;
        let stored = value & (u64::MAX >> (64 - 8 * u32::from(bytes)));
        self.hooks.access(self, address, bytes.into(), Some(stored));
        self.keep(address);
        self.pages
            .write(address, &value.to_le_bytes()[..bytes.into()])
            .map_err(|_| self.unmapped(address, bytes))
    }

    fn peek(&self, address: u64, bytes: u8) -> Result<u64, Stop> {
        let mut value = [0; 8];
        self.pages
            .read(address, &mut value[..bytes.into()])
            .map_err(|_| Stop::Unmapped { address, bytes })?;
        Ok(u64::from_le_bytes(value))
    }
}
