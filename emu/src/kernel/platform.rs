//! What the environment of a kernel has that is particular to an architecture. One file each.

use pmdscope_arches::Arch;

use crate::EmuError;
use crate::kernel::fields::Fields;
use crate::kernel::machine::{Machine, Stub};
use crate::kernel::{arm64, ppc64le, riscv64, s390x, x86_64};

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
    /// The functions that invalidate an entry: `pmdp_invalidate()`, or what stands for it.
    pub(crate) invalidates: &'static [&'static str],
}

/// The platform of an architecture, if kernels of it can be run.
pub(crate) fn platform(arch: Arch) -> Option<&'static Platform> {
    match arch {
        Arch::Arm64 => Some(&arm64::PLATFORM),
        Arch::X86_64 => Some(&x86_64::PLATFORM),
        Arch::Riscv64 => Some(&riscv64::PLATFORM),
        Arch::S390x => Some(&s390x::PLATFORM),
        Arch::Ppc64le => Some(&ppc64le::PLATFORM),
        Arch::Ppc64 | Arch::Sparc64 | Arch::LoongArch64 => None,
    }
}

/// What most architectures have to set up beyond the common: nothing.
pub(crate) fn nothing(_: &mut Machine, _: &Fields) -> Result<(), EmuError> {
    Ok(())
}

/// The same for an address space.
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

#[cfg(test)]
mod tests {
    use super::*;

    fn platforms() -> impl Iterator<Item = (Arch, &'static Platform)> {
        Arch::ALL.into_iter().filter_map(|arch| Some((arch, platform(arch)?)))
    }

    #[test]
    fn an_index_is_that_of_its_level_alone() {
        let level = Level { shift: 21, bits: 9, empty: 0 };
        assert_eq!(level.index(5 << 21), 5);
        assert_eq!(level.index(5 << 21 | 0x1f_ffff), 5, "what lies below does not count");
        assert_eq!(level.index(7 << 30 | 5 << 21), 5, "nor what lies above");
        assert_eq!(level.index(u64::MAX), 0x1ff);
        let top = Level { shift: 39, bits: 13, empty: 0 };
        assert_eq!(top.index(0x47 << 39 | 3 << 30), 0x47);
    }

    #[test]
    fn the_index_of_the_address_that_is_walked_differs_from_level_to_level() {
        for (arch, platform) in platforms() {
            let mut indices: Vec<u64> =
                platform.levels.iter().map(|level| level.index(platform.address)).collect();
            let levels = indices.len();
            indices.sort_unstable();
            indices.dedup();
            assert_eq!(indices.len(), levels, "{arch}");
        }
    }

    #[test]
    fn levels_go_down_to_the_entries_and_fit_their_tables() {
        for (arch, platform) in platforms() {
            assert!(platform.levels.is_sorted_by_key(|level| std::cmp::Reverse(level.shift)), "{arch}");
            for level in platform.levels {
                assert!(8 << level.bits <= platform.table_bytes, "{arch} {}", level.shift);
            }
            let pmd_shift = platform.levels.last().map(|level| level.shift);
            let mmu = arch.mmus().first().copied();
            let newest = pmdscope_arches::Encoding::at(arch, mmu, pmdscope_arches::Version::NEWEST).unwrap();
            assert_eq!(pmd_shift, Some(newest.layout().pmd_shift.into()), "{arch}");
        }
    }
}
