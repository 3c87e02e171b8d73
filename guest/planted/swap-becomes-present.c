// SPDX-License-Identifier: GPL-2.0-only
/* The fault: pmdp_invalidate() sets a bit by which the kernel tells what is present, of a swap entry too. */
#include "writers.h"

static inline u64 set_protnone(u64 *pmdp, u64 address)
{
	u64 old = entry_read(pmdp);

	entry_write(pmdp, (old & ~PRESENT) | PROTNONE);
	flush_tlb(address);
	return old;
}

#define invalidate set_protnone
#include "writers.c"
