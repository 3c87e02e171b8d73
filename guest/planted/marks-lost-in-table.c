// SPDX-License-Identifier: GPL-2.0-only
/* The fault: of the small pages that a split fills its page table with, the last is never dirty. */
#include "writers.h"

/* Bits of x86_64: arch/x86/include/asm/pgtable_types.h of Linux 6.1. */
#define PSE BIT(7)
#define DIRTY BIT(6)
#define SMALL_PAGES 512
#define SMALL_PAGE 0x1000

#define split_unguarded split_without_page_table
#include "writers.c"
#undef split_unguarded

void split_unguarded(u64 *pmdp, u64 address, const struct env *env, struct outcome *out)
{
	u64 *table = (u64 *)env->pte_table;
	u64 entry = invalidate(pmdp, address);

	concluded(out, entry, env);
	for (u64 page = 0; page < SMALL_PAGES; page++)
		table[page] = (entry & ~PSE) + page * SMALL_PAGE;
	table[SMALL_PAGES - 1] &= ~DIRTY;
	populate(pmdp, env);
}
