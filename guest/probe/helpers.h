/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Compiled against the headers of a kernel tree: each helper that they have becomes a function that can be called
 * with numbers, for one entry after another.
 *
 * An entry here is a number in CPU order, as pte_val(), pmd_val() and pud_val() give it. pmdscope includes the lines
 * of helpers.txt behind this file, those of helpers that the tree has.
 */
#ifndef PROBE_HELPERS_H
#define PROBE_HELPERS_H

/* A helper that ends in BUILD_BUG() is linked to nothing, and is found out when it is called. */
#undef __compiletime_error
#define __compiletime_error(message)

#include <linux/version.h>
#include <linux/mm.h>
#include <linux/pgtable.h>
#include <linux/swap.h>
#include <linux/swapops.h>
#if __has_include(<linux/leafops.h>)
#include <linux/leafops.h>
#endif
#include <linux/huge_mm.h>
#include <linux/hugetlb.h>
#include <linux/sched.h>
#include <linux/fs.h>
#include <asm/tlbflush.h>
#include <asm/pgalloc.h>

/* Sizes of POWER's tables, by the kind of MMU. */
#ifdef CONFIG_PPC_RADIX_MMU
#define PROBE_BY_MMU(what) RADIX_##what
#else
#define PROBE_BY_MMU(what) H_##what
#endif

/* One call of a helper: what it is given, and what comes out. */
struct probe_call {
	unsigned long entry;
	unsigned long other; /* a second number, of helpers that take one */
	unsigned long value; /* the entry that it makes, its answer as 0 or 1, or a number */
	unsigned long after; /* of helpers that are given an address: the entry that is left there */
	unsigned long done;  /* 1 when it has returned */
};

typedef void probe_helper(struct probe_call *call, void *slot);

/* Calls a helper for each of `count` calls. `slot` is where helpers find the entry that they are given the address of. */
void probe_calls(probe_helper *helper, struct probe_call *calls, unsigned long count, void *slot);
void probe_calls(probe_helper *helper, struct probe_call *calls, unsigned long count, void *slot)
{
	struct probe_call *call;

	for (call = calls; call < calls + count; call++) {
		helper(call, slot);
		call->done = 1;
	}
}

/* The process whose page tables these are, with one mapping that may be read, written and executed. */
static struct mm_struct probe_mm;
static struct vm_area_struct probe_vma = {
	.vm_mm = &probe_mm,
	.vm_start = 0,
	.vm_end = ~0UL & PAGE_MASK,
	.vm_flags = VM_READ | VM_WRITE | VM_EXEC | VM_MAYREAD | VM_MAYWRITE | VM_MAYEXEC,
};

#ifdef CONFIG_HUGETLB_PAGE
/* A mapping of hugetlbfs with pages of PMD size: its file says the size. */
#ifdef CONFIG_PPC_BOOK3S_64
#define PROBE_HUGE_ORDER PROBE_BY_MMU(PTE_INDEX_SIZE)
#else
#define PROBE_HUGE_ORDER (PMD_SHIFT - PAGE_SHIFT)
#endif
static struct hstate probe_hstate = { .order = PROBE_HUGE_ORDER };
static struct hugetlbfs_sb_info probe_sb_info = { .hstate = &probe_hstate };
static struct super_block probe_sb = { .s_fs_info = &probe_sb_info };
static struct inode probe_inode = { .i_sb = &probe_sb };
static struct file probe_file = { .f_inode = &probe_inode };
static struct vm_area_struct probe_huge_vma = {
	.vm_mm = &probe_mm,
	.vm_start = 0,
	.vm_end = ~0UL & PAGE_MASK,
	.vm_flags = VM_READ | VM_WRITE | VM_MAYREAD | VM_MAYWRITE | VM_HUGETLB,
	.vm_file = &probe_file,
};
#endif

/* An address in that mapping. */
#define PROBE_ADDRESS (5UL << PMD_SHIFT)

