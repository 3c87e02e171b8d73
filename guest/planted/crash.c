// SPDX-License-Identifier: GPL-2.0-only
/* The fault: perf_get_pgtable_size() takes the entry of a huge page for an address. */
#include "walkers.h"

#define leaf_size(entry) (*(const volatile u64 *)((entry) & ADDRESS))
#include "walkers.c"
