// SPDX-License-Identifier: GPL-2.0-only
/*
 * A guest of one's own: what set_pmd_migration_entry() does to a mapping. It invalidates the entry, then stores a
 * migration entry of the page in its place. docs/guests.md says how this is built and run.
 *
 * Facts from mm/huge_memory.c (set_pmd_migration_entry()) of Linux 6.1.176.
 */
#include "kernel.h"

void set_migration(u64 *pmdp, u64 address, const struct env *env, struct outcome *out)
{
	u64 old = invalidate(pmdp, address);
	u64 type = is_write(old) ? env->migration_write : env->migration_read;

	entry_write(pmdp, swp_entry(type, page_pfn_of(old)));
	decide(out, RESULT_MAPPED, CHECK_NO_CHECK, old, page_pfn_of(old), 0);
}

WRITER("set-migration", set_migration, "entry", "mapping",
       "set_pmd_migration_entry(): puts a migration entry in the place of a mapping");

/* The same with a mistake: the entry is empty for a moment. */
void clear_and_set(u64 *pmdp, u64 address, const struct env *env, struct outcome *out)
{
	u64 old = entry_read(pmdp);
	u64 type = is_write(old) ? env->migration_write : env->migration_read;

	(void)address;
	entry_write(pmdp, EMPTY);
	entry_write(pmdp, swp_entry(type, page_pfn_of(old)));
	decide(out, RESULT_MAPPED, CHECK_NO_CHECK, old, page_pfn_of(old), 0);
}

WRITER("clear-and-set", clear_and_set, "entry", "mapping",
       "a mistaken set-migration: the entry is empty for a moment");
