// SPDX-License-Identifier: GPL-2.0-only
/* The fault: pmdp_invalidate() empties the entry first, and makes it an invalidated one afterwards. */
#include "writers.h"

static inline u64 empty_first(u64 *pmdp, u64 address)
{
	u64 old = entry_read(pmdp);

	entry_write(pmdp, EMPTY);
	flush_tlb(address);
	entry_write(pmdp, (old | PRESENT_INVALID) & ~VALID);
	return old;
}

#define invalidate empty_first
#include "writers.c"
