/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * ppc64 and ppc64le, Book3S 64 with 64K pages: MMU_RADIX or MMU_HASH. No protection key denies
 * anything. A radix MMU marks entries as referenced and changed by itself; with a hashed page table
 * that happens in the entries of that.
 *
 * Facts from arch/powerpc/include/asm/book3s/64/{pgtable.h,pgtable-64k.h,radix.h,radix-64k.h,
 * hash.h,hash-64k.h,pgalloc.h,tlbflush.h} and arch/powerpc/mm/{pgtable_64.c,book3s64/pgtable.c,
 * book3s64/radix_pgtable.c,book3s64/hash_pgtable.c,book3s64/radix_tlb.c} of Linux 5.10.262,
 * 6.1.176, 6.12.107 and 7.2.12. In between: d438d2734170 ("mm: remove devmap related functions and
 * page table bits") (in v6.17), d1503aa9ab80 ("powerpc/64s: Add support for huge pfnmaps") (in
 * v7.1).
 */
#ifndef ARCH_H
#define ARCH_H

#define PAGE_SHIFT 16

#define PRESENT BIT(63)
#define PTE BIT(62) /* maps a page, rather than pointing to a table */
#define INVALID BIT(61)
#define DEVMAP BIT(11)
#define SPECIAL BIT(10)
#define ACCESSED BIT(8) /* R: referenced */
#define DIRTY BIT(7)    /* C: changed */
#define PRIVILEGED BIT(3)
#define READ BIT(2)
#define WRITE BIT(1)
#define EXEC BIT(0)
#define RPN BITS(52, PAGE_SHIFT)

#ifdef MMU_HASH
#define PMD_SHIFT 24
#define HASH_BUSY BIT(6)
#define THP_HUGE BIT(13) /* H_PAGE_4K_PFN in a small page */
#define TABLE_FLAGS PRESENT
#define BAD_BITS BITS(11, 0) /* a page table is 4K there */
#else
#define PMD_SHIFT 21
#define THP_HUGE 0UL
#define TABLE_FLAGS (PRESENT | 5) /* 5: the page table's index has five bits */
#define BAD_BITS (PTE | INVALID | BITS(7, 5))
#endif

#define EMPTY 0UL

#define HAVE_GUP_FAST 1
#define HAVE_SWAP_PMD 1
#ifdef MMU_HASH
#define HAVE_MMU_MARKS 0
#else
#define HAVE_MMU_MARKS 1
#endif

/* Entries are big-endian in memory, whatever the CPU's byte order. */
static inline u64 cpu_to_be(u64 number)
{
#ifdef __LITTLE_ENDIAN__
	return __builtin_bswap64(number);
#else
	return number;
#endif
}

#define ENTRY_IN_MEMORY(entry) cpu_to_be(entry)

static inline u64 entry_read(const u64 *pmdp)
{
	return cpu_to_be(*(const volatile u64 *)pmdp);
}

static inline void entry_write(u64 *pmdp, u64 entry)
{
	*(volatile u64 *)pmdp = cpu_to_be(entry);
}

static inline bool is_none(u64 entry)
{
	return entry == 0;
}

static inline bool is_present(u64 entry)
{
	return entry & (PRESENT | INVALID);
}

/* pmd_leaf() and pmd_huge() are true for migration entries too. */
static inline bool is_leaf(u64 entry)
{
	return entry & PTE;
}

static inline bool is_hugetlb(u64 entry)
{
	return entry & PTE;
}

static inline bool is_devmap(u64 entry)
{
	return !LINUX_AT_LEAST(6, 17) && (entry & (DEVMAP | PTE)) == (DEVMAP | PTE);
}

static inline bool is_trans_huge(u64 entry)
{
	u64 devmap = LINUX_AT_LEAST(6, 17) ? 0 : DEVMAP;

	return is_present(entry) && (entry & (PTE | THP_HUGE | devmap)) == (PTE | THP_HUGE);
}

static inline bool is_bad(u64 entry)
{
	return entry & BAD_BITS;
}

static inline bool is_protnone(u64 entry)
{
	return (entry & (PRESENT | PTE | READ | WRITE | EXEC)) == (PRESENT | PTE);
}

static inline bool is_write(u64 entry)
{
	if (entry & WRITE)
		return true;
	/* Protnone mappings used to keep the right to write as the absence of PRIVILEGED. */
	return !LINUX_AT_LEAST(6, 2) && !(entry & (READ | WRITE | EXEC | PRIVILEGED));
}

