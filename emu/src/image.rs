//! A guest's memory image, which all vCPUs share.

use std::ops::Range;
use std::rc::Rc;

use pmdscope_guest::Guest;

use crate::EmuError;
use crate::memory::{self, Shared};

/// A guest's segments as they lie in memory.
pub(crate) struct Image {
    pub(crate) address: u64,
    pub(crate) memory: Rc<Shared>,
}

impl Image {
    pub(crate) fn of(guest: &Guest) -> Result<Self, EmuError> {
        const PAGE: u64 = memory::ENGINE_PAGE;
        let segments = guest.segments();
        let first = segments.iter().map(|segment| segment.address).min().unwrap_or(0) & !(PAGE - 1);
        let end = segments.iter().map(|segment| segment.address + segment.size).max().unwrap_or(PAGE);
        // One page more, since the last instruction is decoded from a full window of bytes.
        let memory = Rc::new(Shared::new(end - first + PAGE)?);
        let image = Image { address: first, memory };
        image.fill(guest);
        Ok(image)
    }

    /// Returns its address range.
    pub(crate) fn range(&self) -> Range<u64> {
        self.address..self.address + self.memory.len()
    }

    /// Restores the image, which the guest may have overwritten.
    pub(crate) fn restore(&self, guest: &Guest) {
        self.memory.clear();
        self.fill(guest);
    }

    fn fill(&self, guest: &Guest) {
        for segment in guest.segments() {
            self.memory.write(segment.address - self.address, &segment.bytes);
        }
    }
}
