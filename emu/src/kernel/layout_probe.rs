//! Finds where a kernel expects page tables and struct pages.
//!
//! No symbol and no type tells this, so it is found by what the code does. GUP-fast is run on tables that point to
//! unmapped memory, and the address at which it faults tells where the kernel looks.

use std::ops::Range;

use pmdscope_arches::{ByteOrder, Encoding, EntryKind, EntrySpec};

use crate::EmuError;
use crate::end::CallExit;
use crate::exploration::WALKER;
use crate::kernel::fields::Fields;
use crate::kernel::machine::{Machine, ProbedAccess};
use crate::kernel::platform::{Geometry, Level, Platform};
use crate::kernel::space::{FRAME, Region};

/// The walker whose accesses show where things are: `get_user_pages_fast_only()`.
pub(crate) const GUP_FAST: &str = "get_user_pages_fast_only";

/// Physical addresses of the tables. While the linear map is looked for, entries point to both in turn; later the
/// tables are built at one of them.
pub(crate) const TABLES_AT: u64 = 0x4000_0000;
pub(crate) const TABLES_ELSEWHERE: u64 = 0x5230_0000;
const TABLES_BYTES: u64 = 0x10_0000;
/// Page tables, and the linear map of physical memory.
pub(crate) struct Tables {
    /// The virtual address of physical address 0, modulo 2^64.
    pub(crate) linear: u64,
    /// The virtual address of the entry.
    pub(crate) entry: u64,
    /// The PMD entry that maps nothing.
    pub(crate) none: u64,
    /// Addresses of the PMD table that contains the entry.
    pub(crate) pmd_table: Range<u64>,
    /// Addresses of the page table that a split installs.
    pub(crate) pte_table: Range<u64>,
    /// Address of a page table that nothing uses.
    pub(crate) spare_table: u64,
    /// For each vCPU, the address of an empty entry in another PMD table, at the same place as the entry.
    pub(crate) other_entries: Vec<u64>,
    /// Addresses of the entries that lead to the PMD table, from the top.
    pub(crate) upper: Vec<u64>,
}

/// The place and size of struct pages.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pages {
    /// The address of the struct page of PFN 0, modulo 2^64.
    pub(crate) vmemmap: u64,
    /// The size of a struct page, in bytes.
    pub(crate) size: u64,
}

impl Pages {
    pub(crate) fn page(&self, pfn: u64) -> u64 {
        self.vmemmap.wrapping_add(pfn.wrapping_mul(self.size))
    }

    /// Returns the page frame number of a struct page.
    pub(crate) fn pfn(&self, page: u64) -> u64 {
        page.wrapping_sub(self.vmemmap) / self.size
    }
}

/// Finds where the kernel expects page tables and struct pages.
pub(crate) struct LayoutProbe {
    pub(crate) machine: Machine,
    pub(crate) platform: &'static Platform,
    pub(crate) fields: Fields,
    /// Address of the mm_struct. Walks begin at its `pgd`.
    pub(crate) mm: u64,
    /// Address to which GUP-fast writes the page that it takes.
    pub(crate) out: u64,
    /// The shape of the kernel's page tables.
    pub(crate) geometry: &'static Geometry,
}

impl LayoutProbe {
    fn walk(&mut self) -> Result<(CallExit, Vec<ProbedAccess>), EmuError> {
        let Some(function) = self.machine.kernel.symbol(GUP_FAST) else {
            return Err(EmuError::Environment(format!(
                "this kernel has no {GUP_FAST}(), by which its page tables are found"
            )));
        };
        self.machine.probe(WALKER, function, &[self.geometry.address, 1, 0, self.out])
    }

    /// Runs a walk that must fault, and returns the address at which it faults, and its accesses.
    ///
    /// # Errors
    /// [`EmuError::Environment`] if it does not fault. The message says that `what` was looked for.
    fn walk_astray(&mut self, what: &str) -> Result<(u64, Vec<ProbedAccess>), EmuError> {
        match self.walk()? {
            (CallExit::Fault { address: Some(address), .. }, touches) => {
                Ok((self.machine.meant(WALKER, address), touches))
            }
            (end, _) => Err(EmuError::Environment(format!(
                "while {what} was looked for, {GUP_FAST}() {}",
                self.machine.explain(end)
            ))),
        }
    }