static inline bool is_special(u64 entry)
{
	return LINUX_AT_LEAST(7, 1) && (entry & SPECIAL);
}

/* pte_present() also takes INVALID for present, but pmd_is_serializing() refuses that first. */
static inline bool access_permitted(u64 entry, bool write)
{
	return (entry & PRESENT) && (entry & PTE) && !(entry & PRIVILEGED) && (entry & READ) &&
	       (!write || is_write(entry));
}

static inline u64 pfn_of(u64 entry)
{
	return (entry & RPN) >> PAGE_SHIFT;
}

static inline u64 page_pfn_of(u64 entry)
{
	return pfn_of(entry);
}

static inline u64 leaf_size(u64 entry)
{
	(void)entry;
	return 1UL << PMD_SHIFT;
}

static inline u64 swp_type(u64 entry)
{
	return entry & BITS(4, 0);
}

static inline u64 swp_offset(u64 entry)
{
	return (entry & RPN) >> PAGE_SHIFT;
}

static inline u64 swp_entry(u64 type, u64 offset)
{
	return PTE | type | (offset << PAGE_SHIFT & RPN);
}

/* Clears and sets bits of the entry as it lies in memory, in one atomic update. */
static inline u64 update(u64 *pmdp, u64 clear, u64 set)
{
	u64 old, new;

#ifdef MMU_HASH
	/* Not while a hash fault is at work on the entry. */
	asm volatile("1:	ldarx	%0, 0, %2\n"
		     "	and.	%1, %0, %5\n"
		     "	bne-	1b\n"
		     "	andc	%1, %0, %3\n"
		     "	or	%1, %1, %4\n"
		     "	stdcx.	%1, 0, %2\n"
		     "	bne-	1b"
		     : "=&r"(old), "=&r"(new)
		     : "r"(pmdp), "r"(cpu_to_be(clear)), "r"(cpu_to_be(set)), "r"(cpu_to_be(HASH_BUSY))
		     : "cc", "memory");
#else
	asm volatile("1:	ldarx	%0, 0, %2\n"
		     "	andc	%1, %0, %3\n"
		     "	or	%1, %1, %4\n"
		     "	stdcx.	%1, 0, %2\n"
		     "	bne-	1b"
		     : "=&r"(old), "=&r"(new)
		     : "r"(pmdp), "r"(cpu_to_be(clear)), "r"(cpu_to_be(set))
		     : "cc", "memory");
#endif
	return cpu_to_be(old);
}

/*
 * Radix: flushes one huge page on all CPUs, by radix__flush_pmd_tlb_range() of a process with the
 * identifier 0. Hash: nothing here; the entry's copies in the hashed page table are removed by
 * hpte_do_hugepage_flush(), which this tool has no model of.
 */
static inline void flush_tlb(u64 address)
{
#ifdef MMU_HASH
	(void)address;
#else
	/* The page, and in bits 7..5 its size: 1 for 2 MB. */
	u64 page = (address & ~BITS(11, 0)) | 1UL << 5;

	/* tlbie page, process, 0, 1, 1: of the process's radix tree, entries of the page only. */
	asm volatile("sync\n"
		     "	ptesync\n"
		     "	.long	0x7c030264 | %1 << 21 | %0 << 11\n"
		     "	eieio\n"
		     "	tlbsync\n"
		     "	ptesync" ::"r"(page), "r"(0UL) : "memory");
#endif
}

static inline u64 invalidate(u64 *pmdp, u64 address)
{
	u64 old = update(pmdp, PRESENT, INVALID);

	flush_tlb(address);
	return old;
}

/* The generic one is pmdp_invalidate(). */
static inline u64 invalidate_ad(u64 *pmdp, u64 address)
{
	return invalidate(pmdp, address);
}

static inline u64 table_entry(u64 table)
{
	return table | TABLE_FLAGS;
}

#if HAVE_MMU_MARKS
static inline bool mmu_uses(u64 entry, bool write)
{
	u64 needed = PRESENT | PTE | READ | (write ? WRITE : 0);

	return (entry & (needed | PRIVILEGED)) == needed;
}

static inline u64 mmu_marked(u64 entry, bool write)
{
	return entry | ACCESSED | (write ? DIRTY : 0);
}
#endif

#endif
