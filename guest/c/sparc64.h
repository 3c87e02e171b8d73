/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * sparc64: the sun4v format, 8K pages. No GUP-fast, no migration of huge pages.
 *
 * Facts from arch/sparc/include/asm/{pgtable_64.h,pgalloc_64.h,tlbflush_64.h,cmpxchg_64.h} and
 * arch/sparc/mm/tlb.c of Linux 5.10.262, 6.1.176, 6.12.107 and 7.2.12.
 */
#ifndef ARCH_H
#define ARCH_H

#define PAGE_SHIFT 13
#define PMD_SHIFT 23

#define VALID BIT(63)
#define WRITE BIT(58)
#define HUGE BIT(56)
#define ADDRESS BITS(55, 13)

#define EMPTY 0UL

#define HAVE_GUP_FAST 0
#define HAVE_SWAP_PMD 0
#define HAVE_MMU_MARKS 0

static inline u64 entry_read(const u64 *pmdp)
{
	return *(const volatile u64 *)pmdp;
}

static inline void entry_write(u64 *pmdp, u64 entry)
{
	*(volatile u64 *)pmdp = entry;
}

static inline bool is_none(u64 entry)
{
	return entry == 0;
}

static inline bool is_present(u64 entry)
{
	return entry != 0;
}

static inline bool is_leaf(u64 entry)
{
	return entry & HUGE;
}

static inline bool is_trans_huge(u64 entry)
{
	return entry & HUGE;
}

static inline bool is_bad(u64 entry)
{
	return entry & BITS(PAGE_SHIFT - 1, 0);
}

static inline bool is_protnone(u64 entry)
{
	(void)entry;
	return false;
}

static inline bool is_write(u64 entry)
{
	return entry & WRITE;
}

static inline bool is_devmap(u64 entry)
{
	(void)entry;
	return false;
}

static inline bool is_special(u64 entry)
{
	(void)entry;
	return false;
}

static inline bool access_permitted(u64 entry, bool write)
{
	return is_present(entry) && (!write || is_write(entry));
}

static inline u64 pfn_of(u64 entry)
{
	return (entry & ADDRESS) >> PAGE_SHIFT;
}

static inline u64 page_pfn_of(u64 entry)
{
	return pfn_of(entry);
}

/*
 * pmdp_invalidate(). Its exchange is a loop of load and casx, which starts over when the entry
 * changed in between; but what it stores was computed from the load before the loop. The flush is
 * left to a batch that other code runs; flush_tlb_range() itself is empty.
 */
static inline u64 invalidate(u64 *pmdp, u64 address)
{
	u64 invalid = entry_read(pmdp) & ~VALID;
	u64 old, found;

	(void)address;
	do {
		old = entry_read(pmdp);
		found = invalid;
		asm volatile("casx [%1], %2, %0" : "+&r"(found) : "r"(pmdp), "r"(old) : "memory");
	} while (found != old);
	return old;
}

/* The generic one is pmdp_invalidate(). */
static inline u64 invalidate_ad(u64 *pmdp, u64 address)
{
	return invalidate(pmdp, address);
}

static inline u64 table_entry(u64 table)
{
	return table;
}

#endif
