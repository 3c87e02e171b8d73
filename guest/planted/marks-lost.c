// SPDX-License-Identifier: GPL-2.0-only
/* The fault: pmdp_invalidate() drops the dirty mark, of what it stores and of what it returns. */
#include "writers.h"

static inline u64 drop_dirty(u64 *pmdp, u64 address)
{
	u64 old = entry_read(pmdp) & ~BIT(6); /* _PAGE_DIRTY */

	entry_write(pmdp, mkinvalid(old));
	flush_tlb(address);
	return old;
}

#define invalidate drop_dirty
#include "writers.c"
