// SPDX-License-Identifier: GPL-2.0-only
/* The fault: pmdp_invalidate() clears VALID and, with it, the lowest bit of a swap entry's offset. */
#include "writers.h"

static inline u64 clear_too_much(u64 *pmdp, u64 address)
{
	u64 old = entry_read(pmdp);

	entry_write(pmdp, old & ~(VALID | BIT(21)));
	flush_tlb(address);
	return old;
}

#define invalidate clear_too_much
#include "writers.c"
