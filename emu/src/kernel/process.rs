//! The process that a kernel's routines work on: one mapping, its page tables, and the pages behind them. No
//! address here is specific to one build.

use std::ops::Range;
use std::rc::Rc;

use pmdscope_arches::{ByteOrder, Encoding, Form};
use pmdscope_guest::routine::{self, Routine};
use pmdscope_guest::{Kernel, Role, bundled};

use crate::EmuError;
use crate::end::CallExit;
use crate::kernel::fields::Fields;
use crate::kernel::huge_page::HugePage;
use crate::kernel::layout_probe::{LayoutProbe, Pages, TABLES_AT, TABLES_ELSEWHERE, Tables};
use crate::kernel::machine::{CPUS, Machine};
use crate::kernel::platform::{Geometry, Platform};
use crate::kernel::printing;
use crate::kernel::space::{Fill, Region};
use crate::kernel::start_values::{self, KEEPS_YOUNG_DIRTY};

mod beside;
mod compared;
mod discovery;
mod locks;
mod sections;
mod taking;

pub(crate) use self::taking::{TakesLock, is_held};

/// Number of struct pages in one region: those of 16 GiB in 4K pages.
const PAGES_AT_ONCE: u64 = 1 << 22;
/// The `mm_id` by which a folio identifies the process that maps it.
const MM_ID: u64 = 1;
/// Distance from the objects to memory that nothing else uses.
const BEYOND_OBJECTS: u64 = 0x1000_0000;
/// Bytes behind an mm_struct for its masks of CPUs.
const CPU_MASKS: u64 = 0x1000;
/// Number of references to the huge page before a run: as many as a page has that is mapped, cached and under
/// migration.
pub(crate) const REFERENCES: u64 = 5;

/// Bytes of each CPU's memory for arguments and results.
const OUT_BYTES: u64 = 0x4000;

/// VM_READ, VM_WRITE, VM_MAYREAD, VM_MAYWRITE and VM_MAYEXEC, whose numbers have not changed since 2.6.
const READ_WRITE: u64 = 0x73;

/// A process, and everything else that routines work on.
pub(crate) struct KernelProcess {
    pub(crate) machine: Machine,
    pub(crate) platform: &'static Platform,
    geometry: &'static Geometry,
    pub(crate) fields: Fields,
    pub(crate) encoding: Encoding,
    pub(crate) mm: u64,
    pub(crate) vma: u64,
    anon_vma: u64,
    /// Address of each CPU's memory for arguments and results.
    pub(crate) outs: Vec<u64>,
    /// Address of each CPU's `mmu_gather`, which has gathered nothing.
    pub(crate) gathers: Vec<u64>,
    pub(crate) tables: Tables,
    /// Address of the lock of the PMD table.
    pub(crate) table_lock: u64,
    /// Addresses of the locks of all other tables.
    pub(crate) other_locks: Vec<u64>,
    /// The function that takes a spinlock, if the kernel has one.
    takes_lock: Option<TakesLock>,
    pub(crate) pages: Pages,
    /// Page frame number of the huge page.
    pub(crate) pfn: u64,
    /// Whether a function that returns an entry writes it to memory that its caller provides.
    pub(crate) entries_return_in_memory: bool,
    /// The page protection of the mapping.
    pub(crate) protection: u64,
    /// Whether migration entries have room for young and dirty.
    has_room_for_marks: bool,
    /// The code of agents: the symbol, and where it is.
    pub(crate) agents: Vec<(&'static str, Range<u64>)>,
}

impl KernelProcess {
    /// Returns the user address that is walked: the huge page's.
    pub(crate) fn address(&self) -> u64 {
        self.geometry.address
    }

    /// Whether this kernel, as it was set up, keeps accessed and dirty in migration entries.
    pub(crate) fn keeps_young_dirty(&self) -> bool {
        self.has_room_for_marks
            && self.encoding.keeps_young_dirty()
            && self.machine.kernel.symbol(KEEPS_YOUNG_DIRTY).is_some()
    }

