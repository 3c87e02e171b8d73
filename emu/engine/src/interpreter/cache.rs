//! The pages that were accessed last, where nobody needs to know of an access: the fast way to memory.

use std::cell::Cell;
use std::ptr;

use super::memory::PAGE;

/// Number of places: a power of two, and more than the pages that a routine uses at a time.
const PLACES: usize = 64;

/// No page has this number.
const NO_PAGE: u64 = u64::MAX;

/// A page whose accesses call no hook.
struct Place {
    page: Cell<u64>,
    at: Cell<*mut u8>,
    /// Whether code was decoded from it.
    has_code: Cell<bool>,
}

/// The pages that were accessed last.
pub(super) struct PageCache([Place; PLACES]);

impl Default for PageCache {
    fn default() -> Self {
        let place =
            || Place { page: Cell::new(NO_PAGE), at: Cell::new(ptr::null_mut()), has_code: Cell::new(false) };
        PageCache(std::array::from_fn(|_| place()))
    }
}

impl PageCache {
    fn place(&self, page: u64) -> &Place {
        &self.0[page as usize % PLACES]
    }

    /// Keeps a page, whose accesses call no hook.
    pub(super) fn keep(&self, page: u64, at: *mut u8, has_code: bool) {
        let place = self.place(page);
        place.page.set(page);
        place.at.set(at);
        place.has_code.set(has_code);
    }

    /// Forgets all pages: something about one of them has changed.
    pub(super) fn forget(&self) {
        self.0.iter().for_each(|place| place.page.set(NO_PAGE));
    }

    /// Returns where bytes are, if they lie in one page that is kept; for a store, in one without code.
    pub(super) fn at(&self, address: u64, bytes: u8, stores: bool) -> Option<*mut u8> {
        let (page, offset) = (address / PAGE, address % PAGE);
        let place = self.place(page);
        let is_kept = place.page.get() == page && offset + u64::from(bytes) <= PAGE;
        // SAFETY: a page has so many bytes.
        (is_kept && !(stores && place.has_code.get())).then(|| unsafe { place.at.get().add(offset as usize) })
    }
}
