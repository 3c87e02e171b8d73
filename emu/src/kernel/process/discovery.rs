//! Facts about a kernel that are found out by running its functions.

use std::rc::Rc;

use pmdscope_arches::{EntryKind, MigrationTypes};

use crate::EmuError;
use crate::end::CallExit;
use crate::kernel::layout_probe::{mapping, present_huge};
use crate::kernel::machine::ProbedAccess;
use crate::kernel::start_values::KEEPS_YOUNG_DIRTY;

use super::{KernelProcess, READ_WRITE};

/// The function that makes a migration entry of a mapping.
const MAKE_MIGRATION: &str = "set_pmd_migration_entry";

impl KernelProcess {
    /// Finds what leads to the counters of node 0 where it has no symbol, and sets it.
    ///
    /// With several nodes that is the pointer to `node`, which is NULL in the image, so `set_pmd_migration_entry()`
    /// faults at an offset from NULL. With one node it is that node's own pointer to its counters. Of the words that
    /// the function reads before the fault, it is the one that avoids the fault when it is set.
    pub(super) fn find_node(&mut self, node: u64) -> Result<(), EmuError> {
        let statistics = self.fields.offset("pglist_data", "per_cpu_nodestats")?;
        let Some(make) = self.machine.kernel.symbol(MAKE_MIGRATION) else { return Ok(()) };
        let counters = self.machine.get64(node + statistics)?;
        let attempt = |process: &mut KernelProcess,
                       set: Option<(u64, u64)>|
         -> Result<(CallExit, Vec<ProbedAccess>), EmuError> {
            process.machine.space.borrow().restore();
            if let Some((word, value)) = set {
                process.machine.put64(word, value)?;
            }
            process.begin(present_huge(&process.encoding, process.pfn)?, true, true, false)?;
            process.hold_table_lock()?;
            let arguments = [process.mapped_walk(0)?, process.pages.page(process.pfn)];
            process.machine.probe(0, make, &arguments)
        };
        let (end, touches) = attempt(self, None)?;
        let CallExit::Fault { pc, address: Some(address) } = end else { return Ok(()) };
        let several = address == statistics;
        let value = if several { node } else { counters };
        let mut candidates: Vec<u64> = touches
            .iter()
            .rev()
            .filter(|touch| {
                !touch.writes && touch.size == 8 && touch.in_image && (touch.value == 0 || !several)
            })
            .map(|touch| touch.address)
            .collect();
        candidates.dedup();
        for candidate in candidates {
            let (end, _) = attempt(self, Some((candidate, value)))?;
            if !matches!(end, CallExit::Fault { pc: there, .. } if there == pc) {
                self.machine.space.borrow().restore();
                self.machine.put64(candidate, value)?;
                self.machine.space.borrow().settle();
                let what =
                    if several { "the pointer to that node" } else { "that node's pointer to its counters" };
                self.machine.assumptions.push(format!(
                    "{what} is the word at {candidate:#x}, found by what {MAKE_MIGRATION}() makes of it"
                ));
                return Ok(());
            }
        }
        match several {
            true => Err(EmuError::Environment("the pointer to node 0 was not found".to_owned())),
            // Something else is missing, which a later call reports.
            false => {
                self.machine.space.borrow().restore();
                Ok(())
            }
        }
    }

    /// Finds whether migration entries have room for young and dirty, by what the kernel runs for that when it starts: it
    /// looks at the number of bits that an offset has, which depends on its configuration. Where that cannot be run, they
    /// have room.
    pub(super) fn find_room_for_marks(&mut self) -> Result<(), EmuError> {
        /// The function that decides it (mm/swapfile.c).
        const DECIDES: &str = "swapfile_init";
        if !self.keeps_young_dirty() {
            return Ok(());
        }
        let [decides, keeps] = [DECIDES, KEEPS_YOUNG_DIRTY].map(|name| self.machine.kernel.symbol(name));
        let (Some(decides), Some(keeps)) = (decides, keeps) else { return Ok(()) };
        self.machine.space.borrow().restore();
        self.machine.put(keeps, 1, 0)?;
        let end = self.machine.call(0, decides, &[])?;
        let decided = self.machine.get(keeps, 1)?;
        self.machine.space.borrow().restore();
        if end != CallExit::Returned || decided != 0 {
            return Ok(());
        }
        self.has_room_for_marks = false;
        self.machine.put(keeps, 1, 0)?;
        self.machine.space.borrow().settle();
        self.machine.assumptions.push(format!(
            "{KEEPS_YOUNG_DIRTY} is 0 after all, as {DECIDES}() decides: an offset of this kernel has no room for young \
             and dirty"
        ));
        Ok(())
    }