    /// Sets up the process of a kernel, with a huge page.
    pub(crate) fn new(
        kernel: Rc<Kernel>,
        platform: &'static Platform,
        encoding: Encoding,
        page: HugePage,
    ) -> Result<KernelProcess, EmuError> {
        let fields = Fields::new(Rc::clone(&kernel));
        let mut machine = Machine::new(kernel, platform.objects)?;
        machine.provide_shadow()?;
        (platform.start)(&mut machine, &fields)?;
        for stub in platform.stubs {
            machine.stub(*stub);
        }
        printing::stubs().for_each(|stub| machine.silence(stub));
        let mm = machine.object("mm_struct", fields.size("mm_struct")? + CPU_MASKS, 64)?;
        let mut outs = Vec::new();
        for cpu in 0..CPUS {
            let task = machine.object("task_struct", fields.size("task_struct")?, 0x1000)?;
            machine.put64(task + fields.offset("task_struct", "mm")?, mm)?;
            (platform.start_cpu)(&mut machine, &fields, cpu, task)?;
            outs.push(machine.object("arguments and results", OUT_BYTES, 64)?);
        }
        let vma = machine.object("vm_area_struct", fields.size("vm_area_struct")?, 64)?;
        let anon_vma = machine.object("anon_vma", fields.size("anon_vma").unwrap_or(0x100), 64)?;
        let vm = |member| fields.offset("vm_area_struct", member);
        machine.put64(vma + vm("vm_mm")?, mm)?;
        machine.put64(vma + vm("vm_page_prot")?, platform.protection)?;
        if let Some(flags) = fields.find("vm_area_struct", "vm_flags") {
            machine.put64(vma + flags, READ_WRITE)?;
        }
        if let Some(member) = fields.find("vm_area_struct", "anon_vma") {
            machine.put64(vma + member, anon_vma)?;
        }
        if let Some(root) = fields.find("anon_vma", "root") {
            machine.put64(anon_vma + root, anon_vma)?;
        }
        // The mapping's own reference. Kernels with CONFIG_DEBUG_VM warn if there is none.
        if let Some(references) = fields.find("anon_vma", "refcount") {
            machine.put(anon_vma + references, 4, 1)?;
        }
        if let Some(id) = fields.find("mm_struct", "mm_id") {
            machine.put(mm + id, 4, MM_ID)?;
        }
        (platform.start_mm)(&mut machine, &fields, mm)?;
        start_values::set(&mut machine, &encoding)?;
        locks::start(&mut machine, &fields, mm)?;
        sections::start(&mut machine, &fields, platform.objects + BEYOND_OBJECTS)?;
        machine.assumptions.push(
            "each CPU runs a task of its own, which nothing asks to give way, and has the per-CPU data of the image"
                .to_owned(),
        );
        let node = start_values::node(&mut machine, &fields)?;

        let geometry = &platform.geometries[0];
        let mut layout_probe = LayoutProbe { machine, platform, fields, mm, out: outs[1], geometry };
        layout_probe.geometry()?;
        let geometry = layout_probe.geometry;
        let encoding = match geometry.page_shift {
            None => encoding,
            Some(shift) => encoding.with_page_shift(shift).ok_or_else(|| {
                let pages = (1_u64 << shift) >> 10;
                EmuError::Environment(format!(
                    "entries of {encoding} with pages of {pages} KiB are not known"
                ))
            })?,
        };
        let near = |encoding: &Encoding| {
            let page = page.pfn(encoding).unwrap_or(0) << encoding.layout().page_shift;
            page.abs_diff(TABLES_AT) < 1 << 28
        };
        // The size of the kernel's pages is not known yet.
        let small = encoding.with_page_shift(12);
        let tables_at = if near(&encoding) || small.is_some_and(|small| near(&small)) {
            TABLES_ELSEWHERE
        } else {
            TABLES_AT
        };
        let tables = layout_probe.tables(tables_at, encoding.layout().pmd_shift.into())?;
        let encoding = encoding.with_none(tables.none);
        let (pages, encoding) = layout_probe.pages(&tables, encoding)?;
        // The page frames at which huge pages begin are known only now.
        let pfn = page.pfn(&encoding).unwrap_or_else(|| encoding.default_pfn());
        let LayoutProbe { mut machine, platform, fields, mm, .. } = layout_probe;
        let address = geometry.address;
        let huge = 1 << encoding.layout().pmd_shift;
        machine.put64(vma + fields.offset("vm_area_struct", "vm_start")?, address)?;
        machine.put64(vma + fields.offset("vm_area_struct", "vm_end")?, address + 2 * huge)?;
        machine.assumptions.push(format!(
            "one process, running on both CPUs, with an anonymous mapping at {address:#x} that may be read and written"
        ));
        let mut process = KernelProcess {
            machine,
            platform,
            geometry,
            fields,
            encoding,
            mm,
            vma,
            anon_vma,
            outs,
            gathers: Vec::new(),
            tables,
            table_lock: 0,
            other_locks: Vec::new(),
            takes_lock: None,
            pages,
            pfn,
            entries_return_in_memory: false,
            protection: platform.protection,
            has_room_for_marks: true,
            agents: Vec::new(),
        };
        // The struct pages of the tables, and of pages that a walker may reach by mistake, are among the first.
        process.provide_pages(0)?;
        if pfn >= PAGES_AT_ONCE {
            process.provide_pages(pfn)?;
        }
        process.set_up_pages()?;
        process.set_up_allocator()?;
        process.set_up_gathers()?;
        process.set_up_counters()?;
        process.set_up_wait_queues()?;
        process.map_provisions()?;
        process.set_up_agents()?;
        process.machine.watch(process.tables.pmd_table.clone(), ByteOrder::of_entries(encoding.arch()))?;
        for symbol in platform.invalidates {
            process.machine.note_calls(symbol);
        }
        process.machine.space.borrow().settle();
        if let Some(node) = node {
            process.find_node(node)?;
        }
        process.find_taking()?;
        process.find_room_for_marks()?;
        process.find_migration_types()?;
        process.find_how_entries_return()?;
        process.find_protection()?;
        process.machine.sharing.reset();
        Ok(process)
    }

