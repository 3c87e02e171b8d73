//! Structure layouts of kernels without types.
//!
//! These kernels are Debian's 6.1 for ppc64le and s390x, and its 7.2 for loong64. Another configuration has other
//! layouts, so a layout is used only for the builds that it was taken from.

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
    [&S390X_6_1, &PPC64LE_6_1, &LOONGARCH64_7_2].into_iter().find(|known| known.builds.contains(&build_id))
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

static LOONGARCH64_7_2: KnownStructures = KnownStructures {
    source: "the debug information of Debian's 7.2 for loong64, which has no BTF",
    // linux-binary-7.2.13+deb14-loong64 7.2.13-1; the debug information is in linux-image-7.2.13+deb14-loong64-dbg.
    builds: &["0fc184d88c38cab92a0608cb6a3a84ebe7732ac8"],
    offsets: &[
        (
            "task_struct",
            &[
                ("thread_info.flags", 0),
                ("thread_info.cpu", 16),
                ("thread_info.preempt_count", 20),
                ("stack", 56),
                ("mm", 1504),
                ("active_mm", 1512),
            ],
        ),
        (
            "mm_struct",
            &[
                ("pgd", 104),
                ("page_table_lock", 340),
                ("mmap_lock.count", 344),
                ("arg_lock", 572),
                ("rss_stat", 1080),
                ("context.asid", 1248),
                ("pmd_huge_pte", 1816),
                ("mm_id", 1920),
                ("flexible_array", 1984),
            ],
        ),
        (
            "vm_area_struct",
            &[
                ("vm_start", 0),
                ("vm_end", 8),
                ("vm_mm", 16),
                ("vm_page_prot", 24),
                ("vm_flags", 32),
                ("anon_vma", 64),
                ("vm_ops", 72),
                ("vm_pgoff", 80),
                ("vm_file", 88),
            ],
        ),
        ("anon_vma", &[("root", 0), ("refcount", 40)]),
        (
            "page",
            &[
                ("flags", 0),
                ("compound_info", 8),
                ("lru", 8),
                ("mapping", 24),
                ("__folio_index", 32),
                ("_mapcount", 48),
                ("_refcount", 52),
                ("virtual", 64),
            ],
        ),
        (
            "folio",
            &[
                ("_flags_1", 80),
                ("_large_mapcount", 96),
                ("_nr_pages_mapped", 100),
                ("_entire_mapcount", 104),
                ("_mm_id_mapcount", 112),
                ("_mm_id", 120),
                ("_mm_ids", 120),
                ("_nr_pages", 136),
                ("_deferred_list", 176),
            ],
        ),
        ("ptdesc", &[("pmd_huge_pte", 16), ("pt_mm", 32), ("ptl", 40)]),
        ("pglist_data", &[("node_zones", 0), ("node_id", 15424), ("per_cpu_nodestats", 17536)]),
        ("zone", &[("per_cpu_zonestats", 112)]),
        ("per_cpu_zonestat", &[("stat_threshold", 11)]),
        ("per_cpu_nodestat", &[("stat_threshold", 0)]),
        ("mem_section", &[("section_mem_map", 0)]),
        ("percpu_counter", &[("counters", 32)]),
        (
            "cpuinfo_loongarch",
            &[("asid_cache", 0), ("asid_mask", 8), ("options", 16), ("vabits", 128), ("pabits", 132)],
        ),
        (
            "page_vma_mapped_walk",
            &[
                ("pfn", 0),
                ("nr_pages", 8),
                ("pgoff", 16),
                ("vma", 24),
                ("address", 32),
                ("pmd", 40),
                ("pte", 48),
                ("ptl", 56),
                ("flags", 64),
            ],
        ),
        ("folio_walk", &[("page", 0), ("level", 8), ("pmdp", 16), ("pmd", 24), ("vma", 32), ("ptl", 40)]),
        (
            "vm_fault",
            &[
                ("vma", 0),
                ("pgoff", 16),
                ("address", 24),
                ("real_address", 32),
                ("flags", 40),
                ("pmd", 48),
                ("pud", 56),
                ("orig_pmd", 64),
                ("pte", 88),
                ("ptl", 96),
            ],
        ),
        ("mm_walk", &[("ops", 0), ("mm", 8), ("vma", 24), ("private", 40)]),
        ("mm_walk_ops", &[("pmd_entry", 24)]),
    ],
    sizes: &[
        ("task_struct", 4928),
        ("mm_struct", 1984),
        ("vm_area_struct", 192),
        ("anon_vma", 88),
        // The kernel's struct page has the page's address (WANT_PAGE_VIRTUAL of arch/loongarch/include/asm/page.h).
        ("page", 80),
        ("folio", 320),
        ("pglist_data", 18112),
        ("zone", 1792),
        ("per_cpu_zonestat", 64),
        ("per_cpu_nodestat", 68),
        ("mem_section", 32),
        ("percpu_counter", 40),
        ("lockdep_map", 0),
        ("spinlock", 4),
        ("page_vma_mapped_walk", 72),
        ("folio_walk", 48),
        ("vm_fault", 112),
        ("mm_walk", 48),
        ("mm_walk_ops", 96),
        ("mmu_gather", 128),
        ("cpuinfo_loongarch", 192),
    ],
    enumerators: &[
        ("PG_locked", 0),
        ("PG_uptodate", 3),
        ("PG_head", 6),
        ("PG_large_rmappable", 9),
        ("PG_swapcache", 10),
        ("PG_anon_exclusive", 11),
        ("PG_swapbacked", 17),
        ("NR_MM_COUNTERS", 4),
        ("__MAX_NR_ZONES", 4),
        ("FW_LEVEL_PTE", 0),
        ("FW_LEVEL_PMD", 1),
    ],
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layouts_are_those_of_certain_builds() {
        for known in [&S390X_6_1, &PPC64LE_6_1, &LOONGARCH64_7_2] {
            for build in known.builds {
                assert_eq!(known_structures(Some(build)).map(|known| known.source), Some(known.source));
            }
        }
        assert!(known_structures(None).is_none());
        // Another build of the same version.
        assert!(known_structures(Some(&"0".repeat(40))).is_none());
    }
}
