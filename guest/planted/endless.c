// SPDX-License-Identifier: GPL-2.0-only
/* The fault: perf_get_pgtable_size() never returns from a huge page. */
#include "walkers.h"

static inline u64 spin(void)
{
	for (;;)
		asm volatile("");
}

#define leaf_size(entry) spin()
#include "walkers.c"
