//! Structure layouts of kernels without types.
//!
//! These kernels are Debian's 6.1 for ppc64le and s390x. Another configuration has other layouts, so a layout is used
//! only for the builds that it was taken from.

/// The known layouts of some structures of a kernel.
#[derive(Debug)]
pub(super) struct KnownStructures {
    /// The source of the layouts, for reports.
    pub(super) source: &'static str,
    /// The GNU build IDs of the kernels that have these layouts.
    builds: &'static [&'static str],
    offsets: &'static [(&'static str, &'static [(&'static str, u64)])],
    sizes: &'static [(&'static str, u64)],
    enumerators: &'static [(&'static str, i64)],
}

impl KnownStructures {
    /// Returns the offset in bytes of a member of a structure, if it is known.
    pub(super) fn offset(&self, structure: &str, member: &str) -> Option<u64> {
        let (_, members) = self.offsets.iter().find(|(name, _)| *name == structure)?;
        members.iter().find(|(name, _)| *name == member).map(|(_, offset)| *offset)
    }

    /// Returns the size of a structure in bytes, if it is known.
    pub(super) fn size(&self, structure: &str) -> Option<u64> {
        self.sizes.iter().find(|(name, _)| *name == structure).map(|(_, size)| *size)
    }

    /// Returns the value of an enumerator, if it is known.
    pub(super) fn enumerator(&self, name: &str) -> Option<i64> {
        self.enumerators.iter().find(|(known, _)| *known == name).map(|(_, value)| *value)
    }
}

/// Returns the known structure layouts of a build, given its GNU build ID in hexadecimal.
pub(super) fn known_structures(build_id: Option<&str>) -> Option<&'static KnownStructures> {
    let build_id = build_id?;
    [&S390X_6_1, &PPC64LE_6_1].into_iter().find(|known| known.builds.contains(&build_id))
}

/// The first members of `vm_area_struct` (Linux include/linux/mm_types.h, v6.1).
///
/// No option of the kernel's configuration moves them.
const VMA: &[(&str, u64)] =
    &[("vm_start", 0), ("vm_end", 8), ("vm_mm", 16), ("vm_page_prot", 24), ("vm_flags", 32)];

/// `struct page` of 64 bytes (Linux include/linux/mm_types.h, v6.1).
///
/// The `struct page` of the first tail page describes the compound page. The `struct page` of a page table has a lock
/// and the deposited tables.
const PAGE: &[(&str, u64)] = &[
    ("flags", 0),
    ("compound_head", 8),
    ("lru", 8),
    ("compound_dtor", 16),
    ("compound_order", 17),
    ("compound_mapcount", 20),
    ("compound_nr", 28),
    ("pmd_huge_pte", 16),
    ("deferred_list", 16),
    ("mapping", 24),
    ("index", 32),
    ("ptl", 40),
    ("_mapcount", 48),
    ("_refcount", 52),
];

/// `struct page_vma_mapped_walk` (Linux include/linux/rmap.h, v6.1).
const MAPPED_WALK: &[(&str, u64)] = &[
    ("pfn", 0),
    ("nr_pages", 8),
    ("pgoff", 16),
    ("vma", 24),
    ("address", 32),
    ("pmd", 40),
    ("pte", 48),
    ("ptl", 56),
    ("flags", 64),
];

/// Page flags and destructors (Linux include/linux/page-flags.h, v6.1).
const PAGE_FLAGS: &[(&str, i64)] = &[
    ("PG_locked", 0),
    ("PG_uptodate", 2),
    ("PG_head", 16),
    ("PG_anon_exclusive", 17),
    ("PG_swapbacked", 19),
    ("TRANSHUGE_PAGE_DTOR", 2),
];

static S390X_6_1: KnownStructures = KnownStructures {
    source: "the accesses of Debian's 6.1 for s390x, which has no BTF",
    // linux-image-6.1.0-50-s390x 6.1.176-1.
    builds: &["64191809e7272da77af306133aa6c566be0be242"],
    offsets: &[
        ("task_struct", &[("mm", 0x6f8)]),
        ("mm_struct", &[("pgd", 0x38), ("context.asce", 0x320), ("context.asce_limit", 0x328)]),
        ("vm_area_struct", VMA),
        ("page", PAGE),
        ("page_vma_mapped_walk", MAPPED_WALK),
        ("pglist_data", &[("per_cpu_nodestats", 0x2000)]),
        (
            "lowcore",
            &[
                ("current_task", 0x340),
                ("kernel_stack", 0x348),
                ("cpu_nr", 0x3a0),
                ("preempt_count", 0x3a8),
                ("spinlock_lockval", 0x3ac),
                ("percpu_offset", 0x3b8),
                ("machine_flags", 0x3c8),
            ],
        ),
    ],
    // The size of task_struct is a lower bound. It covers all members that are used.
    sizes: &[("task_struct", 0x2000), ("mm_struct", 1024), ("vm_area_struct", 0x100), ("page", 64)],
    enumerators: PAGE_FLAGS,
};

static PPC64LE_6_1: KnownStructures = KnownStructures {
    source: "the accesses of Debian's 6.1 for ppc64le, which has no BTF",
    // linux-image-6.1.0-50-powerpc64le 6.1.176-1.
    builds: &["e04703597006cc36ab4eb3e421c377f39b50aecc"],
    offsets: &[
        ("task_struct", &[("mm", 0x758)]),
        ("mm_struct", &[("pgd", 0x38)]),
        (
            "vm_area_struct",
            &[
                ("vm_start", 0),
                ("vm_end", 8),
                ("vm_mm", 16),
                ("vm_page_prot", 24),
                ("vm_flags", 32),
                ("anon_vma", 0x58),
            ],
        ),
        ("page", PAGE),
        ("page_vma_mapped_walk", MAPPED_WALK),
        ("pglist_data", &[("per_cpu_nodestats", 0x5380)]),
    ],
    sizes: &[
        ("task_struct", 0x3000),
        ("mm_struct", 0x800),
        ("vm_area_struct", 0x100),
        ("page", 64),
        ("pglist_data", 0xa000),
    ],
    enumerators: PAGE_FLAGS,
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layouts_are_those_of_certain_builds() {
        for known in [&S390X_6_1, &PPC64LE_6_1] {
            for build in known.builds {
                assert_eq!(known_structures(Some(build)).map(|known| known.source), Some(known.source));
            }
        }
        assert!(known_structures(None).is_none());
        // Another build of the same version.
        assert!(known_structures(Some(&"0".repeat(40))).is_none());
    }
}
