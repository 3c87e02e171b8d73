/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * loongarch64: 16K pages, three levels of tables, SMP, and a CPU without a hardware page table
 * walker.
 *
 * Facts from arch/loongarch/include/asm/{pgtable.h,pgtable-bits.h,pgalloc.h,addrspace.h,tlb.h},
 * arch/loongarch/mm/{pgtable.c,tlb.c,tlbex.S,hugetlbpage.c}, arch/loongarch/kernel/smp.c and
 * arch/loongarch/Kconfig of Linux 6.1.176, 6.12.107 and 7.2.13, and from pgtable.h and pgtable.c in
 * a tree of 6.6.52. 6.1.176 has the present-invalid bit as a backport from v6.4. In between:
 * 01158487af60 ("LoongArch: Introduce hardware page table walker") (in v6.5) and d438d2734170 ("mm:
 * remove devmap related functions and page table bits") (in v6.17).
 *
 * Software handles what the TLB refuses: tlbex.S has the handlers, the same in all these versions.
 * They are the MMU here. They hold no lock, and mark an entry with one pair of ll.d and sc.d: a load
 * sets VALID, which is the kernel's accessed bit; a store sets DIRTY and MODIFIED too. From v6.5 on,
 * a CPU with a hardware page table walker does this by itself, but leaves MODIFIED as it is
 * (018e9828eb52 ("LoongArch: Fix missing dirty page tracking in {pte,pmd}_wrprotect()")).
 */
#ifndef ARCH_H
#define ARCH_H

#define PAGE_SHIFT 14
#define PMD_SHIFT 25

#define VALID BIT(0) /* _PAGE_ACCESSED too */
#define DIRTY BIT(1)
#define USER BITS(3, 2) /* the least privilege that has access */
#define HUGE BIT(6)
#define PRESENT BIT(7)
#define WRITE BIT(8)
#define MODIFIED BIT(9)
#define PROTNONE BIT(10)
#define DEVMAP BIT(59)
#define PRESENT_INVALID BIT(60)
#define NO_READ BIT(61)
#define ADDRESS BITS(47, 14)

/* The kernel sees physical memory in this window. Pointers to page tables are addresses in it. */
#define CACHED_WINDOW 0x9000000000000000UL

/*
 * The address of invalid_pte_table. It differs between kernel images; this one is INVALID_PTE_TABLE
 * of arches/src/arch/loongarch64.rs.
 */
#define EMPTY (CACHED_WINDOW | 0x01000000UL)

#define HAVE_GUP_FAST 1
#define HAVE_SWAP_PMD 1
#define HAVE_MMU_MARKS 1

static inline u64 entry_read(const u64 *pmdp)
{
	return *(const volatile u64 *)pmdp;
}

/* set_pmd(), which is a plain store before 6.12. set_pmd_at() flushes the TLB too. */
static inline void entry_write(u64 *pmdp, u64 entry)
{
	*(volatile u64 *)pmdp = entry;
}

static inline bool is_none(u64 entry)
{
	return entry == EMPTY;
}

static inline bool is_present(u64 entry)
{
	if (entry & HUGE)
		return entry & (PRESENT | PROTNONE | PRESENT_INVALID);
	return !is_none(entry);
}

/* True for swap entries too. */
static inline bool is_leaf(u64 entry)
{
	return entry & HUGE;
}

/* pmd_huge() */
static inline bool is_hugetlb(u64 entry)
{
	return entry & HUGE;
}

static inline bool is_trans_huge(u64 entry)
{
	return (entry & HUGE) && is_present(entry);
}

static inline bool is_bad(u64 entry)
{
	return entry & BITS(PAGE_SHIFT - 1, 0);
}

static inline bool is_protnone(u64 entry)
{
	return entry & PROTNONE;
}

static inline bool is_write(u64 entry)
{
	return entry & WRITE;
}

static inline bool is_devmap(u64 entry)
{
	return LINUX_AT_LEAST(6, 12) && !LINUX_AT_LEAST(6, 17) && (entry & DEVMAP);
}

/* The special bit is one of PTEs only: no version selects ARCH_SUPPORTS_PMD_PFNMAP. */
static inline bool is_special(u64 entry)
{
	(void)entry;
	return false;
}

static inline bool access_permitted(u64 entry, bool write)
{
	return is_present(entry) && (!write || is_write(entry));
}

/* Does not mask the bits below the huge page. */
static inline u64 pfn_of(u64 entry)
{
	return (entry & ADDRESS) >> PAGE_SHIFT;
}

/* pmd_page() takes another way for what is no huge page, to the same page frame. */
static inline u64 page_pfn_of(u64 entry)
{
	return pfn_of(entry);
}

static inline u64 leaf_size(u64 entry)
{
	(void)entry;
	return 1UL << PMD_SHIFT;
}

/* The entry has 8 bits for it, and 7 since the exclusive marker of PTEs; a swp_entry_t has 6. */
#define SWP_TYPE BITS(5, 0)
#define SWP_TYPE_SHIFT 16
#define SWP_OFFSET_SHIFT 24

static inline u64 swp_type(u64 entry)
{
	return entry >> SWP_TYPE_SHIFT & SWP_TYPE;
}

static inline u64 swp_offset(u64 entry)
{
	return entry >> SWP_OFFSET_SHIFT;
}

static inline u64 swp_entry(u64 type, u64 offset)
{
	return type << SWP_TYPE_SHIFT | offset << SWP_OFFSET_SHIFT | HUGE;
}

/* flush_tlb_all(), as the CPU that runs it flushes its own: INVTLB_CURRENT_ALL. */
static inline void flush_tlb_all(void)
{
	asm volatile("invtlb 1, $zero, $zero" ::: "memory");
}

/*
 * The generic pmdp_invalidate() with generic_pmdp_establish(): a load and a store, between which
 * the entry may change. The source loads the entry twice without READ_ONCE(); Debian's 7.2.13
 * loads it once, both for the new value and for the old one that is returned. The store is
 * set_pmd_at(), which flushes the whole TLB; the flush of the range after it finds nothing left.
 */
static inline u64 invalidate(u64 *pmdp, u64 address)
{
	u64 old = entry_read(pmdp);

	(void)address;
	entry_write(pmdp, (old | PRESENT_INVALID) & ~(PRESENT | VALID | DIRTY | PROTNONE));
	flush_tlb_all();
	return old;
}

/* The generic one is pmdp_invalidate(). */
static inline u64 invalidate_ad(u64 *pmdp, u64 address)
{
	return invalidate(pmdp, address);
}

static inline u64 table_entry(u64 table)
{
	return table | CACHED_WINDOW;
}

/*
 * The refill puts the entry into the TLB whatever it is, and the TLB looks at neither PRESENT nor
 * WRITE. A handler runs only for what the TLB refuses: without VALID, those of loads and stores want
 * PRESENT; without DIRTY, that of stores to a valid page wants WRITE alone.
 */
static inline bool mmu_uses(u64 entry, bool write)
{
	if ((entry & (HUGE | USER)) != (HUGE | USER))
		return false;
	if (!write)
		return !(entry & NO_READ) && (entry & (VALID | PRESENT));
	if (entry & VALID)
		return entry & (DIRTY | WRITE);
	return (entry & (PRESENT | WRITE)) == (PRESENT | WRITE);
}

/* No handler runs for a store by an entry that is valid and dirty: MODIFIED stays as it is. */
static inline u64 mmu_marked(u64 entry, bool write)
{
	if (!write)
		return entry | VALID;
	if ((entry & (VALID | DIRTY)) == (VALID | DIRTY))
		return entry;
	return entry | VALID | DIRTY | MODIFIED;
}

#endif
