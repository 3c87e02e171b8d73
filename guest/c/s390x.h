/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * s390x: segment-table entries of 1 MB, on a machine with EDAT1, no-execute and IDTE, without
 * page-table checks.
 *
 * Facts from arch/s390/include/asm/{pgtable.h,pgalloc.h} and arch/s390/mm/{pgtable.c,
 * hugetlbpage.c} of Linux 5.10.262, 6.1.176, 6.12.107 and 7.2.12. In between: ae1b9fb2d556
 * ("s390/mm: Rearrange region-third and segment table entry SW bits"), 03e6db16b808 ("s390/mm:
 * Introduce region-third and segment table entry present bits") and f934f6be76c1 ("s390/mm:
 * Introduce region-third and segment table swap entries") (in v6.13), and 10dd5a000989 ("s390/mm:
 * Enable THP_SWAP and THP_MIGRATION") (in v6.17).
 */
#ifndef ARCH_H
#define ARCH_H

#define PAGE_SHIFT 12
#define PMD_SHIFT 20

#define TYPE BITS(3, 2)
#define INVALID 0x20UL
#define NOEXEC 0x100UL
#define PROTECT 0x200UL
#define LARGE 0x400UL

#if LINUX_AT_LEAST(6, 13)
#define PRESENT 0x1UL
#define READ 0x4000UL
#define WRITE 0x8000UL
#else
#define PRESENT 0UL
#define READ 0x1UL
#define WRITE 0x2UL
#endif
#define COMMON 0x10UL /* the common-segment bit, in swap entries */

#define TABLE_ORIGIN (~0x7ffUL)
#define LARGE_ORIGIN (~0xfffffUL)

#define EMPTY INVALID

#define HAVE_GUP_FAST 1
#define HAVE_SWAP_PMD LINUX_AT_LEAST(6, 17)
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
	return entry == EMPTY;
}

/* The invalid bit says nothing here: an old or inaccessible mapping has it too. */
static inline bool is_present(u64 entry)
{
#if LINUX_AT_LEAST(6, 13)
	return entry & PRESENT;
#else
	return entry != EMPTY;
#endif
}

static inline bool is_leaf(u64 entry)
{
#if LINUX_AT_LEAST(6, 13)
	return is_present(entry) && (entry & LARGE);
#else
	return entry & LARGE;
#endif
}

static inline bool is_hugetlb(u64 entry)
{
	return is_leaf(entry);
}

static inline bool is_trans_huge(u64 entry)
{
	return is_leaf(entry);
}

/* Besides origin and flags, a pointer to a table has only these bits: invalid, common segment and
 * the two lowest ones. */
static inline bool is_bad(u64 entry)
{
	return (entry & TYPE) || is_leaf(entry) || (entry & (NOEXEC | 0xc0UL));
}

static inline bool is_protnone(u64 entry)
{
	return is_leaf(entry) && !(entry & READ);
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
	return (entry & (is_leaf(entry) ? LARGE_ORIGIN : TABLE_ORIGIN)) >> PAGE_SHIFT;
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

#if HAVE_SWAP_PMD
static inline u64 swp_type(u64 entry)
{
	return entry >> 6 & BITS(4, 0);
}

static inline u64 swp_offset(u64 entry)
{
	return entry >> 12;
}

static inline u64 swp_entry(u64 type, u64 offset)
{
	return INVALID | COMMON | (type & BITS(4, 0)) << 6 | offset << 12;
}
#endif

/*
 * Invalidates one segment-table entry on all CPUs: the machine itself sets the invalid bit. It
 * finds the entry by the origin of its table and the address.
 */
static inline void idte(u64 *pmdp, u64 address)
{
	u64 origin = (u64)pmdp - (address >> PMD_SHIFT & BITS(10, 0)) * 8;

	asm volatile("idte %0, 0, %1, 0" ::"a"(origin), "a"(address & LARGE_ORIGIN) : "cc", "memory");
}

/*
 * pmdp_invalidate() and pmdp_xchg_direct(): a load for the new value, another for the old one;
 * then, unless that is invalid already, IDTE; and then in any case a plain store. The flush is
 * part of IDTE and so comes before the store.
 */
static inline u64 invalidate(u64 *pmdp, u64 address)
{
	u64 invalid = entry_read(pmdp) | INVALID;
	u64 old = entry_read(pmdp);

	if (!(old & INVALID))
		idte(pmdp, address);
	entry_write(pmdp, invalid);
	return old;
}

/* The generic one is pmdp_invalidate(). */
static inline u64 invalidate_ad(u64 *pmdp, u64 address)
{
	return invalidate(pmdp, address);
}

static inline u64 table_entry(u64 table)
{
	return PRESENT | table;
}

#endif
