/* SPDX-License-Identifier: GPL-2.0-only */
/* The routines that read an entry without holding its lock. */
#ifndef WALKERS_H
#define WALKERS_H

#include "kernel.h"

void gup_fast_read(u64 *pmdp, u64 address, const struct env *env, struct outcome *out);
void gup_fast_write(u64 *pmdp, u64 address, const struct env *env, struct outcome *out);
void perf_page_size(u64 *pmdp, u64 address, const struct env *env, struct outcome *out);
void hmm(u64 *pmdp, u64 address, const struct env *env, struct outcome *out);
void pte_offset_map(u64 *pmdp, u64 address, const struct env *env, struct outcome *out);
void fault_read(u64 *pmdp, u64 address, const struct env *env, struct outcome *out);
void fault_write(u64 *pmdp, u64 address, const struct env *env, struct outcome *out);
void page_vma_mapped_walk(u64 *pmdp, u64 address, const struct env *env, struct outcome *out);

#endif
