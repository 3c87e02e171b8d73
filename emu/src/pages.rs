//! The struct pages that exist: what a walker counts its references in.
//!
//! Every page is in use and has one reference, as is worst for a walker that takes a wrong page.
//! Memory begins as zeroes, so a page gets its reference when it is first touched: writing them
//! all would take longer than the runs do.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;

use pmdscope_guest::abi::{ByteOrder, STRUCT_PAGE_SIZE};

use crate::EmuError;
use crate::memory::{Shared, VMEMMAP};

/// Pages are mapped in blocks of this many: 16 GiB of 4K pages, as a machine of today has.
const BLOCK_PAGES: u64 = 1 << 22;

/// The struct pages of one machine.
pub(crate) struct StructPages {
    order: ByteOrder,
    blocks: RefCell<Vec<(u64, Rc<Shared>)>>,
    touched: RefCell<BTreeSet<u64>>,
}

impl StructPages {
    pub(crate) fn new(order: ByteOrder) -> Self {
        StructPages { order, blocks: RefCell::default(), touched: RefCell::default() }
    }

    /// Makes the block around a page exist. Gives its address and memory if it is a new one.
    pub(crate) fn provide(&self, pfn: u64) -> Result<Option<(u64, Rc<Shared>)>, EmuError> {
        let first = pfn & !(BLOCK_PAGES - 1);
        let offset = first.checked_mul(STRUCT_PAGE_SIZE).and_then(|offset| offset.checked_add(VMEMMAP));
        // Where no address can be formed there is no memory either: a walker that goes there faults.
        let Some(address) = offset else { return Ok(None) };
        let mut blocks = self.blocks.borrow_mut();
        if blocks.iter().any(|(known, _)| *known == address) {
            return Ok(None);
        }
        let block = (address, Rc::new(Shared::new(BLOCK_PAGES * STRUCT_PAGE_SIZE)?));
        blocks.push(block.clone());
        Ok(Some(block))
    }

    /// What exists: the address and memory of each block.
    pub(crate) fn blocks(&self) -> Vec<(u64, Rc<Shared>)> {
        self.blocks.borrow().clone()
    }

    /// Called before any access to a struct page.
    pub(crate) fn touch(&self, address: u64) {
        let page = address & !(STRUCT_PAGE_SIZE - 1);
        if self.touched.borrow_mut().insert(page) {
            self.write(page, 1);
        }
    }

    /// The pages that were touched and no longer have just the one reference.
    pub(crate) fn references(&self) -> Vec<(u64, u64)> {
        let touched = self.touched.borrow();
        touched
            .iter()
            .map(|page| ((page - VMEMMAP) / STRUCT_PAGE_SIZE, self.read(*page)))
            .filter(|(_, references)| *references != 1)
            .collect()
    }

    /// Puts all pages back to what they were.
    pub(crate) fn reset(&self) {
        for page in std::mem::take(&mut *self.touched.borrow_mut()) {
            self.write(page, 0);
        }
    }

    fn write(&self, page: u64, count: u64) {
        let bytes = self.order.encode(count);
        self.in_block(page, |block, offset| block.write(offset, &bytes));
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
