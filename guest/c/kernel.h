/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The architecture that is compiled for, and what Linux builds on every one of them in the same
 * way: swap and migration entries, and the walk down to a page table.
 *
 * An architecture's header gives: PAGE_SHIFT, PMD_SHIFT, EMPTY, HAVE_GUP_FAST, HAVE_SWAP_PMD,
 * HAVE_MMU_MARKS;
 * entry_read() and entry_write(), a single load and store in the kernel's way; the predicates
 * is_*() and access_permitted(); pfn_of(), page_pfn_of() (what pmd_page() takes), leaf_size();
 * swp_type(), swp_offset(), swp_entry(); table_entry(); invalidate() and invalidate_ad(), which
 * return the old entry; ENTRY_IN_MEMORY() if that is not the number itself. With HAVE_MMU_MARKS it
 * gives mmu_uses(), whether the MMU lets a user's load or store through by this entry, as that of
 * a huge page, and mmu_marked(), the entry as the MMU leaves it behind.
 *
 * Facts from include/linux/{swapops.h,pgtable.h} of Linux 5.10.262, 6.1.176 and 6.12.107,
 * include/linux/leafops.h of 7.2.12, and mm/pgtable-generic.c of all of them.
 */
#ifndef KERNEL_H
#define KERNEL_H

#include "guest.h"

#if defined(PROBE)
#include "probe.h"
#elif defined(__aarch64__)
#include "arm64.h"
#elif defined(__x86_64__)
#include "x86_64.h"
#elif defined(__s390x__)
#include "s390x.h"
#elif defined(__powerpc64__)
#include "powerpc.h"
#elif defined(__riscv)
#include "riscv64.h"
#elif defined(__sparc__)
#include "sparc64.h"
#elif defined(__loongarch64)
#include "loongarch64.h"
#else
#error "no header for this architecture"
#endif

#define PMD_SIZE (1UL << PMD_SHIFT)

/* An entry as a number in the CPU's byte order, as it lies in memory. */
#ifndef ENTRY_IN_MEMORY
#define ENTRY_IN_MEMORY(entry) (entry)
#endif

/* is_swap_pmd() */
static inline bool is_swap(u64 entry)
{
	return !is_none(entry) && !is_present(entry);
}

/* is_pmd_migration_entry(); pmd_is_migration_entry() in newer kernels. */
static inline bool is_migration(u64 entry, const struct env *env)
{
#if HAVE_SWAP_PMD
	u64 type = swp_type(entry);

	return is_swap(entry) && (type == env->migration_read || type == env->migration_write ||
				  type == env->migration_read_exclusive);
#else
	(void)entry;
	(void)env;
	return false;
#endif
}

/*
 * pmd_is_device_private_entry(). The two types follow those of migration: writable, then
 * read-only (include/linux/swap.h).
 */
static inline bool is_device_private(u64 entry, const struct env *env)
{
#if HAVE_SWAP_PMD && LINUX_AT_LEAST(7, 2)
	u64 type = swp_type(entry);

	return is_swap(entry) && (type == env->migration_write + 1 || type == env->migration_write + 2);
#else
	(void)entry;
	(void)env;
	return false;
#endif
}

/* The page frame of a migration entry, without the young and dirty bits above it. */
static inline u64 migration_pfn(u64 entry, const struct env *env)
{
#if HAVE_SWAP_PMD
	return swp_offset(entry) & BITS(env->pfn_bits - 1, 0);
#else
	(void)entry;
	(void)env;
	return NO_PFN;
#endif
}

/*
 * pmd_clear_bad(): reports the entry, for which it reads it once more, and empties it.
 */
static inline void clear_bad(u64 *pmdp)
{
	(void)entry_read(pmdp);
	entry_write(pmdp, EMPTY);
}

#endif
