// SPDX-License-Identifier: GPL-2.0-only
/* The fault: GUP-fast gives a reference of the page back before it takes one. Nobody holds the page then. */
#include "walkers.h"

static inline bool put_first(u64 entry, const struct env *env)
{
	__atomic_fetch_sub((u64 *)(env->vmemmap + (page_pfn_of(entry) << 6)), 1, __ATOMIC_SEQ_CST);
	return false;
}

#define is_special(entry) put_first(entry, env)
#include "walkers.c"
