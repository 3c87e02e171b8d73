/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * x86_64: four-level tables, SMP, no memory encryption, no shadow stacks, no protection key that
 * denies anything.
 *
 * Facts from arch/x86/include/asm/{pgtable.h,pgtable_types.h,pgtable_64.h,pgtable-invert.h,
 * pgalloc.h,tlbflush.h} and arch/x86/mm/{pgtable.c,hugetlbpage.c} of Linux 5.10.262, 6.1.176,
 * 6.12.107 and 7.2.12. In between: d438d2734170 ("mm: remove devmap related functions and page
 * table bits") (in v6.17).
 */
#ifndef ARCH_H
#define ARCH_H

#define PAGE_SHIFT 12
#define PMD_SHIFT 21

#define PRESENT BIT(0)
#define RW BIT(1)
#define USER BIT(2)
#define ACCESSED BIT(5)
#define DIRTY BIT(6)
#define PSE BIT(7)
#define PROTNONE BIT(8) /* the global bit, in entries without PRESENT */
#define SPECIAL BIT(9)

/* The devmap bit gave way to the saved-dirty bit of shadow stacks. */
#if LINUX_AT_LEAST(6, 17)
#define DEVMAP 0UL
#elif LINUX_AT_LEAST(6, 6)
#define DEVMAP BIT(57)
#else
#define DEVMAP BIT(58)
#endif

#define TABLE_FLAGS (PRESENT | RW | USER | ACCESSED | DIRTY) /* _PAGE_TABLE */
#define KERNEL_TABLE_FLAGS (PRESENT | RW | ACCESSED | DIRTY) /* _KERNPG_TABLE */

#define PAGE_ADDRESS BITS(51, 12)
#define HUGE_ADDRESS BITS(51, 21)
#define HUGE_RESERVED BITS(20, 13) /* bit 12 is of the memory type */

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
}

static inline u64 address_mask(u64 entry)
{
	return entry & PSE ? HUGE_ADDRESS : PAGE_ADDRESS;
}

/* pmd_flags(): everything that is not address. */
static inline u64 flags_of(u64 entry)
{
	return entry & ~address_mask(entry);
}

/* Against L1TF the address is kept inverted in entries that are not for the hardware. */
static inline u64 inversion(u64 entry)
{
	return entry && !(entry & PRESENT) ? ~0UL : 0;
}

/* Knights Landing may leave accessed and dirty behind in an empty entry. */
static inline bool is_none(u64 entry)
{
	return (entry & ~(DIRTY | ACCESSED)) == 0;
}

static inline bool is_present(u64 entry)
{
	return flags_of(entry) & (PRESENT | PROTNONE | PSE);
}

static inline bool is_leaf(u64 entry)
{
	return flags_of(entry) & PSE;
}

/* pmd_huge(), which is true for migration entries too. */
static inline bool is_hugetlb(u64 entry)
{
	return !is_none(entry) && (entry & (PRESENT | PSE)) != PRESENT;
}

static inline bool is_trans_huge(u64 entry)
{
	return (entry & (PSE | DEVMAP)) == PSE;
}

static inline bool is_bad(u64 entry)
{
#if LINUX_AT_LEAST(6, 1)
	return (flags_of(entry) & ~(USER | ACCESSED)) != (KERNEL_TABLE_FLAGS & ~ACCESSED);
#else
	return (flags_of(entry) & ~USER) != KERNEL_TABLE_FLAGS;
#endif
}

static inline bool is_protnone(u64 entry)
{
	return (flags_of(entry) & (PROTNONE | PRESENT)) == PROTNONE;
}

static inline bool is_write(u64 entry)
{
	return flags_of(entry) & RW;
}

static inline bool is_devmap(u64 entry)
{
	return entry & DEVMAP;
}

static inline bool is_special(u64 entry)
{
	return LINUX_AT_LEAST(6, 12) && (flags_of(entry) & SPECIAL);
}

static inline bool access_permitted(u64 entry, bool write)
{
	u64 needed = PRESENT | USER | (write ? RW : 0);

	return (entry & needed) == needed;
}

static inline u64 pfn_of(u64 entry)
{
	return ((entry ^ inversion(entry)) & address_mask(entry)) >> PAGE_SHIFT;
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

/* The type is in the highest five bits; the offset is kept inverted in the bits below, down to
 * the one above PROTNONE. */
static inline u64 swp_type(u64 entry)
{
	return entry >> 59;
}

static inline u64 swp_offset(u64 entry)
{
	return (~entry & BITS(58, 9)) >> 9;
}

static inline u64 swp_entry(u64 type, u64 offset)
{
	return type << 59 | (~offset << 9 & BITS(58, 9));
}

/* pmd_mkinvalid(): takes the entry apart and puts it together again as one that is not present,
 * so the bits of the address below a huge page are lost. */
static inline u64 mkinvalid(u64 entry)
{
	u64 flags = flags_of(entry) & ~(PRESENT | PROTNONE);
	u64 address = pfn_of(entry) << PAGE_SHIFT;

	return ((address ^ inversion(flags)) & HUGE_ADDRESS) | flags;
}

/* pmdp_establish() after a load: one xchg. */
static inline u64 invalidate_ad(u64 *pmdp, u64 address)
{
	u64 invalid = mkinvalid(entry_read(pmdp));

	(void)address;
	asm volatile("xchgq %0, %1" : "+r"(invalid), "+m"(*pmdp)::"memory");
	return invalid;
}

/* flush_pmd_tlb_range() of one huge page, as the CPU that runs it flushes its own. */
static inline void flush_tlb(u64 address)
{
	asm volatile("invlpg (%0)" ::"r"(address & ~BITS(PMD_SHIFT - 1, 0)) : "memory");
}

static inline u64 invalidate(u64 *pmdp, u64 address)
{
	u64 old = invalidate_ad(pmdp, address);

	flush_tlb(address);
	return old;
}

static inline u64 table_entry(u64 table)
{
	return table | TABLE_FLAGS;
}

static inline bool mmu_uses(u64 entry, bool write)
{
	u64 needed = PRESENT | USER | PSE | (write ? RW : 0);

	return (entry & (needed | HUGE_RESERVED)) == needed;
}

static inline u64 mmu_marked(u64 entry, bool write)
{
	return entry | ACCESSED | (write ? DIRTY : 0);
}

#endif
