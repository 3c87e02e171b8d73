// SPDX-License-Identifier: GPL-2.0-only
/* The fault: GUP-fast does not read the entry again once it has its reference. */
#include "walkers.h"

#define is_special(entry)                                                                           \
	({                                                                                          \
		if (try_grab((u64 *)(env->vmemmap + (page_pfn_of(entry) << 6))))                    \
			return decide(out, RESULT_PAGE, CHECK_SPECIAL, entry, page_pfn_of(entry),   \
				      PMD_SIZE);                                                    \
		true;                                                                               \
	})
#include "walkers.c"
