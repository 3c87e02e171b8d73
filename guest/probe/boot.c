// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a kernel sets when it starts, and helpers read: as on a machine with no more than every machine of the
 * architecture has. Only what a helper asks for is linked, and only if the kernel tree's own files do not have it.
 */
typedef unsigned long u64;
typedef unsigned int u32;

#define BOOT __attribute__((weak, used))

/*
 * The pages at address 0. A CPU's register for its current task, or for its own variables, is 0, so that both are here:
 * no lock is held, and no interrupt is handled.
 */
__attribute__((used, retain, section(".first"))) char probe_first_pages[16384];

/* Flushes of translations, which change no entry. */
#define NOTHING(name) BOOT u64 name(void) { return 0; }
NOTHING(flush_tlb_all)
NOTHING(flush_tlb_mm)
NOTHING(flush_tlb_mm_range)
NOTHING(flush_tlb_range)
NOTHING(flush_tlb_page)
NOTHING(flush_tlb_kernel_range)
NOTHING(flush_pmd_tlb_range)
NOTHING(flush_pud_tlb_range)
NOTHING(flush_icache_pte)
NOTHING(__sync_icache_dcache)
NOTHING(flush_dcache_icache_folio)
NOTHING(flush_dcache_icache_page)
NOTHING(radix__flush_pmd_tlb_range)
NOTHING(radix__flush_pud_tlb_range)
NOTHING(radix__flush_tlb_page)
NOTHING(radix__flush_tlb_range)
NOTHING(radix__flush_tlb_kernel_range)
NOTHING(radix__flush_tlb_pwc_range_psize)
NOTHING(radix__flush_tlb_collapsed_pmd)
NOTHING(radix__local_flush_tlb_page)
NOTHING(hpte_need_flush)
NOTHING(hpte_do_hugepage_flush)
NOTHING(__mmu_notifier_arch_invalidate_secondary_tlbs)
NOTHING(iommu_sva_invalidate_kva_range)
NOTHING(flush_tlb_pending)
NOTHING(flush_tsb_user)
NOTHING(flush_tsb_user_page)
NOTHING(global_flush_tlb_page)
NOTHING(smp_flush_tlb_page)
NOTHING(smp_flush_tlb_pending)
NOTHING(smp_flush_tlb_mm)
/* Counts of pages. */
NOTHING(lruvec_stat_mod_folio)
NOTHING(__lruvec_stat_mod_folio)
NOTHING(__mod_lruvec_page_state)
/* The end of a section in which the CPU is not given to another task: nobody waits for it. */
NOTHING(preempt_schedule)
NOTHING(preempt_schedule_thunk)

/* No huge page of zeroes was ever made. */
BOOT u64 huge_zero_pfn = ~0UL;
BOOT u64 huge_zero_page;

BOOT void *memset(void *to, int byte, u64 bytes)
{
	for (volatile char *at = to; at < (char *)to + bytes; at++)
		*at = byte;
	return to;
}

BOOT void *memcpy(void *to, const void *from, u64 bytes)
{
	for (u64 i = 0; i < bytes; i++)
		((volatile char *)to)[i] = ((const char *)from)[i];
	return to;
}

BOOT int memcmp(const void *one, const void *other, u64 bytes)
{
	const unsigned char *a = one, *b = other;

	for (u64 i = 0; i < bytes; i++)
		if (((volatile const unsigned char *)a)[i] != b[i])
			return a[i] < b[i] ? -1 : 1;
	return 0;
}

#if defined(__x86_64__)
BOOT u32 __preempt_count = 1;
/* 52 bits of physical address, no memory encryption, four levels. */
BOOT u64 physical_mask = (1UL << 52) - 1;
BOOT u64 sme_me_mask;
BOOT u64 cc_mask;
BOOT u64 __default_kernel_pte_mask = ~0UL;
BOOT u64 __supported_pte_mask = ~0UL;
BOOT u32 __pgtable_l5_enabled;
BOOT u32 pgdir_shift = 39;
BOOT u32 ptrs_per_p4d = 1;
BOOT u64 page_offset_base = 0xffff888000000000;
BOOT u64 vmalloc_base = 0xffffc90000000000;
BOOT u64 vmemmap_base = 0xffffea0000000000;
BOOT u64 phys_base;
#elif defined(__aarch64__)
BOOT long memstart_addr;
BOOT u64 kimage_voffset;
BOOT u64 vabits_actual = 48;
BOOT char arm64_use_ng_mappings;
BOOT u64 system_cpucaps[8];
BOOT u64 cpu_hwcaps[8];
#elif defined(__riscv)
/* Four levels. */
BOOT char pgtable_l4_enabled = 1;
BOOT char pgtable_l5_enabled;
BOOT u64 satp_mode = 9UL << 60;
BOOT u64 vmemmap_start_pfn;
BOOT u64 riscv_pfn_base;
BOOT u64 kernel_map[32];
#elif defined(__s390x__)
BOOT u64 vmemmap = 0x3ff00000000;
BOOT u64 vm_layout[8];
/* Protections that deny execution are there. */
BOOT u64 page_noexec_mask = ~0UL;
BOOT u64 segment_noexec_mask = ~0UL;
BOOT u64 region_noexec_mask = ~0UL;
BOOT u32 nr_cpu_ids = 1;
BOOT u64 cpu_bit_bitmap[65 * 64];
BOOT u32 __bitmap_equal(const u64 *one, const u64 *other, u32 bits)
{
	for (u32 i = 0; i < (bits + 63) / 64; i++)
		if (one[i] != other[i])
			return 0;
	return 1;
}
BOOT u64 mio_wb_bit_mask;
#elif defined(__powerpc64__)
BOOT u32 mmu_virtual_psize;
BOOT u32 mmu_linear_psize;
NOTHING(get_slice_psize)
/* No protection key denies anything. */
BOOT u64 arch_pte_access_permitted(void)
{
	return 1;
}
#elif defined(__sparc__)
/* Where the table of struct page begins, on a CPU with 48 bits of virtual address. */
BOOT u64 VMALLOC_END = 0x600000000000;
#elif defined(__loongarch64)
BOOT u64 vm_map_base = 0xffff800000000000;
#endif