    fn write_entry(&self, at: u64, entry: u64) -> Result<(), EmuError> {
        let order = ByteOrder::of_entries(self.machine.kernel.arch());
        self.machine.write(at, &order.encode(entry))
    }

    /// Writes the same entry everywhere in a table of `bytes` bytes.
    fn fill(&self, table: u64, bytes: u64, entry: u64) -> Result<(), EmuError> {
        let order = ByteOrder::of_entries(self.machine.kernel.arch());
        let content: Vec<u8> = (0..bytes / 8).flat_map(|_| order.encode(entry)).collect();
        self.machine.write(table, &content)
    }

    /// Finds the shape of the kernel's page tables, and builds a top table all of whose entries point to one table.
    ///
    /// A walk reads an entry of the top table, and faults at the entry of the next: their offsets show the levels.
    pub(crate) fn geometry(&mut self) -> Result<(), EmuError> {
        let Platform { geometries, link, .. } = *self.platform;
        let bytes = geometries.iter().map(|geometry| geometry.table_bytes).max().unwrap_or(FRAME);
        // Every entry of the top table points to the same table, so its level does not matter.
        let top = self.machine.object("top table", bytes, bytes)?;
        self.machine.put64(self.mm + self.fields.offset("mm_struct", "pgd")?, top)?;
        if geometries.len() == 1 {
            return Ok(());
        }
        self.fill(top, bytes, link(TABLES_AT))?;
        let mut read = Vec::new();
        for geometry in geometries {
            self.geometry = geometry;
            // A walk does not begin at an address that user space cannot have.
            let (CallExit::Fault { address: Some(address), .. }, touches) = self.walk()? else { continue };
            let address = self.machine.meant(WALKER, address);
            let in_top = |touch: &&ProbedAccess| (top..top + bytes).contains(&touch.address) && !touch.writes;
            // Before it is known how many levels the machine has, a kernel may look at the top table as one of two.
            let Some(first) = touches.iter().rev().find(in_top).map(|touch| (touch.address - top) / 8) else {
                continue;
            };
            let second = address % bytes / 8;
            let found = geometry.levels.windows(2).any(|pair| {
                pair[0].index(geometry.address) == first && pair[1].index(geometry.address) == second
            });
            if found {
                return Ok(());
            }
            read.push(format!("entries {first:#x} and then {second:#x} for {:#x}", geometry.address));
        }
        Err(EmuError::Environment(format!(
            "{GUP_FAST}() reads tables of a shape that is not known here: {}",
            if read.is_empty() { "it reads none".to_owned() } else { read.join(", ") }
        )))
    }

