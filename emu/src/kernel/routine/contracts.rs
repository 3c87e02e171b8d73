//! The contracts of functions that are called by their types: what their callers pass to them.
//!
//! Neither types nor machine code tell it. Their callers take no address of an entry themselves, so nobody sees what they
//! check.

use pmdscope_arches::Version;

use super::by_type::source_name;

/// The entries that a function's callers pass to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Passed {
    /// Mappings of a process alone.
    Mappings,
    /// Entries of the kernel's own page tables, of which no process has one: those of `vmalloc()`, of the linear map,
    /// and of the memory map.
    KernelTables,
    /// Entries of mappings that have no transparent huge pages: those of hugetlbfs, and of drivers that insert pages.
    OtherMappings,
}

/// The contract of a function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Contract {
    /// The function.
    symbol: &'static str,
    /// The entries that its callers pass to it.
    pub passed: Passed,
    /// The first Linux version of which this is true.
    since: Version,
    /// The caller that shows it: a file of Linux 7.2, and a function in it.
    pub source: &'static str,
}

const fn kernel_tables(symbol: &'static str, source: &'static str) -> Contract {
    Contract { symbol, passed: Passed::KernelTables, since: Version::new(0, 0), source }
}

const fn other_mappings(symbol: &'static str, source: &'static str) -> Contract {
    Contract { symbol, passed: Passed::OtherMappings, since: Version::new(0, 0), source }
}

const fn mappings(symbol: &'static str, source: &'static str) -> Contract {
    Contract { symbol, passed: Passed::Mappings, since: Version::new(0, 0), source }
}

