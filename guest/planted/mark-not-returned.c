// SPDX-License-Identifier: GPL-2.0-only
/* The fault: pmdp_invalidate() returns the old entry without the accessed mark, which memory still has. */
#include "writers.h"

static inline u64 invalidate_well(u64 *pmdp, u64 address)
{
	return invalidate(pmdp, address);
}

#define invalidate(pmdp, address) (invalidate_well(pmdp, address) & ~ACCESSED)
#include "writers.c"
