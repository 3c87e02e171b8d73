/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * riscv64: Sv39 and wider tables with transparent huge pages, without Svpbmt and Svnapot; from
 * 6.19 on with Svrsw60t59b. The MMU marks entries as accessed and dirty by itself (Svadu).
 *
 * Facts from arch/riscv/include/asm/{pgtable.h,pgtable-64.h,pgtable-bits.h,pgalloc.h,cmpxchg.h}
 * and arch/riscv/mm/tlbflush.c of Linux 6.1.176, 6.12.107 and 7.2.12; 5.10.262 has no huge pages
 * of this kind. In between: 3f910b7a522e ("riscv: enable HAVE_FAST_GUP if MMU") (in v6.9),
 * 03dc00a2b678 ("riscv: Support huge pfnmaps") (in v6.15), d438d2734170 ("mm: remove devmap
 * related functions and page table bits") (in v6.17) and c64da3950cf4 ("riscv: mm: add userfaultfd
 * write-protect support") (in v6.19).
 */
#ifndef ARCH_H
#define ARCH_H

#define PAGE_SHIFT 12
#define PMD_SHIFT 21

#define VALID BIT(0)
#define READ BIT(1)
#define WRITE BIT(2)
#define EXEC BIT(3)
#define USER BIT(4)
#define PROT_NONE BIT(5) /* the global bit, in entries without VALID */
#define ACCESSED BIT(6)
#define DIRTY BIT(7)
#define SPECIAL BIT(8)
#define DEVMAP BIT(9)
#define PFN BITS(53, 10)
#define PFN_SHIFT 10
/* An MMU without the extensions that these bits belong to does not use an entry that has one. */
#if LINUX_AT_LEAST(6, 19)
#define RESERVED (BITS(63, 61) | BITS(58, 54))
#else
#define RESERVED BITS(63, 54)
#endif

/* A leaf has one of these. Some swap entries have too: their soft-dirty mark is bit 3. */
#define LEAF (READ | WRITE | EXEC)

#define EMPTY 0UL

#define HAVE_GUP_FAST LINUX_AT_LEAST(6, 9)
#define HAVE_SWAP_PMD 1
#define HAVE_MMU_MARKS 1

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
	return entry & (VALID | PROT_NONE | LEAF);
}

static inline bool is_leaf(u64 entry)
{
	return is_present(entry) && (entry & LEAF);
}

static inline bool is_trans_huge(u64 entry)
{
	return is_leaf(entry);
}

static inline bool is_bad(u64 entry)
{
	return !is_present(entry) || (entry & LEAF);
}

static inline bool is_protnone(u64 entry)
{
	return (entry & (VALID | PROT_NONE)) == PROT_NONE;
}

static inline bool is_write(u64 entry)
{
	return entry & WRITE;
}

static inline bool is_devmap(u64 entry)
{
	return LINUX_AT_LEAST(6, 12) && !LINUX_AT_LEAST(6, 17) && (entry & DEVMAP);
}

static inline bool is_special(u64 entry)
{
	return LINUX_AT_LEAST(6, 15) && (entry & SPECIAL);
}

static inline bool access_permitted(u64 entry, bool write)
{
	return is_present(entry) && (!write || is_write(entry));
}

static inline u64 pfn_of(u64 entry)
{
	return (entry & PFN) >> PFN_SHIFT & ~BITS(PMD_SHIFT - PAGE_SHIFT - 1, 0);
}

/* pmd_page() does not mask the bits below the huge page. */
static inline u64 page_pfn_of(u64 entry)
{
	return (entry & PFN) >> PFN_SHIFT;
}

static inline u64 leaf_size(u64 entry)
{
	(void)entry;
	return 1UL << PMD_SHIFT;
}

#if LINUX_AT_LEAST(6, 3)
#define SWP_TYPE_SHIFT 7
#else
#define SWP_TYPE_SHIFT 6
#endif
#define SWP_OFFSET_SHIFT (SWP_TYPE_SHIFT + 5)

static inline u64 swp_type(u64 entry)
{
	return entry >> SWP_TYPE_SHIFT & BITS(4, 0);
}

static inline u64 swp_offset(u64 entry)
{
	return entry >> SWP_OFFSET_SHIFT;
}

static inline u64 swp_entry(u64 type, u64 offset)
{
	return type << SWP_TYPE_SHIFT | offset << SWP_OFFSET_SHIFT;
}

/* The generic pmdp_invalidate(): a load, a fully ordered exchange, the flush. */
static inline u64 invalidate(u64 *pmdp, u64 address)
{
	u64 invalid = entry_read(pmdp) & ~(VALID | PROT_NONE);
	u64 old;

	asm volatile("amoswap.d.aqrl %0, %2, %1" : "=r"(old), "+A"(*pmdp) : "r"(invalid) : "memory");
	asm volatile("sfence.vma %0" ::"r"(address) : "memory");
	return old;
}

/* The generic one is pmdp_invalidate(). */
static inline u64 invalidate_ad(u64 *pmdp, u64 address)
{
	return invalidate(pmdp, address);
}

static inline u64 table_entry(u64 table)
{
	return table >> PAGE_SHIFT << PFN_SHIFT | VALID;
}

/* Writable without readable is reserved, and so are bits of the address below the huge page. */
static inline bool mmu_uses(u64 entry, bool write)
{
	u64 needed = VALID | READ | USER | (write ? WRITE : 0);
	u64 below = BITS(PMD_SHIFT - PAGE_SHIFT - 1, 0) << PFN_SHIFT;

	return (entry & (needed | below | RESERVED)) == needed;
}

static inline u64 mmu_marked(u64 entry, bool write)
{
	return entry | ACCESSED | (write ? DIRTY : 0);
}

#endif
