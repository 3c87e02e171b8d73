// SPDX-License-Identifier: GPL-2.0-only
/* The fault: a split reads the entry and puts its page table there, without invalidating anything. */
#include "writers.h"

static inline u64 only_read(u64 *pmdp, u64 address)
{
	(void)address;
	return entry_read(pmdp);
}

#define invalidate only_read
#include "writers.c"
