//! Platforms: the parts of a kernel's environment that depend on the architecture. Each has a file, and a line in
//! the list below.

mod arm64;
mod loongarch64;
mod model;
mod powerpc;
mod riscv64;
mod s390x;
mod x86_64;

use pmdscope_arches::Arch;

pub(crate) use self::model::{Geometry, Level, Platform};

/// All platforms.
static PLATFORMS: &[&Platform] = &[
    &arm64::PLATFORM,
    &x86_64::PLATFORM,
    &s390x::PLATFORM,
    &powerpc::PPC64,
    &powerpc::PPC64LE,
    &riscv64::PLATFORM,
    &loongarch64::PLATFORM,
];

/// Returns the platform of an architecture; `None` if kernels of it cannot be run.
pub(crate) fn platform(arch: Arch) -> Option<&'static Platform> {
    PLATFORMS.iter().find(|platform| platform.arch == arch).copied()
}

#[cfg(test)]
mod tests {
    use super::model::Empty;
    use super::*;

    #[test]
    fn an_index_is_that_of_its_level_alone() {
        let level = Level { shift: 21, bits: 9, empty: Empty::Value(0) };
        assert_eq!(level.index(5 << 21), 5);
        assert_eq!(level.index(5 << 21 | 0x1f_ffff), 5, "what lies below does not count");
        assert_eq!(level.index(7 << 30 | 5 << 21), 5, "nor what lies above");
        assert_eq!(level.index(u64::MAX), 0x1ff);
        let top = Level { shift: 39, bits: 13, empty: Empty::Value(0) };
        assert_eq!(top.index(0x47 << 39 | 3 << 30), 0x47);
    }

    fn geometries() -> impl Iterator<Item = (Arch, &'static Geometry)> {
        PLATFORMS.iter().flat_map(|platform| platform.geometries.iter().map(|shape| (platform.arch, shape)))
    }

    #[test]
    fn the_index_of_the_address_that_is_walked_differs_from_level_to_level() {
        for (arch, Geometry { levels, address, .. }) in geometries() {
            let mut indices: Vec<u64> = levels.iter().map(|level| level.index(*address)).collect();
            indices.sort_unstable();
            indices.dedup();
            assert_eq!(indices.len(), levels.len(), "{arch} {levels:?}");
        }
    }

    #[test]
    fn levels_go_down_to_the_entries_and_fit_their_tables() {
        for (arch, Geometry { page_shift, levels, table_bytes, address }) in geometries() {
            assert!(levels.is_sorted_by_key(|level| std::cmp::Reverse(level.shift)), "{arch} {levels:?}");
            for level in *levels {
                assert!(8 << level.bits <= *table_bytes, "{arch} {}", level.shift);
            }
            let mmu = arch.mmus().first().copied();
            let newest = pmdscope_arches::Encoding::at(arch, mmu, pmdscope_arches::Version::NEWEST).unwrap();
            let encoding = page_shift.map_or(Some(newest), |shift| newest.with_page_shift(shift)).unwrap();
            let pmd_shift = levels.last().map(|level| level.shift);
            assert_eq!(pmd_shift, Some(encoding.layout().pmd_shift.into()), "{arch} {levels:?}");
            assert!(
                address.is_multiple_of(1 << encoding.layout().pmd_shift),
                "{arch}: a huge page begins there"
            );
        }
    }

    /// What a walk through tables that all lead to one another reads first tells them apart.
    #[test]
    fn the_shapes_of_an_architecture_differ_in_what_a_walk_reads() {
        for platform in PLATFORMS {
            for shape in platform.geometries {
                let others = platform.geometries.iter().filter(|other| !std::ptr::eq(*other, shape));
                for (other, address) in others.zip(std::iter::repeat(shape.address)) {
                    let first = |shape: &Geometry| {
                        let pairs = shape
                            .levels
                            .windows(2)
                            .map(|pair| (pair[0].index(address), pair[1].index(address)));
                        pairs.collect::<Vec<_>>()
                    };
                    let common = first(shape).into_iter().filter(|pair| first(other).contains(pair)).count();
                    assert!(common == 0 || shape.page_shift == other.page_shift, "{shape:?} and {other:?}");
                }
            }
        }
    }
}