    /// Puts the agents of the bundled guest beside the kernel. Without such a guest it has none.
    fn set_up_agents(&mut self) -> Result<(), EmuError> {
        let (arch, mmu, version) = (self.encoding.arch(), self.encoding.mmu(), self.encoding.version());
        let Ok(guest) = bundled(arch, mmu, version) else { return Ok(()) };
        let guest = guest.load()?;
        for agent in routine::all(Role::Agent) {
            let Some(code) = guest.code(agent.symbol()) else { continue };
            let start = self.machine.add_code(agent.symbol(), code)?;
            self.agents.push((agent.symbol(), start..start + code.len() as u64));
        }
        Ok(())
    }

    /// Returns the symbol of an agent, and the address of its code.
    pub(crate) fn agent(&self, agent: &Routine) -> Option<(&'static str, u64)> {
        let found = self.agents.iter().find(|(symbol, _)| *symbol == agent.symbol());
        found.map(|(symbol, code)| (*symbol, code.start))
    }

    /// Provides the struct pages around a page.
    fn provide_pages(&mut self, pfn: u64) -> Result<(), EmuError> {
        let Pages { size, .. } = self.pages;
        let first = pfn & !(PAGES_AT_ONCE - 1);
        let count = self.fields.offset("page", "_refcount")?;
        let mapcount = self.fields.find("page", "_mapcount");
        let address = self.fields.find("page", "virtual");
        let order = self.machine.order;
        let (linear, shift) = (self.tables.linear, self.encoding.layout().page_shift);
        // Every page is in use and not mapped at first; later writes change that.
        let fill: Fill = Box::new(move |frame, bytes| {
            let end = frame + bytes.len() as u64;
            for number in frame / size..end.div_ceil(size) {
                let page = number * size;
                put_part(bytes, frame, page + count, &half(order, 1));
                if let Some(mapcount) = mapcount {
                    put_part(bytes, frame, page + mapcount, &half(order, u32::MAX));
                }
                if let Some(address) = address {
                    let seen_at = linear.wrapping_add((first + number) << shift);
                    put_part(bytes, frame, page + address, &order.encode(seen_at));
                }
            }
        });
        let start = self.pages.page(first);
        self.machine.map(Region::new("struct pages", start, PAGES_AT_ONCE * size, None, Some(fill))?)?;
        Ok(())
    }