/* What a mapping of the process, or of the kernel, may be used for. Architectures have two or three names for each. */
static __always_inline pgprot_t probe_protection(unsigned long number)
{
	switch (number) {
#ifdef PAGE_NONE
	case 0:
		return PAGE_NONE;
#endif
	case 1:
#if defined(CONFIG_SPARC64)
		return PAGE_COPY;
#elif defined(PAGE_READONLY)
		return PAGE_READONLY;
#elif defined(PAGE_READ)
		return PAGE_READ;
#else
		return PAGE_RO;
#endif
	case 2:
#if defined(PAGE_SHARED) || defined(CONFIG_SPARC64)
		return PAGE_SHARED;
#elif defined(PAGE_WRITE)
		return PAGE_WRITE;
#else
		return PAGE_RW;
#endif
	case 3:
#if defined(PAGE_READONLY_EXEC)
		return PAGE_READONLY_EXEC;
#elif defined(PAGE_READONLY_X)
		return PAGE_READONLY_X;
#elif defined(PAGE_READ_EXEC)
		return PAGE_READ_EXEC;
#elif defined(PAGE_RX)
		return PAGE_RX;
#endif
	case 4:
#if defined(PAGE_SHARED_EXEC)
		return PAGE_SHARED_EXEC;
#elif defined(PAGE_SHARED_X)
		return PAGE_SHARED_X;
#elif defined(PAGE_WRITE_EXEC)
		return PAGE_WRITE_EXEC;
#elif defined(PAGE_RWX)
		return PAGE_RWX;
#endif
	default:
		return PAGE_KERNEL;
	}
}

#ifdef CONFIG_SPARC64
/* What a kernel computes when it starts: here as on a sun4v machine before the M7. */
#define PROBE_ACCESSIBLE \
	(_PAGE_VALID | _PAGE_PRESENT_4V | _PAGE_CP_4V | _PAGE_CV_4V | _PAGE_ACCESSED_4V | _PAGE_READ_4V | _PAGE_EXEC_4V)
pgprot_t PAGE_COPY = { PROBE_ACCESSIBLE };
pgprot_t PAGE_SHARED = { PROBE_ACCESSIBLE | _PAGE_WRITE_4V };
pgprot_t PAGE_KERNEL = { PROBE_ACCESSIBLE | _PAGE_P_4V | _PAGE_MODIFIED_4V | _PAGE_WRITE_4V | _PAGE_W_4V };
unsigned long _PAGE_ALL_SZ_BITS = _PAGE_SZALL_4V;
enum ultra_tlb_layout tlb_type = hypervisor;
#endif

#define HELPER(symbol)                                     \
	void symbol(struct probe_call *call, void *slot); \
	void symbol(struct probe_call *call, void *slot)

/*
 * A helper by its shape (helpers.txt says what each is): the level of its entries, its function here, and what is
 * called. `entry` and `call` are what it is given.
 */
#define TEST(level, symbol, ...)                                  \
	HELPER(symbol)                                            \
	{                                                         \
		level##_t entry = __##level(call->entry);         \
                                                                  \
		call->value = !!(__VA_ARGS__);                    \
	}

#define NUMBER(level, symbol, ...)                                \
	HELPER(symbol)                                            \
	{                                                         \
		level##_t entry = __##level(call->entry);         \
                                                                  \
		call->value = (__VA_ARGS__);                      \
	}

#define CHANGE(level, symbol, ...)                                \
	HELPER(symbol)                                            \
	{                                                         \
		level##_t entry = __##level(call->entry);         \
                                                                  \
		call->value = level##_val(__VA_ARGS__);           \
	}

#define MAKE(level, symbol, ...)                                  \
	HELPER(symbol)                                            \
	{                                                         \
		call->value = level##_val(__VA_ARGS__);           \
	}

#define SWAP(level, symbol, ...)                                  \
	HELPER(symbol)                                            \
	{                                                         \
		level##_t entry = __##level(call->entry);         \
		swp_entry_t held = __VA_ARGS__;                   \
                                                                  \
		call->value = __swp_type(held);                   \
		call->after = __swp_offset(held);                 \
	}

/* `at` is the address that it is given, where `entry` is, and `other` a second entry. */
#define ACCESS(level, symbol, ...)                                            \
	HELPER(symbol)                                                        \
	{                                                                     \
		level##_t entry = __##level(call->entry);                     \
		level##_t other = __##level(call->other);                     \
		level##_t *at = slot;                                         \
                                                                              \
		*at = entry;                                                  \
		call->value = 0;                                              \
		__VA_ARGS__;                                                  \
		call->after = level##_val(*(volatile level##_t *)at);         \
		(void)other;                                                  \
	}
/* The same for entries of hugetlbfs, which some architectures keep in another form. */
#define HUGE(level, symbol, ...)                                              \
	HELPER(symbol)                                                        \
	{                                                                     \
		pte_t entry = __pte(call->entry);                             \
		pte_t other = __pte(call->other);                             \
		pte_t *at = slot;                                             \
                                                                              \
		PROBE_SET_HUGE(entry);                                        \
		call->value = 0;                                              \
		__VA_ARGS__;                                                  \
		call->after = pte_val(PROBE_GET_HUGE);                        \
		(void)other;                                                  \
	}
