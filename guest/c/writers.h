/* SPDX-License-Identifier: GPL-2.0-only */
/* The routines that change an entry. In the kernel their callers hold the page-table lock. */
#ifndef WRITERS_H
#define WRITERS_H

#include "kernel.h"

void pmdp_invalidate(u64 *pmdp, u64 address, const struct env *env, struct outcome *out);
void pmdp_invalidate_ad(u64 *pmdp, u64 address, const struct env *env, struct outcome *out);
void pmdp_invalidate_checked(u64 *pmdp, u64 address, const struct env *env, struct outcome *out);
void split_unguarded(u64 *pmdp, u64 address, const struct env *env, struct outcome *out);
void split_guarded(u64 *pmdp, u64 address, const struct env *env, struct outcome *out);

/* Called where a kernel with CONFIG_DEBUG_VM would warn. Whoever watches sees the call. */
void vm_warn_on_once(u64 entry);

#endif