    /// Finds the linear map, and builds tables in it, at physical address `at`, that lead to a PMD entry.
    pub(crate) fn tables(&mut self, at: u64, pmd_shift: u32) -> Result<Tables, EmuError> {
        let Platform { link, .. } = *self.platform;
        let Geometry { table_bytes, .. } = *self.geometry;
        let pgd = self.mm + self.fields.offset("mm_struct", "pgd")?;
        let top = self.machine.get64(pgd)?;
        let elsewhere = if at == TABLES_AT { TABLES_ELSEWHERE } else { TABLES_AT };
        self.fill(top, table_bytes, link(elsewhere))?;
        let (second, _) = self.walk_astray("the linear map")?;
        self.fill(top, table_bytes, link(at))?;
        let (first, touches) = self.walk_astray("the linear map")?;
        if first.wrapping_sub(second) != at.wrapping_sub(elsewhere) {
            return Err(EmuError::Environment(format!(
                "tables at physical {at:#x} and {elsewhere:#x} were looked for at {first:#x} and {second:#x}, \
                 which is not the same distance: no linear map"
            )));
        }
        let unset = self.platform.finds_memstart && self.machine.kernel.symbol("memstart_addr").is_none();
        let first = if unset { self.memstart(first, &touches)? } else { first };
        let canonical = self.machine.isa.kernel_address(first);
        // The fault is at an entry of the table, so its address exceeds the table's only by an offset within a
        // table.
        let linear = canonical.wrapping_sub(at) & !(0x1_0000 - 1);
        self.machine
            .assumptions
            .push(format!("the linear map is at {linear:#x}, found by where {GUP_FAST}() looks for a table"));

        self.machine.map(Region::new("page tables", linear.wrapping_add(at), TABLES_BYTES, None, None)?)?;
        let mut free = linear.wrapping_add(at);
        let mut take = |bytes: u64| {
            let table = free;
            free += bytes;
            table
        };
        let levels = self.geometry.levels;
        let top_at = take(table_bytes);
        let mut known: Vec<(u64, Option<Level>)> = vec![(top_at, None)];
        let mut upper = Vec::new();
        self.machine.put64(pgd, top_at)?;
        // The level of the top table is known only when it is read. Until then it is filled as one of the highest
        // level.
        let empty_of = |machine: &Machine, level: usize| {
            levels.get(level).map_or(Ok(0), |level| level.empty.value(machine))
        };
        self.fill(top_at, table_bytes, empty_of(&self.machine, 0)?)?;
        for _ in 0..=levels.len() {
            let (end, touches) = self.walk()?;
            if end != CallExit::Returned {
                return Err(EmuError::Environment(format!(
                    "while the page tables were looked for, {GUP_FAST}() {}",
                    self.machine.explain(end)
                )));
            }
            let isa = self.machine.isa;
            let table_of = |address: u64| {
                known.iter().position(|(table, _)| {
                    let start = isa.physical(*table);
                    (start..start + table_bytes).contains(&isa.physical(address))
                })
            };
            let last = touches.iter().rev().find_map(|touch| {
                let number = table_of(touch.address).filter(|_| !touch.writes)?;
                Some((number, isa.physical(touch.address) - isa.physical(known[number].0)))
            });
            let Some((number, offset)) = last.filter(|(number, _)| *number + 1 == known.len()) else {
                return Err(EmuError::Environment(format!(
                    "{GUP_FAST}() does not read the table it is led to"
                )));
            };
            // The level is below all levels that are known already.
            let above = known.iter().filter_map(|(_, level)| level.map(|level| level.shift)).min();
            let level = levels
                .iter()
                .filter(|level| above.is_none_or(|above| level.shift < above))
                .find(|level| level.index(self.geometry.address) == offset / 8);
            let Some(level) = level.copied() else {
                return Err(EmuError::Environment(format!(
                    "{GUP_FAST}() reads entry {:#x} of a table, which is of no level",
                    offset / 8
                )));
            };
            known[number].1 = Some(level);
            let table = known[number].0;
            if level.shift == pmd_shift {
                let pte_table = take(table_bytes);
                self.fill(pte_table, table_bytes, self.platform.no_pte)?;
                let spare_table = take(table_bytes);
                self.fill(spare_table, table_bytes, self.platform.no_pte)?;
                let none = level.empty.value(&self.machine)?;
                let mut other_entries = Vec::new();
                for name in ["another PMD table", "a third PMD table"].iter().take(self.machine.vcpus.len()) {
                    let other_table = take(table_bytes);
                    self.fill(other_table, table_bytes, none)?;
                    self.machine.name(other_table..other_table + table_bytes, name);
                    other_entries.push(other_table + offset);
                }
                let pmd_table = table..table + table_bytes;
                self.machine.name(pmd_table.clone(), "the PMD table");
                self.machine.name(pte_table..pte_table + table_bytes, "the page table");
                self.machine.name(spare_table..spare_table + table_bytes, "a page table that nothing uses");
                let entry = table + offset;
                return Ok(Tables {
                    linear,
                    entry,
                    none,
                    pmd_table,
                    pte_table: pte_table..pte_table + table_bytes,
                    spare_table,
                    other_entries,
                    upper,
                });
            }
            let next = take(table_bytes);
            let below = levels.iter().position(|known| known.shift < level.shift).unwrap_or(levels.len());
            self.fill(next, table_bytes, empty_of(&self.machine, below)?)?;
            self.write_entry(table + offset, link(next.wrapping_sub(linear)))?;
            upper.push(table + offset);
            known.push((next, None));
        }
        Err(EmuError::Environment(format!("{GUP_FAST}() never reads a PMD")))
    }