    /// Sets up the huge page as one that a process has mapped, and gives the entry a page table for a split to use.
    fn set_up_pages(&mut self) -> Result<(), EmuError> {
        let address = self.address();
        let KernelProcess { fields, pages, pfn, machine, .. } = self;
        if let Some(offset) = fields.find("vm_area_struct", "vm_pgoff") {
            machine.put64(self.vma + offset, address >> self.encoding.layout().page_shift)?;
        }
        let (fields, pages, pfn) = (fields.clone(), *pages, *pfn);
        let head = pages.page(pfn);
        let count = 1_u64 << (self.encoding.layout().pmd_shift - self.encoding.layout().page_shift);
        let order = u64::from(count.trailing_zeros());
        let page = |member| fields.offset("page", member);
        machine.name(head..head + count * pages.size, "the huge page's struct pages");

        machine.put(head + page("_refcount")?, 4, REFERENCES)?;
        machine.put64(head + page("mapping")?, self.anon_vma | 1)?;
        let index = fields.first(&[("page", "index"), ("page", "__folio_index")])?;
        machine.put64(head + index, address >> self.encoding.layout().page_shift)?;
        // Tails of 7.2 have a mask that yields the head's address, if the size of a struct page is a power of two. Where
        // the head is aligned to the mask's size, its address is such a mask.
        let compound = fields.first(&[("page", "compound_head"), ("page", "compound_info")])?;
        let aligned = head.is_multiple_of((count * pages.size).next_power_of_two());
        let has_address = fields.find("page", "compound_head").is_some() || !pages.size.is_power_of_two();
        let in_tails = if has_address || aligned {
            head | 1
        } else {
            !((count * pages.size).next_power_of_two() - 1) | 1
        };
        for tail in 1..count {
            machine.put64(head + tail * pages.size + compound, in_tails)?;
        }
        let tail = head + pages.size;
        if fields.find("folio", "_large_mapcount").is_some() {
            let folio = |member| fields.offset("folio", member);
            machine.put64(head + folio("_flags_1")?, order | fields.flag("PG_large_rmappable")?)?;
            // Kernels without CONFIG_MEMCG have no such member: they take the number from the order.
            let pages =
                ["_folio_nr_pages", "_nr_pages"].iter().find_map(|member| fields.find("folio", member));
            if let Some(pages) = pages {
                machine.put(head + pages, 4, count)?;
            }
            let list = head + folio("_deferred_list")?;
            machine.put64(list, list)?;
            machine.put64(list + 8, list)?;
        } else {
            machine.put(tail + page("compound_order")?, 1, order)?;
            if let Some(pages) = fields.find("page", "compound_nr") {
                machine.put(tail + pages, 4, count)?;
            }
            if let Some(number) = fields.enumerator("TRANSHUGE_PAGE_DTOR") {
                machine.put(tail + page("compound_dtor")?, 1, number.unsigned_abs())?;
            }
            if let Some(list) = fields.find("page", "deferred_list") {
                let list = tail + pages.size + list;
                machine.put64(list, list)?;
                machine.put64(list + 8, list)?;
            }
        }
        machine.assumptions.push(format!(
            "page {pfn:#x} begins an anonymous huge page of {count} pages, swap-backed and up to date, with \
             {REFERENCES} references, mapped once; locked while the entry is a migration entry"
        ));
        machine.assumptions.push("every other page is a small one, in use, with one reference".to_owned());
        self.deposit()
    }