const ALL: &[Contract] = &[
    kernel_tables("__pte_alloc_kernel", "mm/memory.c: it takes the lock of init_mm"),
    kernel_tables("__unmap_pmd_range", "arch/x86/mm/pat/set_memory.c: unmap_pmd_range(), of the linear map"),
    kernel_tables("alloc_pte_page", "arch/x86/mm/pat/set_memory.c: populate_pmd(), of the linear map"),
    kernel_tables("fill_pte", "arch/x86/mm/init_64.c: __set_pte_vaddr(), of fixed addresses"),
    kernel_tables("pageattr_pmd_entry", "arch/riscv/mm/pageattr.c: __set_memory(), of the linear map"),
    kernel_tables("pmd_clear_huge", "mm/vmalloc.c: vunmap_pmd_range()"),
    kernel_tables("pmd_free_pte_page", "mm/vmalloc.c: vmap_try_huge_pmd()"),
    kernel_tables("modify_pmd_table", "arch/s390/mm/vmem.c: modify_pud_table(), of the linear map"),
    kernel_tables("pmd_set_huge", "mm/vmalloc.c: vmap_try_huge_pmd()"),
    kernel_tables("pud_free_pmd_page", "mm/vmalloc.c: vmap_try_huge_pud()"),
    kernel_tables("set_pmd_init", "arch/x86/mm/init_64.c: phys_pmd_init(), of the linear map"),
    kernel_tables("split_contpmd", "arch/arm64/mm/mmu.c: split_kernel_leaf_mapping(), of the linear map"),
    kernel_tables("split_pmd", "arch/arm64/mm/mmu.c: split_kernel_leaf_mapping(), of the linear map"),
    kernel_tables("split_to_ptes_pmd_entry", "arch/arm64/mm/mmu.c: range_split_to_ptes(), of the linear map"),
    kernel_tables("unmap_pmd_range", "arch/x86/mm/pat/set_memory.c: unmap_pud_range(), of the linear map"),
    kernel_tables("vmemmap_check_pmd", "mm/sparse-vmemmap.c: vmemmap_populate_hugepages()"),
    kernel_tables("vmemmap_pmd_entry", "mm/hugetlb_vmemmap.c: vmemmap_remap_range()"),
    kernel_tables("vmemmap_pmd_populate", "mm/sparse-vmemmap.c: vmemmap_populate_address()"),
    kernel_tables("vmemmap_pte_populate", "mm/sparse-vmemmap.c: vmemmap_populate_address()"),
    kernel_tables("vmemmap_set_pmd", "mm/sparse-vmemmap.c: vmemmap_populate_hugepages()"),
    other_mappings("__get_locked_pte", "mm/memory.c: insert_page()"),
    other_mappings(
        "follow_huge_pmd_pte",
        "Linux 6.1, mm/gup.c: follow_page_mask(), where it is_vm_hugetlb_page()",
    ),
    other_mappings("do_remap_pfn_range", "mm/memory.c: remap_pfn_range()"),
    other_mappings("get_locked_pte", "mm/memory.c: insert_page()"),
    other_mappings("huge_pte_alloc", "mm/hugetlb.c: hugetlb_fault()"),
    other_mappings("huge_pte_offset", "mm/hugetlb.c: hugetlb_walk()"),
    other_mappings(
        "hugetlb_change_protection",
        "mm/mprotect.c: change_protection(), where it is_vm_hugetlb_page()",
    ),
    other_mappings("hugetlb_vma_maps_pfn", "fs/hugetlbfs/inode.c: hugetlb_unmap_file_folio()"),
    other_mappings("insert_page", "mm/memory.c: vm_insert_page()"),
    other_mappings("insert_pfn", "mm/memory.c: vmf_insert_pfn_prot()"),
    other_mappings("insert_pages", "mm/memory.c: vm_insert_pages()"),
    other_mappings(
        "move_hugetlb_page_tables",
        "mm/mremap.c: move_page_tables(), where it is_vm_hugetlb_page()",
    ),
    other_mappings("remap_pfn_range_track", "mm/memory.c: remap_pfn_range()"),
    other_mappings("vm_insert_pages", "mm/memory.c: callers are drivers"),
    mappings(
        "pmdp_clear_flush_young",
        "mm/rmap.c: folio_referenced_one(), of what page_vma_mapped_walk() found",
    ),
    mappings("touch_pmd", "mm/huge_memory.c: huge_pmd_set_accessed(), of the entry of a fault"),
    // Until then KVM looked up addresses of processes.
    Contract { since: Version::new(5, 18), ..kernel_tables("lookup_address_in_pgd", LOOKS_UP) },
    Contract { since: Version::new(5, 18), ..kernel_tables("lookup_address_in_pgd_attr", LOOKS_UP) },
    Contract { since: Version::new(6, 10), ..mappings("pmdp_invalidate", INVALIDATES) },
    Contract { since: Version::new(6, 10), ..mappings("pmdp_invalidate_ad", INVALIDATES) },
];

/// Linux kernel commit 44187235cbcc ("KVM: x86/mmu: fix potential races when walking host page table") (in v5.18).
const LOOKS_UP: &str = "arch/x86/mm/pat/set_memory.c: lookup_address(), of the linear map";

/// Linux kernel commit 3a5a8d343e1c ("mm: Fix race between __split_huge_pmd_locked() and GUP-fast") (in v6.10).
const INVALIDATES: &str = "mm/pgtable-generic.c: it warns of any other entry since 6.10";

/// Returns the contract of a function in a version of Linux, if it has one.
pub fn contract_of(symbol: &str, linux: Version) -> Option<&'static Contract> {
    let name = source_name(symbol);
    ALL.iter().find(|contract| contract.symbol == name && contract.since <= linux)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_function_has_one_contract() {
        let mut names: Vec<&str> = ALL.iter().map(|contract| contract.symbol).collect();
        names.sort_unstable();
        assert!(names.is_sorted_by(|one, next| one < next), "{names:?}");
        let passed = |symbol, linux| contract_of(symbol, linux).map(|one| one.passed);
        assert_eq!(passed("split_contpmd.isra.0", Version::new(7, 2)), Some(Passed::KernelTables));
        assert_eq!(passed("zap_huge_pmd", Version::new(7, 2)), None);
        assert_eq!(passed("pmdp_invalidate", Version::new(6, 9)), None);
        assert_eq!(passed("pmdp_invalidate", Version::new(6, 10)), Some(Passed::Mappings));
    }
}