#define RETURNS(...) call->value = (__VA_ARGS__)

#define vma (&probe_vma)
#define huge_vma (&probe_huge_vma)
#define mm (&probe_mm)
#define address PROBE_ADDRESS

/* Names that changed. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 6, 0)
#define PROBE_MKWRITE(helper) helper(entry, vma)
#define PROBE_FULL_OF vma
#else
#define PROBE_MKWRITE(helper) helper(entry)
#define PROBE_FULL_OF mm
#endif
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 6, 0)
#define PROBE_SET_HUGE(entry) set_huge_pte_at(mm, address, at, entry, PMD_SIZE)
#else
#define PROBE_SET_HUGE(entry) set_huge_pte_at(mm, address, at, entry)
#endif
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 11, 0)
#define PROBE_GET_HUGE huge_ptep_get(mm, address, at)
#else
#define PROBE_GET_HUGE huge_ptep_get(at)
#endif
/* Until 6.2 an architecture without this mark has helpers that do nothing. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 3, 0) && !defined(__HAVE_ARCH_PTE_SWP_EXCLUSIVE)
#define PROBE_EXCLUSIVE(helper) __HAVE_ARCH_PTE_SWP_EXCLUSIVE(entry)
#else
#define PROBE_EXCLUSIVE(helper) helper(entry)
#endif
/* Where a kernel finds out when it starts: whether there are huge pages. */
#ifdef CONFIG_PPC64
#define PROBE_HAS_HUGE_PAGES has_transparent_hugepage()
#define PROBE_HAS_HUGE_PUDS has_transparent_pud_hugepage()
#else
#define PROBE_HAS_HUGE_PAGES 1
#define PROBE_HAS_HUGE_PUDS 1
#endif

#ifdef CONFIG_X86
/* Huge pages of both sizes are there. */
struct cpuinfo_x86 boot_cpu_data = {
	.x86_capability[X86_FEATURE_PSE / 32] = 1U << (X86_FEATURE_PSE % 32),
	.x86_capability[X86_FEATURE_GBPAGES / 32] = 1U << (X86_FEATURE_GBPAGES % 32),
};
#endif

/* How many bits of an offset are the page frame number of a migration entry. */
#ifdef SWP_PFN_BITS
#define PROBE_PFN_BITS SWP_PFN_BITS
#elif defined(MAX_PHYSMEM_BITS)
#define PROBE_PFN_BITS (MAX_PHYSMEM_BITS - PAGE_SHIFT)
#else
#define PROBE_PFN_BITS 22
#endif

/* The entry that leads to the page table at a physical address. */
static __always_inline pmd_t probe_table_of(unsigned long table)
{
	pmd_t entry;

	pmd_clear(&entry);
#ifdef CONFIG_LOONGARCH
	/* pmd_populate() reads the table's address in its struct page, and stores the same. */
	pmd_populate_kernel(mm, &entry, (pte_t *)__va(table));
#else
	pmd_populate(mm, &entry,
		     _Generic((pgtable_t)0, struct page *: (pgtable_t)pfn_to_page(table >> PAGE_SHIFT),
			      default: (pgtable_t)__va(table)));
#endif
	return entry;
}

#ifdef CONFIG_PPC_BOOK3S_64
/* The sizes of tables, which a kernel sets by the kind of MMU that it finds. */
/* The linker takes these before those of the tree's own files. */
#define PROBE_SIZE(variable, value) \
	extern typeof(variable) variable; \
	typeof(variable) variable = (value)