    /// Hands the kernel a page table for a split, by its own `pgtable_trans_huge_deposit()`.
    ///
    /// That function requires its caller to hold the table's lock.
    fn deposit(&mut self) -> Result<(), EmuError> {
        const DEPOSIT: [&str; 2] = ["pgtable_trans_huge_deposit", "radix__pgtable_trans_huge_deposit"];
        let shift = self.encoding.layout().page_shift;
        let linear = self.tables.linear;
        let physical = |address: u64| address.wrapping_sub(linear);
        let pmd_page = self.pages.page(physical(self.tables.pmd_table.start) >> shift);
        let pte_page = self.pages.page(physical(self.tables.pte_table.start) >> shift);
        self.machine.name(pmd_page..pmd_page + self.pages.size, "the PMD table's struct page");
        self.machine.name(pte_page..pte_page + self.pages.size, "the page table's struct page");
        let of_all_tables = self.lock_of_pmd_tables()?;
        self.table_lock = of_all_tables.map_or_else(|| self.set_up_lock(pmd_page), Ok)?;
        // A split takes the lock of the page table that it installs as well.
        let pte_lock = self.set_up_lock(pte_page)?;
        let spare_page = self.pages.page(physical(self.tables.spare_table) >> shift);
        self.machine
            .name(spare_page..spare_page + self.pages.size, "the struct page of a table that nothing uses");
        let spare_lock = self.set_up_lock(spare_page)?;
        self.other_locks.extend([pte_lock, spare_lock]);
        let names = ["the other PMD table's struct page", "the third PMD table's struct page"];
        for (entry, name) in self.tables.other_entries.clone().into_iter().zip(names) {
            let page = self.pages.page(physical(entry) >> shift);
            self.machine.name(page..page + self.pages.size, name);
            if of_all_tables.is_none() {
                let lock = self.set_up_lock(page)?;
                self.other_locks.push(lock);
            }
        }
        // On powerpc, page tables share pages, which count them.
        let counts = ["ptdesc", "page"].iter().find_map(|of| self.fields.find(of, "pt_frag_refcount"));
        if let Some(count) = counts {
            self.machine.put(pte_page + count, 4, 1)?;
            self.machine.put(spare_page + count, 4, 1)?;
        }
        let table = if self.platform.pgtable_is_table { self.tables.pte_table.start } else { pte_page };
        let kernel = Rc::clone(&self.machine.kernel);
        let found = DEPOSIT.into_iter().find_map(|name| Some((name, kernel.symbol(name)?)));
        let Some((name, deposit)) = found else {
            return Err(EmuError::Environment(format!("this kernel has no {}()", DEPOSIT.join("() or "))));
        };
        self.hold_table_lock()?;
        let end = self.machine.call(0, deposit, &[self.mm, self.tables.entry, table])?;
        self.machine.put(self.table_lock, 4, 0)?;
        match end {
            CallExit::Returned => {
                self.machine
                    .assumptions
                    .push(format!("a page table is there to split into, handed over by {name}()"));
                Ok(())
            }
            end => Err(EmuError::Environment(format!("{name}() {}", self.machine.explain(end)))),
        }
    }

    /// Returns the address of the one lock of all PMD tables of an address space; `None` if each table has its own.
    ///
    /// An address space has the tables for splits itself exactly if it has that lock (`pmd_huge_pte` in struct
    /// mm_struct of include/linux/mm_types.h, without CONFIG_SPLIT_PMD_PTLOCKS).
    fn lock_of_pmd_tables(&self) -> Result<Option<u64>, EmuError> {
        match self.fields.find("mm_struct", "pmd_huge_pte") {
            Some(_) => Ok(Some(self.mm + self.fields.offset("mm_struct", "page_table_lock")?)),
            None => Ok(None),
        }
    }

    /// Sets up the lock of a table with this struct page, and returns its address.
    ///
    /// A spinlock that takes more room than a pointer, as with CONFIG_DEBUG_SPINLOCK or lockdep, is an object of its
    /// own, to which the struct page points (ALLOC_SPLIT_PTLOCKS of include/linux/mm_types_task.h).
    fn set_up_lock(&mut self, page: u64) -> Result<u64, EmuError> {
        let place = page + self.fields.first(&[("ptdesc", "ptl"), ("page", "ptl")])?;
        let bytes = self.fields.size("spinlock").unwrap_or(4);
        if bytes <= 8 {
            return Ok(place);
        }
        let lock = self.machine.object("the lock of a table", bytes, 64)?;
        self.machine.put64(place, lock)?;
        locks::unlocked(&self.machine, &self.fields, lock)?;
        Ok(lock)
    }

