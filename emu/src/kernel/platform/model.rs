//! The description of a platform.

use pmdscope_arches::Arch;

use crate::EmuError;
use crate::environment::Stub;
use crate::kernel::fields::Fields;
use crate::kernel::machine::Machine;

/// A level of page tables that a kernel may have.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Level {
    /// Base-2 logarithm of what an entry of it maps.
    pub(crate) shift: u32,
    /// Base-2 logarithm of how many entries a table of it has.
    pub(crate) bits: u32,
    /// What an entry that maps nothing holds.
    pub(crate) empty: u64,
}

impl Level {
    /// Which entry of a table is for an address.
    pub(crate) const fn index(&self, address: u64) -> u64 {
        address >> self.shift & ((1 << self.bits) - 1)
    }
}

/// What is particular to an architecture.
pub(crate) struct Platform {
    /// The architecture.
    pub(crate) arch: Arch,
    /// Where objects are laid out: kernel addresses that nothing else has.
    pub(crate) objects: u64,
    /// The user address that is walked. Its index differs from level to level, so that an access to a table
    /// tells which level it is.
    pub(crate) address: u64,
    /// The levels above the page table, from the top; kernels may leave some out.
    pub(crate) levels: &'static [Level],
    /// What a page table has in entries that map nothing.
    pub(crate) no_pte: u64,
    /// How many bytes a table takes at most, and is aligned to.
    pub(crate) table_bytes: u64,
    /// An entry that points to the table at a physical address.
    pub(crate) link: fn(u64) -> u64,
    /// The page protection of the mapping, as `vm_get_page_prot()` gives it.
    pub(crate) protection: u64,
    /// Gives a CPU what it has: `current`, its per-CPU data, and registers.
    pub(crate) start_cpu: fn(&mut Machine, &Fields, u8, u64) -> Result<(), EmuError>,
    /// Sets up what all CPUs have, before anything is run.
    pub(crate) start: fn(&mut Machine, &Fields) -> Result<(), EmuError>,
    /// Sets up what belongs to the address space, whose address is given.
    pub(crate) start_mm: fn(&mut Machine, &Fields, u64) -> Result<(), EmuError>,
    /// Whether the kernel has, in memory, a number that RAM's first address is taken from, and which is -1
    /// in the image.
    pub(crate) finds_memstart: bool,
    /// Whether a `pgtable_t` is a pointer to a page table; else to its struct page.
    pub(crate) pgtable_is_table: bool,
    /// Functions that are not run.
    pub(crate) stubs: &'static [Stub],
    /// The functions that invalidate an entry.
    ///
    /// These are `pmdp_invalidate()` and the like, or the function that does its work.
    pub(crate) invalidates: &'static [&'static str],
}

/// Sets up nothing: most architectures need only the common setup.
pub(crate) fn nothing(_: &mut Machine, _: &Fields) -> Result<(), EmuError> {
    Ok(())
}

/// Sets up nothing in an address space.
pub(crate) fn nothing_of_mm(_: &mut Machine, _: &Fields, _: u64) -> Result<(), EmuError> {
    Ok(())
}

/// Levels of 4 KiB tables with 512 entries, of which those above the third may be missing.
pub(crate) const FIVE_LEVELS_OF_512: &[Level] = &[
    Level { shift: 48, bits: 9, empty: 0 },
    Level { shift: 39, bits: 9, empty: 0 },
    Level { shift: 30, bits: 9, empty: 0 },
    Level { shift: 21, bits: 9, empty: 0 },
];
