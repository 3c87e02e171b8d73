//! Memory that a kernel's functions allocate: pages of a pool, each given once in a run.

use std::cell::RefCell;
use std::ops::Range;
use std::rc::Rc;

use crate::EmuError;
use crate::environment::Stub;
use crate::kernel::code_hooks::CodeHook;
use crate::kernel::layout_probe::Pages;
use crate::kernel::machine::{CPUS, Machine};
use crate::kernel::process::KernelProcess;
use crate::kernel::space::{Region, Space};
use crate::vcpu::HookContext;

/// Functions that allocate pages of the order that their second argument says. Names of all versions.
const GIVE_PAGES: [&str; 4] =
    ["__alloc_frozen_pages_noprof", "__alloc_pages", "__alloc_pages_nodemask", "__alloc_pages_noprof"];
/// Functions that allocate an object of less than a page.
const GIVE_OBJECTS: [&str; 16] = [
    "__kmalloc",
    "__kmalloc_cache_node_noprof",
    "__kmalloc_cache_noprof",
    "__kmalloc_node",
    "__kmalloc_node_noprof",
    "__kmalloc_noprof",
    "kmalloc_trace",
    "kmem_cache_alloc",
    "kmem_cache_alloc_bulk",
    "kmem_cache_alloc_lru",
    "kmem_cache_alloc_lru_noprof",
    "kmem_cache_alloc_node",
    "kmem_cache_alloc_node_noprof",
    "kmem_cache_alloc_noprof",
    "kmem_cache_alloc_trace",
    "kmalloc_trace_noprof",
];
/// Functions that free what was allocated, or have it freed when nobody uses it any more.
const TAKE_BACK: [&str; 14] = [
    "___free_pages",
    "__folio_put",
    "__free_pages",
    "__put_page",
    "call_rcu",
    "free_frozen_pages",
    "free_pages",
    "free_unref_folios",
    "free_unref_page",
    "free_unref_page_list",
    "kfree",
    "kmem_cache_free",
    "kvfree_call_rcu",
    "__call_rcu_common",
];

/// Physical address of the pool, which nothing else uses.
const POOL_AT: u64 = 0x4800_0000;
/// Number of pages in the pool of one CPU.
const POOL_PAGES: u64 = 16;

/// Returns the physical addresses of the pool's pages.
pub(super) fn given_pages(page_shift: u8) -> Range<u64> {
    POOL_AT..POOL_AT + ((u64::from(CPUS) * POOL_PAGES) << page_shift)
}

/// The pool, from which each CPU has a part of its own.
#[derive(Clone, Copy)]
struct Pool {
    pages: Pages,
    linear: u64,
    page_shift: u8,
    /// Address of the words that count the pages that each CPU was given.
    counters: u64,
}

/// What a function gives.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Gives {
    /// The struct page of a page.
    Page,
    /// The address of an object.
    Object,
}

impl KernelProcess {
    /// Provides memory for functions that allocate.
    pub(super) fn set_up_allocator(&mut self) -> Result<(), EmuError> {
        let page_shift = self.encoding.layout().page_shift;
        let counters = self.machine.object("numbers of allocated pages", 8 * u64::from(CPUS), 64)?;
        let pool = Pool { pages: self.pages, linear: self.tables.linear, page_shift, counters };
        let given = given_pages(page_shift);
        let (start, bytes) = (pool.linear.wrapping_add(given.start), given.end - given.start);
        self.machine.map(Region::new("pages for functions that allocate", start, bytes, None, None)?)?;
        for (names, gives) in [(&GIVE_PAGES[..], Gives::Page), (&GIVE_OBJECTS[..], Gives::Object)] {
            names.iter().for_each(|symbol| give(&mut self.machine, symbol, pool, gives));
        }
        for symbol in TAKE_BACK {
            let why = "what is freed is not given again during a run";
            self.machine.silence(Stub { symbol, returns: Some(0), flushes: false, why });
        }
        Ok(())
    }
}

/// Has a function give memory of the pool, if the kernel has it.
fn give(machine: &mut Machine, symbol: &'static str, pool: Pool, gives: Gives) {
    let space: Rc<RefCell<Space>> = Rc::clone(&machine.space);
    let order = machine.order;
    let why = "it gives pages of a pool, each once, and none of a higher order";
    let stub = Stub { symbol, returns: None, flushes: false, why };
    let give = move |cpu: &mut HookContext<'_>| -> Result<u64, EmuError> {
        let of_order = cpu.register(cpu.model.arguments[1])? & 0xffff_ffff;
        if gives == Gives::Page && of_order != 0 {
            return Ok(0);
        }
        let number = cpu.number();
        let counter = pool.counters + 8 * u64::from(number);
        let space = space.borrow();
        let (region, offset) = space.with(number, "read", counter, 8)?;
        let given = order.decode(region.memory.read(offset));
        if given >= POOL_PAGES {
            return Ok(0);
        }
        cpu.store(region, offset, order, given + 1);
        let page = u64::from(number) * POOL_PAGES + given;
        let physical = POOL_AT + (page << pool.page_shift);
        Ok(match gives {
            Gives::Page => pool.pages.page(physical >> pool.page_shift),
            Gives::Object => pool.linear.wrapping_add(physical),
        })
    };
    machine.replace_by(stub, CodeHook::Give { stub, give: Box::new(give) });
}
