//! Platforms: the parts of a kernel's environment that depend on the architecture. Each has a file, and a line in
//! the list below.

mod arm64;
mod model;
mod ppc64le;
mod riscv64;
mod s390x;
mod x86_64;

use pmdscope_arches::Arch;

pub(crate) use self::model::{Level, Platform};

/// All platforms.
static PLATFORMS: &[&Platform] =
    &[&arm64::PLATFORM, &x86_64::PLATFORM, &s390x::PLATFORM, &ppc64le::PLATFORM, &riscv64::PLATFORM];

/// Returns the platform of an architecture; `None` if kernels of it cannot be run.
pub(crate) fn platform(arch: Arch) -> Option<&'static Platform> {
    PLATFORMS.iter().find(|platform| platform.arch == arch).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

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
        for platform in PLATFORMS {
            let arch = platform.arch;
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
        for platform in PLATFORMS {
            let arch = platform.arch;
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
