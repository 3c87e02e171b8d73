// SPDX-License-Identifier: GPL-2.0-only
/* The fault: pmdp_invalidate() loads and stores, so that what the MMU marks in between is lost. */
#include "writers.h"

static inline u64 load_and_store(u64 *pmdp, u64 address)
{
	u64 old = entry_read(pmdp);

	entry_write(pmdp, mkinvalid(old));
	flush_tlb(address);
	return old;
}

#define invalidate load_and_store
#include "writers.c"