    /// Makes the lock of the PMD table one that a caller holds.
    pub(crate) fn hold_table_lock(&self) -> Result<(), EmuError> {
        self.machine.put(self.table_lock, 4, 1)
    }

    /// Returns the function that takes a spinlock; `None` if this kernel has none.
    pub(crate) fn takes_lock(&self) -> Option<TakesLock> {
        self.takes_lock
    }

    /// Returns the number of bytes of each CPU's memory for arguments and results.
    pub(crate) fn out_bytes(&self) -> u64 {
        OUT_BYTES
    }

    /// Returns the flags of the mapping.
    pub(crate) fn mapping_flags(&self) -> u64 {
        READ_WRITE
    }

    /// Returns the `pgtable_t` of a page table that nothing uses.
    pub(crate) fn spare_table(&self) -> u64 {
        let table = self.tables.spare_table;
        let physical = table.wrapping_sub(self.tables.linear);
        if self.platform.pgtable_is_table {
            table
        } else {
            self.pages.page(physical >> self.encoding.layout().page_shift)
        }
    }

    /// Writes the PMD entry and puts its page into the matching state.
    ///
    /// A page under a swap entry is not mapped, and a page under migration is locked.
    pub(crate) fn begin_with(&self, entry: u64) -> Result<(), EmuError> {
        let locked = self.encoding.is_migration(entry);
        self.begin(entry, !self.encoding.is_swap(entry), locked, false)
    }

    /// Whether an entry is empty, or leads to the huge page or to a table, as an entry does that a kernel installs.
    pub(crate) fn has(&self, entry: u64) -> bool {
        let encoding = &self.encoding;
        match encoding.form(entry) {
            Form::None => true,
            Form::Leaf | Form::InvalidLeaf | Form::Swap => encoding.huge_page_of(entry) == Some(self.pfn),
            Form::Table => encoding.table_of(entry).is_some_and(|table| {
                let address = self.tables.linear.wrapping_add(table);
                self.machine.space.borrow().at(address, 0).is_some_and(|(region, _)| region.owner.is_none())
            }),
        }
    }

    /// Makes the lock of mappings one that is held for writing.
    pub(crate) fn hold_mmap_lock(&self) -> Result<(), EmuError> {
        /// RWSEM_WRITER_LOCKED of kernel/locking/rwsem.c.
        const WRITER_LOCKED: u64 = 1;
        let lock = self.mm + self.fields.offset("mm_struct", "mmap_lock.count")?;
        self.machine.put64(lock, WRITER_LOCKED)
    }

    /// Returns the locks of page tables.
    pub(crate) fn locks(&self) -> impl Iterator<Item = u64> + use<'_> {
        [self.table_lock].into_iter().chain(self.other_locks.iter().copied())
    }

    /// Locks the huge page.
    pub(crate) fn lock_page(&self) -> Result<(), EmuError> {
        let flags = self.pages.page(self.pfn) + self.fields.offset("page", "flags")?;
        let held = self.machine.get64(flags)?;
        self.machine.put64(flags, held | self.fields.flag("PG_locked")?)
    }

    fn begin(&self, entry: u64, mapped: bool, locked: bool, exclusive: bool) -> Result<(), EmuError> {
        let KernelProcess { machine, fields, .. } = self;
        machine.write(self.tables.entry, &ByteOrder::of_entries(self.encoding.arch()).encode(entry))?;
        let head = self.pages.page(self.pfn);
        let mut flags =
            fields.flag("PG_head")? | fields.flag("PG_uptodate")? | fields.flag("PG_swapbacked")?;
        if locked {
            flags |= fields.flag("PG_locked")?;
        }
        if exclusive {
            flags |= fields.flag("PG_anon_exclusive")?;
        }
        machine.put64(head + fields.offset("page", "flags")?, flags)?;
        // Counts of mappings begin at -1.
        let count = if mapped { 0 } else { u64::MAX };
        if fields.find("folio", "_large_mapcount").is_some() {
            let folio = |member| fields.offset("folio", member);
            machine.put(head + folio("_large_mapcount")?, 4, count)?;
            machine.put(head + folio("_entire_mapcount")?, 4, count)?;
            // ENTIRELY_MAPPED of mm/internal.h.
            machine.put(head + folio("_nr_pages_mapped")?, 4, if mapped { 0x80_0000 } else { 0 })?;
            if let Some(users) = fields.find("folio", "_mm_id_mapcount") {
                machine.put(head + users, 4, count)?;
                machine.put(head + users + 4, 4, u64::MAX)?;
                let user = fields.first(&[("folio", "_mm_id"), ("folio", "_mm_ids")])?;
                machine.put(head + user, 4, if mapped { MM_ID } else { 0 })?;
            }
        } else {
            machine.put(head + self.pages.size + fields.offset("page", "compound_mapcount")?, 4, count)?;
        }
        Ok(())
    }