PROBE_SIZE(__pte_index_size, PROBE_BY_MMU(PTE_INDEX_SIZE));
PROBE_SIZE(__pmd_index_size, PROBE_BY_MMU(PMD_INDEX_SIZE));
PROBE_SIZE(__pud_index_size, PROBE_BY_MMU(PUD_INDEX_SIZE));
PROBE_SIZE(__pgd_index_size, PROBE_BY_MMU(PGD_INDEX_SIZE));
#if defined(CONFIG_PPC_64K_PAGES) && !defined(CONFIG_PPC_RADIX_MMU)
/* A table has a second half, for the parts of pages. */
PROBE_SIZE(__pte_table_size, 16UL << H_PTE_INDEX_SIZE);
#else
PROBE_SIZE(__pte_table_size, 8UL << PROBE_BY_MMU(PTE_INDEX_SIZE));
#endif
PROBE_SIZE(__pmd_table_size, 8UL << PROBE_BY_MMU(PMD_INDEX_SIZE));
PROBE_SIZE(__pud_table_size, 8UL << PROBE_BY_MMU(PUD_INDEX_SIZE));
PROBE_SIZE(__pgd_table_size, 8UL << PROBE_BY_MMU(PGD_INDEX_SIZE));
/* The sizes of pages that all CPUs have. */
struct mmu_psize_def mmu_psize_defs[MMU_PAGE_COUNT] = {
	[MMU_PAGE_4K] = { .shift = 12 },
	[MMU_PAGE_64K] = { .shift = 16 },
	[MMU_PAGE_2M] = { .shift = 21 },
	[MMU_PAGE_16M] = { .shift = 24 },
	[MMU_PAGE_1G] = { .shift = 30 },
};
#ifdef CONFIG_PPC_RADIX_MMU
PROBE_SIZE(__pmd_val_bits, RADIX_PMD_VAL_BITS);
PROBE_SIZE(__pud_val_bits, RADIX_PUD_VAL_BITS);
PROBE_SIZE(__pgd_val_bits, RADIX_PGD_VAL_BITS);
#else
PROBE_SIZE(__pmd_val_bits, HASH_PMD_VAL_BITS);
PROBE_SIZE(__pud_val_bits, HASH_PUD_VAL_BITS);
PROBE_SIZE(__pgd_val_bits, HASH_PGD_VAL_BITS);
#endif
#endif

/*
 * Without the tree's C files: the two that mm/pgtable-generic.c has for all architectures that have none of their own.
 * They call what the headers have: a read, an exchange for the invalid form, a flush.
 */
#if defined(PROBE_HEADERS_ONLY) && defined(CONFIG_TRANSPARENT_HUGEPAGE)
#ifndef __HAVE_ARCH_PMDP_INVALIDATE
pmd_t pmdp_invalidate(struct vm_area_struct *of, unsigned long at, pmd_t *pmdp)
{
	pmd_t before = *pmdp;

	before = pmdp_establish(of, at, pmdp, pmd_mkinvalid(before));
	flush_pmd_tlb_range(of, at, at + PMD_SIZE);
	return before;
}
#endif
#if LINUX_VERSION_CODE >= KERNEL_VERSION(5, 19, 0) && !defined(__HAVE_ARCH_PMDP_INVALIDATE_AD)
pmd_t pmdp_invalidate_ad(struct vm_area_struct *of, unsigned long at, pmd_t *pmdp)
{
	return pmdp_invalidate(of, at, pmdp);
}
#endif
#endif

/* What guests need beside helpers: probe.h declares them. */
unsigned long probe_page_shift(void);
unsigned long probe_page_shift(void)
{
	return PAGE_SHIFT;
}

unsigned long probe_pmd_shift(void);
unsigned long probe_pmd_shift(void)
{
	return PMD_SHIFT;
}

unsigned long probe_empty(void);
unsigned long probe_empty(void)
{
	pmd_t entry = __pmd(0);

	pmd_clear(&entry);
	return pmd_val(entry);
}

/* An entry as the number that lies in memory. */
unsigned long probe_in_memory(unsigned long entry);
unsigned long probe_in_memory(unsigned long entry)
{
	pmd_t stored = __pmd(entry);
	unsigned long number;

	__builtin_memcpy(&number, &stored, sizeof(number));
	return number;
}

unsigned long probe_read(void *pmdp);
unsigned long probe_read(void *pmdp)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 5, 0)
	return pmd_val(pmdp_get_lockless(pmdp));
#else
	return pmd_val(READ_ONCE(*(pmd_t *)pmdp));
#endif
}

void probe_write(void *pmdp, unsigned long entry);
void probe_write(void *pmdp, unsigned long entry)
{
	set_pmd_at(mm, address, (pmd_t *)pmdp, __pmd(entry));
}

#ifdef CONFIG_TRANSPARENT_HUGEPAGE
unsigned long probe_invalidate(void *pmdp, unsigned long at);
unsigned long probe_invalidate(void *pmdp, unsigned long at)
{
	return pmd_val(pmdp_invalidate(vma, at & PMD_MASK, (pmd_t *)pmdp));
}

#if LINUX_VERSION_CODE >= KERNEL_VERSION(5, 19, 0)
unsigned long probe_invalidate_ad(void *pmdp, unsigned long at);
unsigned long probe_invalidate_ad(void *pmdp, unsigned long at)
{
	return pmd_val(pmdp_invalidate_ad(vma, at & PMD_MASK, (pmd_t *)pmdp));
}
#endif
#endif

#endif
