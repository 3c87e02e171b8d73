// SPDX-License-Identifier: GPL-2.0-only
/* The fault: pmdp_invalidate() stores the entry as it is, so that the MMU goes on using it. */
#include "writers.h"

static inline u64 leave_valid(u64 *pmdp, u64 address)
{
	u64 old = entry_read(pmdp);

	entry_write(pmdp, old);
	flush_tlb(address);
	return old;
}

#define invalidate leave_valid
#define invalidate_ad leave_valid
#include "writers.c"