    /// Finds the variable that holds RAM's first address, and sets it to 0.
    ///
    /// Returns the address at which the walk then faults. The image has -1 in the variable. Of the words that the
    /// walk reads as -1, it is the one that moves the fault by 1 when it is set to 0.
    fn memstart(&mut self, before: u64, touches: &[ProbedAccess]) -> Result<u64, EmuError> {
        let mut candidates: Vec<u64> = touches
            .iter()
            .filter(|touch| !touch.writes && touch.size == 8 && touch.value == u64::MAX)
            .map(|touch| touch.address)
            .collect();
        candidates.dedup();
        for candidate in candidates {
            self.machine.put64(candidate, 0)?;
            let (after, _) = self.walk_astray("the start of RAM")?;
            if after == before.wrapping_sub(1) {
                self.machine.assumptions.push(format!(
                    "RAM begins at physical address 0: the word at {candidate:#x}, found by what {GUP_FAST}() \
                     makes of it, is 0"
                ));
                return Ok(after);
            }
            self.machine.put64(candidate, u64::MAX)?;
        }
        Err(EmuError::Environment("the word that says where RAM begins was not found".to_owned()))
    }

    /// Finds the struct pages and the page size, by the addresses at which walks of mapped huge pages fault.
    ///
    /// Returns the encoding for pages of that size.
    pub(crate) fn pages(
        &mut self,
        tables: &Tables,
        encoding: Encoding,
    ) -> Result<(Pages, Encoding), EmuError> {
        // Physical addresses that nothing else uses.
        const ONE: u64 = 0x8000_0000;
        const ANOTHER: u64 = 0xa000_0000;
        // An address bit above those of 48 bits, which kernels with 52 keep elsewhere in an entry.
        const HIGH: u64 = 1 << 50;
        let shift = encoding.layout().page_shift;
        let mut touched = |encoding: &Encoding, physical: u64| -> Result<u64, EmuError> {
            self.write_entry(tables.entry, present_huge(encoding, physical >> shift)?)?;
            let (address, _) = self.walk_astray("the struct pages")?;
            Ok(self.machine.isa.kernel_address(address))
        };
        let encoding = match encoding.with_physical_bits(52) {
            // To a kernel with 48 bits the high bit is no part of the address.
            Some(wide) if touched(&wide, HIGH | ONE)? != touched(&wide, ONE)? => wide,
            _ => encoding,
        };
        let (one, another) = (touched(&encoding, ONE)?, touched(&encoding, ANOTHER)?);
        self.write_entry(tables.entry, encoding.none())?;
        let between = another.wrapping_sub(one);
        let size = self.fields.size("page")?;
        let pages = between / size;
        let page_bytes = (ANOTHER - ONE).checked_div(pages).unwrap_or(0);
        if !page_bytes.is_power_of_two() || !(1 << 12..=1 << 16).contains(&page_bytes) {
            return Err(EmuError::Environment(format!(
                "for pages at physical {ONE:#x} and {ANOTHER:#x} the kernel looks at {one:#x} and {another:#x}, \
                 which are no struct pages of {size} bytes"
            )));
        }
        let found = page_bytes.trailing_zeros();
        let of_pages = u8::try_from(found).ok().and_then(|found| encoding.with_page_shift(found));
        let Some(encoding) = of_pages else {
            return Err(EmuError::Environment(format!(
                "this kernel has pages of {page_bytes} bytes, and entries of {encoding} with these are not known"
            )));
        };
        let vmemmap = one.wrapping_sub((ONE >> found) * size) & !(FRAME - 1);
        self.machine.assumptions.push(format!(
            "pages have {} KiB and struct pages {size} bytes, from {vmemmap:#x} on, found by where {GUP_FAST}() \
             looks for one",
            page_bytes >> 10
        ));
        Ok((Pages { vmemmap, size }, encoding))
    }
}

/// Builds an entry that maps a huge page, accessed and dirty.
pub(crate) fn present_huge(encoding: &Encoding, pfn: u64) -> Result<u64, EmuError> {
    mapping(encoding, EntryKind::PresentHuge, pfn, true)
}

/// Builds an entry that maps a huge page, accessed.
pub(crate) fn mapping(encoding: &Encoding, kind: EntryKind, pfn: u64, dirty: bool) -> Result<u64, EmuError> {
    let spec = EntrySpec { kind, pfn, young: true, dirty, soft_dirty: false, uffd_wp: false };
    encoding.build(&spec).map_err(|error| EmuError::Environment(error.to_string()))
}