    /// Writes a `page_vma_mapped_walk` of the entry to `at`.
    ///
    /// Functions that walk the mappings of a page take one as an argument.
    pub(crate) fn mapped_walk_at(&self, at: u64) -> Result<(), EmuError> {
        const WALK: &str = "page_vma_mapped_walk";
        let fields = &self.fields;
        self.machine.write(at, &[0; 0x80])?;
        self.machine.put64(at + fields.offset(WALK, "vma")?, self.vma)?;
        self.machine.put64(at + fields.offset(WALK, "address")?, self.address())?;
        self.machine.put64(at + fields.offset(WALK, "pmd")?, self.tables.entry)?;
        Ok(())
    }

    /// Writes a CPU's own `page_vma_mapped_walk`, and returns its address.
    fn mapped_walk(&self, cpu: u8) -> Result<u64, EmuError> {
        let at = self.outs[usize::from(cpu)];
        self.mapped_walk_at(at)?;
        Ok(at)
    }

    /// Returns the entries of the page table for a split, in CPU order.
    pub(crate) fn page_table(&self) -> Vec<u64> {
        let table = &self.tables.pte_table;
        let order = ByteOrder::of_entries(self.encoding.arch());
        let bytes = self.machine.read(table.start, table.end - table.start).unwrap_or_default();
        let (entries, _) = bytes.as_chunks();
        entries.iter().map(|entry| order.decode(*entry)).collect()
    }

    /// Returns the return value of the function that a CPU called last.
    pub(crate) fn returned(&self, cpu: u8) -> Result<u64, EmuError> {
        self.machine.vcpus[usize::from(cpu)].register(self.machine.decoder.model.returns)
    }
}

/// Returns the number that four bytes are; 0 if they are not four.
pub(crate) fn number(order: ByteOrder, bytes: &[u8]) -> u32 {
    let bytes = bytes.try_into().unwrap_or([0; 4]);
    match order {
        ByteOrder::Little => u32::from_le_bytes(bytes),
        ByteOrder::Big => u32::from_be_bytes(bytes),
    }
}

/// Returns the four bytes that are a number.
fn half(order: ByteOrder, number: u32) -> [u8; 4] {
    match order {
        ByteOrder::Little => number.to_le_bytes(),
        ByteOrder::Big => number.to_be_bytes(),
    }
}

/// Writes to memory, which begins at `start`, the part of `content` at `at` that lies in it.
fn put_part(memory: &mut [u8], start: u64, at: u64, content: &[u8]) {
    for (address, byte) in (at..).zip(content) {
        let place = address.checked_sub(start).and_then(|offset| usize::try_from(offset).ok());
        if let Some(place) = place.and_then(|offset| memory.get_mut(offset)) {
            *place = *byte;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_crosses_the_end_of_a_frame_is_in_both() {
        for order in [ByteOrder::Little, ByteOrder::Big] {
            let number = half(order, 0x0102_0304);
            let mut memory = [0; 32];
            for (frame, bytes) in (0x100..).step_by(16).zip(memory.chunks_mut(16)) {
                for at in [0xfe, 0x10e, 0x11e] {
                    put_part(bytes, frame, at, &number);
                }
            }
            assert_eq!(memory[..2], number[2..]);
            assert_eq!(memory[14..18], number);
            assert_eq!(memory[30..], number[..2]);
            assert!(memory[2..14].iter().chain(&memory[18..30]).all(|byte| *byte == 0));
        }
    }
}
