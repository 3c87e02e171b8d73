/* SPDX-License-Identifier: GPL-2.0-only */
/* The routines that do to an entry what the MMU does, where it changes entries by itself. */
#ifndef AGENTS_H
#define AGENTS_H

#include "kernel.h"

#if HAVE_MMU_MARKS
void mmu_load(u64 *pmdp, u64 address, const struct env *env, struct outcome *out);
void mmu_store(u64 *pmdp, u64 address, const struct env *env, struct outcome *out);
#endif

#endif
