//! The struct pages that exist, in which walkers count references.
//!
//! Every page is in use and has one reference, which is the worst case for a walker that takes a wrong page. Memory
//! begins as zeroes, so a page gets its reference when it is first touched: writing all of them would take longer
//! than the runs do.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;

use pmdscope_arches::ByteOrder;
use pmdscope_guest::abi::STRUCT_PAGE_SIZE;

use crate::EmuError;
use crate::memory::{Shared, VMEMMAP};

/// Number of struct pages in a block: those of 16 GiB in 4K pages, a common size of memory.
const BLOCK_PAGES: u64 = 1 << 22;

/// Page frames from this number on have no struct page. No architecture has as many: 52 bits of physical address,
/// in pages of 4 KiB, are 2^40 pages. On every CPU, this many struct pages still have distinct addresses above
/// [`VMEMMAP`].
const MOST_PAGES: u64 = 1 << 44;

/// The struct pages of one machine.
pub(crate) struct StructPages {
    order: ByteOrder,
    blocks: RefCell<Vec<Block>>,
    touched: RefCell<BTreeSet<u64>>,
}

/// A block of struct pages: its address and memory.
pub(crate) type Block = (u64, Rc<Shared>);

/// What [`StructPages::provide`] changed.
pub(crate) struct Changed {
    /// Whether a block was removed.
    pub(crate) gone: bool,
    /// The block that was added.
    pub(crate) new: Option<Block>,
}

impl StructPages {
    pub(crate) fn new(order: ByteOrder) -> Self {
        StructPages { order, blocks: RefCell::default(), touched: RefCell::default() }
    }

    /// Keeps only two blocks: that of page 0, and that around a page.
    ///
    /// The results of a job then do not depend on the pages of earlier jobs, and memory does not grow with them.
    /// Returns what changed.
    pub(crate) fn provide(&self, pfn: u64) -> Result<Changed, EmuError> {
        let mut blocks = self.blocks.borrow_mut();
        // Beyond these pages no memory is mapped: a walker that goes there faults.
        let wanted = (pfn < MOST_PAGES).then(|| VMEMMAP + (pfn & !(BLOCK_PAGES - 1)) * STRUCT_PAGE_SIZE);
        let stays = |address: u64| address == VMEMMAP || Some(address) == wanted;
        let before = blocks.len();
        blocks.retain(|(address, _)| stays(*address));
        let gone = blocks.len() < before;
        let new = match wanted {
            Some(address) if !blocks.iter().any(|(known, _)| *known == address) => {
                let block = (address, Rc::new(Shared::new(BLOCK_PAGES * STRUCT_PAGE_SIZE)?));
                blocks.push(block.clone());
                Some(block)
            }
            _ => None,
        };
        Ok(Changed { gone, new })
    }

    /// Returns the address and memory of every block.
    pub(crate) fn blocks(&self) -> Vec<Block> {
        self.blocks.borrow().clone()
    }

    /// Gives the struct pages of an access their reference if they are touched for the first time. Called before
    /// the access.
    pub(crate) fn touch(&self, address: u64, bytes: usize) {
        let last = address.saturating_add(bytes.saturating_sub(1) as u64);
        for number in address / STRUCT_PAGE_SIZE..=last / STRUCT_PAGE_SIZE {
            let page = number * STRUCT_PAGE_SIZE;
            if self.touched.borrow_mut().insert(page) {
                self.in_block(page, |block, offset| block.write(offset, &self.order.encode(1)));
            }
        }
    }

    /// Returns the touched pages whose number of references is no longer 1, with that number.
    pub(crate) fn references(&self) -> Vec<(u64, u64)> {
        let touched = self.touched.borrow();
        touched
            .iter()
            .map(|page| ((page - VMEMMAP) / STRUCT_PAGE_SIZE, self.read(*page)))
            .filter(|(_, references)| *references != 1)
            .collect()
    }

    /// Restores all struct pages.
    pub(crate) fn reset(&self) {
        for page in std::mem::take(&mut *self.touched.borrow_mut()) {
            self.in_block(page, |block, offset| block.fill(offset..offset + STRUCT_PAGE_SIZE, 0));
        }
    }

    fn read(&self, page: u64) -> u64 {
        let mut count = 0;
        self.in_block(page, |block, offset| {
            count = self.order.decode(block.read(offset));
        });
        count
    }

    fn in_block(&self, page: u64, with: impl FnOnce(&Shared, u64)) {
        let blocks = self.blocks.borrow();
        if let Some((start, block)) =
            blocks.iter().find(|(start, block)| (*start..*start + block.len()).contains(&page))
        {
            with(block, page - start);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_that_was_written_to_a_page_is_put_back() {
        let pages = StructPages::new(ByteOrder::Little);
        let (address, block) = pages.provide(0).unwrap().new.unwrap();
        // Across the end of page 2.
        pages.touch(address + 3 * STRUCT_PAGE_SIZE - 4, 8);
        assert_eq!(pages.references(), [], "each has its one reference");
        block.write(3 * STRUCT_PAGE_SIZE - 4, &[7; 8]);
        assert_eq!(pages.references(), [(3, 0x0707_0707)]);
        pages.reset();
        assert_eq!(block.read_at(0, 8 * STRUCT_PAGE_SIZE), [0; 8 * STRUCT_PAGE_SIZE as usize]);
    }

    #[test]
    fn only_the_pages_around_a_job_are_there() {
        let pages = StructPages::new(ByteOrder::Little);
        let addresses = || pages.blocks().iter().map(|(address, _)| *address).collect::<Vec<_>>();
        let first = VMEMMAP + BLOCK_PAGES * STRUCT_PAGE_SIZE;
        assert_eq!(pages.provide(0).unwrap().new.unwrap().0, VMEMMAP);
        assert_eq!(pages.provide(BLOCK_PAGES + 7).unwrap().new.unwrap().0, first);
        let changed = pages.provide(BLOCK_PAGES * 2 - 1).unwrap();
        assert!(changed.new.is_none() && !changed.gone, "it is the same block");
        assert!(pages.provide(BLOCK_PAGES * 9).unwrap().gone);
        assert_eq!(addresses(), [VMEMMAP, VMEMMAP + 9 * BLOCK_PAGES * STRUCT_PAGE_SIZE]);
        assert!(pages.provide(u64::MAX).unwrap().gone);
        assert_eq!(addresses(), [VMEMMAP], "there is no such page");
    }
}
