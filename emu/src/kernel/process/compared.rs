//! What of a run is compared with other runs, and which ends are a crash: both leave out what is only of the set-up.

use std::ops::Range;

use pmdscope_arches::{EntryKind, EntrySpec};

use super::{KernelProcess, is_held, number};
use crate::end::CallExit;
use crate::kernel::allocator;

impl KernelProcess {
    /// Returns a word of memory without what depends on how often something was done before.
    ///
    /// That are the locks in it that nobody holds, as a ticket lock counts how often it was taken; of an entry that leads
    /// to a new page table, which of the new ones it is; and what is in new pages and their struct pages.
    pub(crate) fn comparable(&self, address: u64, word: u64) -> u64 {
        if address & !7 == self.machine.isa.physical(self.tables.entry) {
            return self.with_first_table(word).unwrap_or(word);
        }
        if self.is_of_new_page(address) {
            return 0;
        }
        let order = self.machine.order;
        let mut bytes = order.encode(word);
        for lock in self.locks().map(|lock| self.machine.isa.physical(lock)) {
            let at = usize::try_from(lock & 7).unwrap_or(0);
            if lock & !7 == address & !7
                && let Some(of_lock) = bytes.get_mut(at..at + 4)
                && !is_held(number(order, of_lock).into())
            {
                of_lock.fill(0);
            }
        }
        order.decode(bytes)
    }

    /// Whether an address, given as in events, is in one of the pages that functions are given, or in its struct page.
    fn is_of_new_page(&self, address: u64) -> bool {
        let shift = self.encoding.layout().page_shift;
        let Range { start, end } = allocator::given_pages(shift);
        let places = [
            (self.tables.linear.wrapping_add(start), end - start),
            (self.pages.page(start >> shift), ((end - start) >> shift) * self.pages.size),
        ];
        let physical = |address| self.machine.isa.physical(address);
        places.iter().any(|(place, bytes)| address.wrapping_sub(physical(*place)) < *bytes)
    }

    /// Returns an entry that leads to the first of the pages that functions are given, if it leads to one of them.
    fn with_first_table(&self, entry: u64) -> Option<u64> {
        let shift = self.encoding.layout().page_shift;
        let given = allocator::given_pages(shift);
        let table = self.encoding.table_of(entry).filter(|table| given.contains(table))?;
        let leading_to = |table: u64| {
            let spec = EntrySpec {
                kind: EntryKind::Table,
                pfn: table >> shift,
                young: false,
                dirty: false,
                soft_dirty: false,
                uffd_wp: false,
            };
            self.encoding.build(&spec).ok()
        };
        Some(entry ^ leading_to(table)? ^ leading_to(given.start)?)
    }

    /// Whether a function crashed that ended so: it reached a BUG(), or accessed what no kernel has in memory.
    ///
    /// That is the part of the address space that processes have, beyond the first pages, which a pointer to nothing
    /// leads to, as a per-CPU pointer to nothing leads to the first pages of a CPU's copy. An instruction that copies to or from a process is in the kernel's table of exceptions, and does not
    /// crash. Anything else that is not in memory may just not have been set up.
    pub(crate) fn is_crash(&self, end: CallExit) -> bool {
        match end {
            CallExit::Bug { .. } => true,
            CallExit::Fault { pc, address: Some(address) } => {
                let address = self.machine.isa.kernel_address(address);
                self.platform.has_user_half
                    && is_of_processes(address)
                    && !self.machine.per_cpu_bases().any(|base| is_near_nothing(address.wrapping_sub(base)))
                    && self.machine.kernel.handles_fault_at(pc) == Some(false)
            }
            _ => false,
        }
    }

    /// Returns the huge page and the number of its references, if they are in the word at an address.
    pub(crate) fn references_in(&self, address: u64, word: u64) -> Option<(u64, u32)> {
        let count = self.pages.page(self.pfn) + self.fields.find("page", "_refcount")?;
        let count = self.machine.isa.physical(count);
        if count & !7 != address & !7 {
            return None;
        }
        let order = self.machine.order;
        let bytes = order.encode(word);
        let at = usize::try_from(count & 7).unwrap_or(0);
        let references = number(order, bytes.get(at..at + 4)?);
        Some((self.pfn, references))
    }
}

/// Whether an address is one of the lower half of the address space, beyond the first pages.
const fn is_of_processes(address: u64) -> bool {
    address >> 63 == 0 && !is_near_nothing(address)
}

/// Whether an address is one of the first pages, which a pointer to nothing leads to.
const fn is_near_nothing(address: u64) -> bool {
    address < 0x1_0000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_not_be_set_up_is_not_of_processes() {
        // A wrong struct page of arm64, and the page table of an empty entry, a pointer to nothing and a member of one.
        assert!(is_of_processes(0x9ff_c204_8008));
        for address in [0xffff_8880_0000_0000, 0xe000_0000_4003_0000, 0, 0x50, u64::MAX - 0x17] {
            assert!(!is_of_processes(address), "{address:#x}");
        }
    }
}
