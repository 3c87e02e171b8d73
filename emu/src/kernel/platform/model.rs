//! The description of a platform.

use pmdscope_arches::Arch;

use crate::EmuError;
use crate::environment::Stub;
use crate::kernel::fields::Fields;
use crate::kernel::machine::Machine;

/// A level of page tables that a kernel may have.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Level {
    /// Base-2 logarithm of the bytes that an entry maps.
    pub(crate) shift: u32,
    /// Base-2 logarithm of the number of entries in a table.
    pub(crate) bits: u32,
    /// The entry that maps nothing.
    pub(crate) empty: Empty,
}

/// An entry that maps nothing.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Empty {
    /// This value.
    Value(u64),
    /// The address of a table in the kernel's image, which has this symbol.
    Table(&'static str),
}

impl Empty {
    /// Returns its value in a machine's kernel.
    ///
    /// # Errors
    /// [`EmuError::Environment`] if it is the address of a table that the kernel does not have.
    pub(crate) fn value(self, machine: &Machine) -> Result<u64, EmuError> {
        match self {
            Empty::Value(value) => Ok(value),
            Empty::Table(symbol) => machine.needed_symbol(symbol),
        }
    }
}

impl Level {
    /// Returns the index in a table of the entry for an address.
    pub(crate) const fn index(&self, address: u64) -> u64 {
        address >> self.shift & ((1 << self.bits) - 1)
    }
}

/// A shape of page tables that kernels of an architecture may have, by their configuration.
#[derive(Debug)]
pub(crate) struct Geometry {
    /// Base-2 logarithm of the bytes of a page; `None` if kernels with pages of several sizes have this shape.
    pub(crate) page_shift: Option<u8>,
    /// The levels above the page table, from the top; kernels may leave some of the upper ones out.
    pub(crate) levels: &'static [Level],
    /// Maximum number of bytes of a table, and its alignment.
    pub(crate) table_bytes: u64,
    /// The user address that is walked. Its index differs from level to level, so an access to a table shows the
    /// level of the table.
    pub(crate) address: u64,
}

/// The part of a kernel's environment that depends on the architecture.
pub(crate) struct Platform {
    /// The architecture.
    pub(crate) arch: Arch,
    /// Address from which objects are laid out. Nothing else uses the kernel addresses there.
    pub(crate) objects: u64,
    /// The shapes that page tables may have. Which one a kernel has is found out by its walks.
    pub(crate) geometries: &'static [Geometry],
    /// The value of a page-table entry that maps nothing.
    pub(crate) no_pte: u64,
    /// Builds an entry that points to the table at a physical address.
    pub(crate) link: fn(u64) -> u64,
    /// The page protection of the mapping, as `vm_get_page_prot()` returns it.
    pub(crate) protection: u64,
    /// Sets up a CPU: `current`, its per-CPU data, and registers. The arguments are the CPU's number and the
    /// address of its task.
    pub(crate) start_cpu: fn(&mut Machine, &Fields, u8, u64) -> Result<(), EmuError>,
    /// Sets up what all CPUs share, before anything is run.
    pub(crate) start: fn(&mut Machine, &Fields) -> Result<(), EmuError>,
    /// Sets up the address space, given the address of its mm_struct.
    pub(crate) start_mm: fn(&mut Machine, &Fields, u64) -> Result<(), EmuError>,
    /// Whether the kernel takes RAM's first address from a variable, which is -1 in the image.
    pub(crate) finds_memstart: bool,
    /// Whether a `pgtable_t` points to a page table; if not, it points to the table's struct page.
    pub(crate) pgtable_is_table: bool,
    /// Whether processes have the lower half of the address space, so that no kernel has memory of its own there.
    pub(crate) has_user_half: bool,
    /// Functions that are not run.
    pub(crate) stubs: &'static [Stub],
    /// The functions that invalidate an entry: `pmdp_invalidate()` and the like, or the function that does their
    /// work.
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

/// The levels above the page table, of 4 KiB tables with 512 entries. The upper two may be missing.
pub(crate) const FIVE_LEVELS_OF_512: &[Level] = &[
    Level { shift: 48, bits: 9, empty: Empty::Value(0) },
    Level { shift: 39, bits: 9, empty: Empty::Value(0) },
    Level { shift: 30, bits: 9, empty: Empty::Value(0) },
    Level { shift: 21, bits: 9, empty: Empty::Value(0) },
];
