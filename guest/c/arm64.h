/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * arm64: 4K pages, 48-bit virtual and physical addresses, little endian, a CPU without LSE
 * atomics, TLB range operations or a permission overlay that denies anything, and an MMU that
 * marks entries as accessed and dirty by itself (FEAT_HAFDBS).
 *
 * Facts from arch/arm64/include/asm/{pgtable.h,pgtable-hwdef.h,pgtable-prot.h,pgalloc.h,
 * tlbflush.h,cmpxchg.h} and arch/arm64/mm/hugetlbpage.c of Linux 5.10.262, 6.1.176, 6.12.107 and
 * 7.2.12. In between: the swap type lost its lowest bit to the exclusive marker in v5.19;
 * f0f5863a0fb0 ("arm64/mm: Remove PTE_PROT_NONE bit") and its series (in v6.10) moved the
 * present-invalid bit and the swap fields; d1770e909898 ("arm64/mm: Check pmd_table() in
 * pmd_trans_huge()") (in v6.15); d438d2734170 ("mm: remove devmap related functions and page table
 * bits") (in v6.17).
 */
#ifndef ARCH_H
#define ARCH_H

#define PAGE_SHIFT 12
#define PMD_SHIFT 21

#define VALID BIT(0)
#define NOT_BLOCK BIT(1)
#define USER BIT(6)
#define RDONLY BIT(7) /* AP[2] */
#define ACCESSED BIT(10)
#define DBM BIT(51) /* PTE_WRITE */
#define CONT BIT(52)
#define PXN_TABLE BIT(59)
#define UXN BIT(54)
#define SPECIAL BIT(56)
#define DEVMAP BIT(57)

/* Kept by software in entries without VALID. */
#if LINUX_AT_LEAST(6, 10)
#define PRESENT_INVALID BIT(11)
#define ADDRESS BITS(49, 12)
#else
#define PROT_NONE BIT(58)
#define PRESENT_INVALID BIT(59)
#define ADDRESS BITS(47, 12)
#endif

#define EMPTY 0UL

#define HAVE_GUP_FAST 1
#define HAVE_SWAP_PMD 1
#define HAVE_MMU_MARKS 1

static inline u64 entry_read(const u64 *pmdp)
{
	return *(const volatile u64 *)pmdp;
}

static inline void entry_write(u64 *pmdp, u64 entry)
{
	*(volatile u64 *)pmdp = entry;
	if (entry & VALID)
		asm volatile("dsb ishst\n\tisb" ::: "memory");
}

static inline bool is_none(u64 entry)
{
	return entry == 0;
}

static inline bool is_present(u64 entry)
{
#if LINUX_AT_LEAST(6, 10)
	return (entry & VALID) || (entry & (VALID | PRESENT_INVALID)) == PRESENT_INVALID;
#else
	return entry & (VALID | PROT_NONE | PRESENT_INVALID);
#endif
}

static inline bool is_table(u64 entry)
{
	return (entry & (VALID | NOT_BLOCK)) == (VALID | NOT_BLOCK);
}

static inline bool is_leaf(u64 entry)
{
	return is_present(entry) && !is_table(entry);
}

/* pmd_huge(), which is true for migration entries too. */
static inline bool is_hugetlb(u64 entry)
{
	return entry && !(entry & NOT_BLOCK);
}

/* Written in another way since v6.15 (and 6.12.31), with the same answer for every value. */
static inline bool is_trans_huge(u64 entry)
{
	return is_present(entry) && !(entry & NOT_BLOCK);
}

static inline bool is_bad(u64 entry)
{
	return !is_table(entry);
}

static inline bool is_protnone(u64 entry)
{
#if LINUX_AT_LEAST(6, 10)
	return (entry & (VALID | PRESENT_INVALID)) == PRESENT_INVALID && !(entry & USER) && (entry & UXN);
#else
	return (entry & (VALID | PROT_NONE)) == PROT_NONE;
#endif
}

static inline bool is_write(u64 entry)
{
	return entry & DBM;
}

static inline bool is_devmap(u64 entry)
{
	return !LINUX_AT_LEAST(6, 17) && (entry & DEVMAP);
}

static inline bool is_special(u64 entry)
{
	return LINUX_AT_LEAST(6, 12) && (entry & SPECIAL);
}

static inline bool access_permitted(u64 entry, bool write)
{
	return (entry & (VALID | USER)) == (VALID | USER) && (!write || is_write(entry));
}

static inline u64 pfn_of(u64 entry)
{
	return (entry & ADDRESS & ~BITS(PMD_SHIFT - 1, 0)) >> PAGE_SHIFT;
}

/* pmd_page() does not mask the bits below the huge page. */
static inline u64 page_pfn_of(u64 entry)
{
	return (entry & ADDRESS) >> PAGE_SHIFT;
}

static inline u64 leaf_size(u64 entry)
{
	return entry & CONT ? 16UL << PMD_SHIFT : 1UL << PMD_SHIFT;
}

#if LINUX_AT_LEAST(6, 10)
#define SWP_TYPE BITS(10, 6)
#define SWP_TYPE_SHIFT 6
#define SWP_OFFSET BITS(61, 12)
#define SWP_OFFSET_SHIFT 12
#elif LINUX_AT_LEAST(5, 19)
#define SWP_TYPE BITS(7, 3)
#define SWP_TYPE_SHIFT 3
#define SWP_OFFSET BITS(57, 8)
#define SWP_OFFSET_SHIFT 8
#else
#define SWP_TYPE BITS(7, 2)
#define SWP_TYPE_SHIFT 2
#define SWP_OFFSET BITS(57, 8)
#define SWP_OFFSET_SHIFT 8
#endif

static inline u64 swp_type(u64 entry)
{
	return (entry & SWP_TYPE) >> SWP_TYPE_SHIFT;
}

static inline u64 swp_offset(u64 entry)
{
	return (entry & SWP_OFFSET) >> SWP_OFFSET_SHIFT;
}

static inline u64 swp_entry(u64 type, u64 offset)
{
	return type << SWP_TYPE_SHIFT | offset << SWP_OFFSET_SHIFT;
}

/* flush_pmd_tlb_range() of one huge page. The address space identifier is zero here. */
static inline void flush_tlb(u64 address)
{
	u64 page = address >> 12 & BITS(43, 0);

	asm volatile("dsb ishst\n\t"
		     "tlbi vae1is, %0\n\t"
		     "dsb ish" ::"r"(page) : "memory");
}

/*
 * The generic pmdp_invalidate(): a load to compute the new value from, then an exchange, which
 * without LSE is a loop of ldxr and stxr, then the flush.
 */
static inline u64 invalidate(u64 *pmdp, u64 address)
{
	u64 invalid = (entry_read(pmdp) | PRESENT_INVALID) & ~VALID;
	u64 old;
	u32 failed;

	asm volatile("1:	ldxr	%0, %2\n"
		     "	stxr	%w1, %3, %2\n"
		     "	cbnz	%w1, 1b"
		     : "=&r"(old), "=&r"(failed), "+Q"(*pmdp)
		     : "r"(invalid)
		     : "memory");
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
#if LINUX_AT_LEAST(6, 13)
	return table | VALID | NOT_BLOCK | PXN_TABLE | BIT(10); /* PMD_TABLE_AF */
#elif LINUX_AT_LEAST(5, 13)
	return table | VALID | NOT_BLOCK | PXN_TABLE;
#else
	return table | VALID | NOT_BLOCK;
#endif
}

/* With DBM, a store to what is read-only makes it writable, and that is the dirty mark. */
static inline bool mmu_uses(u64 entry, bool write)
{
	return (entry & (VALID | NOT_BLOCK | USER)) == (VALID | USER) &&
	       (!write || !(entry & RDONLY) || (entry & DBM));
}

static inline u64 mmu_marked(u64 entry, bool write)
{
	return (entry | ACCESSED) & ~(write ? RDONLY : 0);
}

#endif