    /// Finds the migration types of this kernel, by the entries that its own `set_pmd_migration_entry()` makes of
    /// mappings. The numbers of the types depend on the kernel's configuration.
    pub(super) fn find_migration_types(&mut self) -> Result<(), EmuError> {
        if self.encoding.layout().swap.is_none() {
            return Ok(());
        }
        let Some(make) = self.machine.kernel.symbol(MAKE_MIGRATION) else {
            self.machine.assumptions.push(format!(
                "migration entries have the types of the usual configuration: this kernel has no {MAKE_MIGRATION}()"
            ));
            return Ok(());
        };
        let knows_exclusive = self.fields.find_flag("PG_anon_exclusive").is_some();
        let mut made = |kind, exclusive: bool| -> Result<u64, EmuError> {
            let mut ends = Vec::new();
            // A dirty mapping makes the function mark the page, which a kernel of a few objects may be unable to do.
            for dirty in [true, false] {
                let entry = mapping(&self.encoding, kind, self.pfn, dirty)?;
                self.machine.space.borrow().restore();
                self.begin(entry, true, true, exclusive)?;
                self.hold_table_lock()?;
                let walk = self.mapped_walk(0)?;
                ends.push(self.machine.call(0, make, &[walk, self.pages.page(self.pfn)])?);
                if ends.last() == Some(&CallExit::Returned) {
                    break;
                }
            }
            if let [end, ..] = ends[..]
                && !ends.contains(&CallExit::Returned)
            {
                return Err(EmuError::Environment(format!(
                    "{MAKE_MIGRATION}() {}",
                    self.machine.explain(end)
                )));
            }
            let entry = self.machine.recorder.entry_at(self.machine.isa.physical(self.tables.entry))?;
            // The entry must be of this page, and its type must mean migration in some configuration.
            let page = self.encoding.huge_page_of(entry);
            match self.encoding.swap_parts(entry).filter(|_| page == Some(self.pfn)) {
                Some(parts) => Ok(parts.kind),
                None => Err(EmuError::Environment(format!(
                    "{MAKE_MIGRATION}() made {entry:#x} of page {:#x}, and {} lays out no migration entry of it so: this \
                     kernel has another encoding",
                    self.pfn, self.encoding
                ))),
            }
        };
        let write = made(EntryKind::PresentHuge, false)?;
        let read = made(EntryKind::PresentHugeRo, false)?;
        let exclusive = match knows_exclusive {
            false => None,
            true => Some(made(EntryKind::PresentHugeRo, true)?).filter(|exclusive| *exclusive != read),
        };
        self.machine.space.borrow().restore();
        let usual = self.encoding.migration_types();
        let found = MigrationTypes { read, read_exclusive: exclusive, write, ..usual };
        let unusual = if found == usual { "" } else { ", which is not the usual configuration's" };
        let middle = exclusive.map_or(String::new(), |exclusive| format!("{exclusive} (read exclusive), "));
        self.machine.assumptions.push(format!(
            "migration entries have types {read} (read), {middle}{write} (write), as {MAKE_MIGRATION}() makes them{unusual}"
        ));
        self.encoding = self.encoding.with_migration_types(found);
        Ok(())
    }

    /// Asks the kernel's own `vm_get_page_prot()` for the protection of the mapping.
    ///
    /// The bits changed between versions, and a kernel does not accept those of another version.
    pub(super) fn find_protection(&mut self) -> Result<(), EmuError> {
        const SAYS: &str = "vm_get_page_prot";
        // Fills the table that `vm_get_page_prot()` reads, if the image does not have it.
        const FILLS: &str = "setup_protection_map";
        let kernel = Rc::clone(&self.machine.kernel);
        let Some(says) = kernel.symbol(SAYS) else { return Ok(()) };
        if let Some(fills) = kernel.symbol(FILLS)
            && self.machine.call(0, fills, &[])? == CallExit::Returned
        {
            self.machine.space.borrow().settle();
        }
        let out = self.outs[0];
        let (in_memory, in_register) = ([out, READ_WRITE], [READ_WRITE]);
        let arguments = if self.entries_return_in_memory { &in_memory[..] } else { &in_register };
        let end = self.machine.call(0, says, arguments)?;
        let returned = self.returned(0)?;
        let said = if self.entries_return_in_memory { self.machine.get64(out)? } else { returned };
        self.machine.space.borrow().restore();
        match Some(said).filter(|protection| end == CallExit::Returned && *protection != 0) {
            Some(protection) => self.protection = protection,
            None => self.machine.assumptions.push(format!(
                "pages of the mapping are protected as {:#x}, since {SAYS}() {}",
                self.protection,
                self.machine.explain(end)
            )),
        }
        let member = self.fields.offset("vm_area_struct", "vm_page_prot")?;
        self.machine.put64(self.vma + member, self.protection)?;
        self.machine.space.borrow().settle();
        Ok(())
    }

    /// Finds out how an entry is returned: in a register, or in memory whose address is an additional first
    /// argument.
    ///
    /// Neither symbols nor types tell. A function that expects the additional argument, and is called without it,
    /// takes the user's address for that of the mapping, and faults there.
    pub(super) fn find_how_entries_return(&mut self) -> Result<(), EmuError> {
        let kernel = Rc::clone(&self.machine.kernel);
        let Some(function) =
            ["pmdp_invalidate", "pmdp_invalidate_ad"].iter().find_map(|name| kernel.symbol(name))
        else {
            return Ok(());
        };
        let plain = [self.vma, self.address(), self.tables.entry];
        let with_memory = [self.outs[0], plain[0], plain[1], plain[2]];
        let mut returns = |arguments: &[u64]| -> Result<bool, EmuError> {
            self.machine.space.borrow().restore();
            self.begin_with(self.encoding.none())?;
            Ok(self.machine.call(0, function, arguments)? == CallExit::Returned)
        };
        self.entries_return_in_memory = !returns(&plain)? && returns(&with_memory)?;
        self.machine.space.borrow().restore();
        Ok(())
    }
}
