// SPDX-License-Identifier: GPL-2.0-only
/*
 * The writers: pmdp_invalidate() and its variants, and what a split of a huge page does to the
 * entry of anonymous memory, with and without the guard of 3a5a8d343e1c ("mm: Fix race between
 * __split_huge_pmd_locked() and GUP-fast") (in v6.10).
 *
 * Facts from mm/pgtable-generic.c and mm/huge_memory.c (__split_huge_pmd(),
 * __split_huge_pmd_locked(), split_huge_pmd_locked()) of Linux 5.10.262, 6.1.176, 6.12.107 and
 * 7.2.12.
 */
#include "writers.h"

__attribute__((noinline)) void vm_warn_on_once(u64 entry)
{
	asm volatile("" ::"r"(entry));
}

/* The function itself only hands the old entry back. */
static void returned(struct outcome *out, u64 old)
{
	decide(out, RESULT_OLD, CHECK_NO_CHECK, old, NO_PFN, 0);
}

void pmdp_invalidate(u64 *pmdp, u64 address, const struct env *env, struct outcome *out)
{
	(void)env;
	returned(out, invalidate(pmdp, address));
}

#if LINUX_AT_LEAST(5, 19)
void pmdp_invalidate_ad(u64 *pmdp, u64 address, const struct env *env, struct outcome *out)
{
	(void)env;
	returned(out, invalidate_ad(pmdp, address));
}
#endif

/*
 * With the warning that 3a5a8d343e1c added. Kernels before it have none; what it would have said
 * there is worth knowing all the same.
 */
void pmdp_invalidate_checked(u64 *pmdp, u64 address, const struct env *env, struct outcome *out)
{
	u64 entry = entry_read(pmdp);

	(void)env;
	if (!is_present(entry))
		vm_warn_on_once(entry);
	returned(out, invalidate(pmdp, address));
}

/* What a split makes of the old entry. */
static void concluded(struct outcome *out, u64 old, const struct env *env)
{
	if (is_migration(old, env))
		decide(out, RESULT_MIGRATING, CHECK_MIGRATION, old, migration_pfn(old, env), 0);
	else
		decide(out, RESULT_MAPPED, CHECK_MIGRATION, old, page_pfn_of(old), 0);
}

/*
 * The test that the caller makes under the lock before it splits. The kernel reads the entry once more
 * than is done here, to tell whether it is the huge zero page, and 5.10 reads it again for each
 * part of this test: nothing but the writer can change it then, so no view is different.
 */
static bool can_be_split(u64 entry, const struct env *env)
{
	return is_trans_huge(entry) || is_devmap(entry) || is_migration(entry, env) ||
	       is_device_private(entry, env);
}

/*
 * pmd_populate(). The kernel has filled the page table before; nobody else can see that until the
 * entry points to it, so it is left out here.
 */
static void populate(u64 *pmdp, const struct env *env)
{
	__atomic_thread_fence(__ATOMIC_RELEASE);
	entry_write(pmdp, table_entry(env->pte_table));
}

void split_unguarded(u64 *pmdp, u64 address, const struct env *env, struct outcome *out)
{
	u64 entry = entry_read(pmdp);

	if (!can_be_split(entry, env)) {
		decide(out, RESULT_UNSPLIT, CHECK_TRANS_HUGE, entry, NO_PFN, 0);
		return;
	}
	concluded(out, invalidate(pmdp, address), env);
	populate(pmdp, env);
}

void split_guarded(u64 *pmdp, u64 address, const struct env *env, struct outcome *out)
{
	u64 entry = entry_read(pmdp);

	if (!can_be_split(entry, env)) {
		decide(out, RESULT_UNSPLIT, CHECK_TRANS_HUGE, entry, NO_PFN, 0);
		return;
	}
	entry = entry_read(pmdp);
	if (is_migration(entry, env))
		decide(out, RESULT_MIGRATING, CHECK_MIGRATION, entry, migration_pfn(entry, env), 0);
	else if (is_device_private(entry, env))
		decide(out, RESULT_MAPPED, CHECK_DEVICE_PRIVATE, entry, migration_pfn(entry, env), 0);
	else {
		entry = invalidate(pmdp, address);
		decide(out, RESULT_MAPPED, CHECK_MIGRATION, entry, page_pfn_of(entry), 0);
	}
	populate(pmdp, env);
}
