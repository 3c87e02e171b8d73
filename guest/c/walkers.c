// SPDX-License-Identifier: GPL-2.0-only
/*
 * The walkers at the level of the PMD, with the checks of each version in its order.
 *
 * A walk ends here where it leaves the entry: when it goes on to the page table, takes a lock
 * that the writer would hold, or gives up.
 *
 * Facts from mm/gup.c, mm/hmm.c, mm/pgtable-generic.c, mm/page_vma_mapped.c, mm/memory.c,
 * include/linux/pgtable.h, include/linux/page_ref.h and kernel/events/core.c of Linux 5.10.262,
 * 6.1.176, 6.12.107 and 7.2.12. In between: d438d2734170 ("mm: remove devmap related functions
 * and page table bits") and 8a6a984c2e0e ("mm: remove redundant pXd_devmap calls") (in v6.17).
 * Device-private huge pages, with what they changed in every walker, came after v6.17: their
 * patches were posted for the seventh time on 2025-10-01.
 */
#include "walkers.h"

static void refused(struct outcome *out, enum check check, u64 entry)
{
	decide(out, RESULT_REFUSED, check, entry, NO_PFN, 0);
}

/* Goes on to the page table; `check` is the last one that was passed on the way. */
static void table(struct outcome *out, enum check check, u64 entry)
{
	decide(out, RESULT_TABLE, check, entry, NO_PFN, 0);
}

static bool is_trans_huge_or_devmap(u64 entry)
{
	return is_trans_huge(entry) || is_devmap(entry);
}

static enum check trans_huge_or_devmap(u64 entry)
{
	return is_trans_huge(entry) ? CHECK_TRANS_HUGE : CHECK_DEVMAP;
}

/*
 * The check by which pte_offset_map() finds that an entry does not lead to a page table, or
 * CHECK_NO_CHECK if it does. Before 6.5 it is pmd_none_or_trans_huge_or_clear_bad(), which
 * callers make first, and which takes device memory for bad.
 */
static enum check without_page_table(u64 entry, const struct env *env)
{
	(void)env;
	if (is_none(entry))
		return CHECK_NONE;
#if LINUX_AT_LEAST(7, 2)
	if (!is_present(entry))
		return CHECK_PRESENT;
#elif LINUX_AT_LEAST(6, 5)
	if (is_migration(entry, env))
		return CHECK_MIGRATION;
#endif
	if (is_trans_huge(entry))
		return CHECK_TRANS_HUGE;
#if LINUX_AT_LEAST(6, 5)
	if (is_devmap(entry))
		return CHECK_DEVMAP;
#else
	if (HAVE_SWAP_PMD && !is_present(entry))
		return CHECK_PRESENT;
#endif
	return is_bad(entry) ? CHECK_BAD : CHECK_NO_CHECK;
}

/* The same for the entry in the table, which is emptied if it is bad. */
static bool map_pte(u64 *pmdp, const struct env *env, struct outcome *out)
{
	u64 entry = entry_read(pmdp);
	enum check check = without_page_table(entry, env);

	if (check == CHECK_NO_CHECK) {
		table(out, CHECK_BAD, entry);
		return true;
	}
	refused(out, check, entry);
	if (check == CHECK_BAD)
		clear_bad(pmdp);
	return false;
}

/* From an entry to its page table. Before 6.5 the table's address is read once more after the checks. */
static bool walk_down(u64 *pmdp, const struct env *env, struct outcome *out)
{
	if (!map_pte(pmdp, env, out))
		return false;
#if !LINUX_AT_LEAST(6, 5)
	table(out, CHECK_BAD, entry_read(pmdp));
#endif
	return true;
}

void pte_offset_map(u64 *pmdp, u64 address, const struct env *env, struct outcome *out)
{
	(void)address;
	walk_down(pmdp, env, out);
}

#if HAVE_GUP_FAST
/*
 * Takes a reference on a page unless it has none: folio_ref_add_unless() or its forerunner. Here
 * every page is the head of its folio.
 */
static bool try_grab(u64 *count)
{
	u64 seen = __atomic_load_n(count, __ATOMIC_RELAXED);

	do {
		if (seen == 0)
			return false;
	} while (!__atomic_compare_exchange_n(count, &seen, seen + 1, false, __ATOMIC_SEQ_CST,
					      __ATOMIC_RELAXED));
	return true;
}

static void put(u64 *count)
{
	__atomic_fetch_sub(count, 1, __ATOMIC_SEQ_CST);
}

/*
 * GUP-fast with FOLL_GET, and FOLL_WRITE if `write`. With these flags no page has to be unshared
 * first and no folio is disallowed. A device's page map counts as found.
 */
static inline __attribute__((always_inline)) void gup_fast(u64 *pmdp, u64 address, bool write,
							   const struct env *env, struct outcome *out)
{
	u64 entry = entry_read(pmdp);
	u64 again, pfn, *count;

	if (!is_present(entry))
		return refused(out, CHECK_PRESENT, entry);
#if LINUX_AT_LEAST(6, 10)
	if (!is_leaf(entry))
		return table(out, CHECK_LEAF, entry);
#else
	if (!(is_trans_huge_or_devmap(entry) || is_hugetlb(entry)))
		return table(out, CHECK_TRANS_HUGE, entry);
#endif
	if (is_protnone(entry))
		return refused(out, CHECK_PROTNONE, entry);
	if (!access_permitted(entry, write))
		return refused(out, CHECK_ACCESS, entry);
	if (is_special(entry))
		return refused(out, CHECK_SPECIAL, entry);

	pfn = page_pfn_of(entry);
	count = (u64 *)(env->vmemmap + (pfn << 6));
	if (!try_grab(count))
		return refused(out, CHECK_GRAB, entry);
	again = entry_read(pmdp);
	if (again != entry) {
		put(count);
		return refused(out, CHECK_REREAD, entry);
	}
	pfn += (address & (PMD_SIZE - 1)) >> PAGE_SHIFT;
	decide(out, RESULT_PAGE, is_devmap(entry) ? CHECK_DEVMAP : CHECK_REREAD, entry, pfn, PMD_SIZE);
}

void gup_fast_read(u64 *pmdp, u64 address, const struct env *env, struct outcome *out)
{
	gup_fast(pmdp, address, false, env, out);
}

void gup_fast_write(u64 *pmdp, u64 address, const struct env *env, struct outcome *out)
{
	gup_fast(pmdp, address, true, env, out);
}
#endif

#if HAVE_GUP_FAST && LINUX_AT_LEAST(5, 11)
/* perf_get_pgtable_size(): how much is mapped at an address, asked with interrupts off. */
void perf_page_size(u64 *pmdp, u64 address, const struct env *env, struct outcome *out)
{
	u64 entry = entry_read(pmdp);

	(void)address;
	if (!is_present(entry))
		return refused(out, CHECK_PRESENT, entry);
	if (is_leaf(entry))
		return decide(out, RESULT_LEAF, CHECK_LEAF, entry, NO_PFN, leaf_size(entry));
#if LINUX_AT_LEAST(6, 5)
	/*
	 * The page table is looked up by this value, not by another read. Where that fails the
	 * kernel starts over, for as long as the entry stays what it is; here the walk ends.
	 */
	if (without_page_table(entry, env) != CHECK_NO_CHECK)
		return decide(out, RESULT_RETRY, without_page_table(entry, env), entry, NO_PFN, 0);
#endif
	(void)env;
	table(out, CHECK_LEAF, entry);
}
#endif

/* hmm_vma_walk_pmd() for a driver that wants every page faulted in and none written to. */
void hmm(u64 *pmdp, u64 address, const struct env *env, struct outcome *out)
{
	u64 entry;

again:
	entry = entry_read(pmdp);
	if (is_none(entry))
		return decide(out, RESULT_FAULT, CHECK_NONE, entry, NO_PFN, 0);
	if (is_migration(entry, env))
		return decide(out, RESULT_WAIT, CHECK_MIGRATION, entry, migration_pfn(entry, env), 0);
	if (!is_present(entry)) {
		if (is_device_private(entry, env))
			return decide(out, RESULT_FAULT, CHECK_DEVICE_PRIVATE, entry, NO_PFN, 0);
		return refused(out, CHECK_PRESENT, entry);
	}
	if (is_trans_huge_or_devmap(entry)) {
		u64 pfn;

		/* Read again, still without a lock; this time its page frame is used. */
		entry = entry_read(pmdp);
		if (!is_trans_huge_or_devmap(entry))
			goto again;
		if (is_protnone(entry))
			return decide(out, RESULT_FAULT, CHECK_PROTNONE, entry, NO_PFN, 0);
		pfn = pfn_of(entry) + ((address & (PMD_SIZE - 1)) >> PAGE_SHIFT);
		return decide(out, RESULT_LEAF, trans_huge_or_devmap(entry), entry, pfn, PMD_SIZE);
	}
	if (is_bad(entry))
		return refused(out, CHECK_BAD, entry);
#if LINUX_AT_LEAST(6, 5)
	if (!map_pte(pmdp, env, out))
		goto again;
#else
	table(out, CHECK_BAD, entry_read(pmdp));
#endif
}

/*
 * handle_pte_fault(): from the entry to its page table. Where that leads to none the fault returns, and
 * the access is made again.
 */
static void fault_below(u64 *pmdp, const struct env *env, struct outcome *out)
{
	u64 entry = entry_read(pmdp);

	if (is_none(entry))
		return decide(out, RESULT_FAULT, CHECK_NONE, entry, NO_PFN, 0);
#if !LINUX_AT_LEAST(6, 5)
	entry = entry_read(pmdp);
	if (is_devmap(entry))
		return decide(out, RESULT_RETRY, CHECK_DEVMAP, entry, NO_PFN, 0);
#endif
	if (!walk_down(pmdp, env, out))
		out->result = RESULT_RETRY;
}

/* The part of __handle_mm_fault() that looks at the PMD before any lock is taken. */
static inline __attribute__((always_inline)) void fault(u64 *pmdp, bool write, const struct env *env,
							struct outcome *out)
{
	u64 entry = entry_read(pmdp);

	/* Huge pages are allowed here, so an empty entry asks for one. */
	if (is_none(entry))
		return decide(out, RESULT_FAULT, CHECK_NONE, entry, NO_PFN, 0);
	entry = entry_read(pmdp);
	/* Emptied meanwhile. */
	if (is_none(entry))
		return fault_below(pmdp, env, out);
#if LINUX_AT_LEAST(7, 2)
	if (!is_present(entry)) {
		if (is_device_private(entry, env))
			return decide(out, RESULT_FAULT, CHECK_DEVICE_PRIVATE, entry, NO_PFN, 0);
		if (is_migration(entry, env))
			return decide(out, RESULT_WAIT, CHECK_MIGRATION, entry,
				      migration_pfn(entry, env), 0);
		return decide(out, RESULT_RETRY, CHECK_PRESENT, entry, NO_PFN, 0);
	}
#else
	if (is_swap(entry)) {
		if (is_migration(entry, env))
			return decide(out, RESULT_WAIT, CHECK_MIGRATION, entry,
				      migration_pfn(entry, env), 0);
		return decide(out, RESULT_RETRY, CHECK_SWAP, entry, NO_PFN, 0);
	}
#endif
	if (!is_trans_huge_or_devmap(entry))
		return fault_below(pmdp, env, out);
	/* Each of these takes the lock and compares the entry before it acts. */
	if (is_protnone(entry))
		return decide(out, RESULT_LEAF, CHECK_PROTNONE, entry, pfn_of(entry), PMD_SIZE);
	if (write && !is_write(entry))
		return decide(out, RESULT_LEAF, CHECK_WRITE, entry, pfn_of(entry), PMD_SIZE);
	decide(out, RESULT_LEAF, CHECK_SET_ACCESSED, entry, pfn_of(entry), PMD_SIZE);
}

void fault_read(u64 *pmdp, u64 address, const struct env *env, struct outcome *out)
{
	(void)address;
	fault(pmdp, false, env, out);
}

void fault_write(u64 *pmdp, u64 address, const struct env *env, struct outcome *out)
{
	(void)address;
	fault(pmdp, true, env, out);
}

/* Whether page_vma_mapped_walk() takes the lock for this entry. */
static bool worth_a_lock(u64 entry, const struct env *env)
{
	return is_trans_huge(entry) || is_migration(entry, env) || is_device_private(entry, env)
#if LINUX_AT_LEAST(6, 1)
	       || (is_present(entry) && is_devmap(entry))
#endif
		;
}

/*
 * page_vma_mapped_walk() without PVMW_MIGRATION, as try_to_migrate() walks. Whether the page is
 * the one that is looked for is left to the reader: it is the one in the outcome.
 *
 * The second read happens under the lock. A writer that holds the lock for its whole run would
 * exclude it; every schedule is run here, those which the lock forbids too.
 */
void page_vma_mapped_walk(u64 *pmdp, u64 address, const struct env *env, struct outcome *out)
{
	u64 entry;

	(void)address;
#if LINUX_AT_LEAST(6, 5)
again:
#endif
	entry = entry_read(pmdp);
	if (worth_a_lock(entry, env)) {
		entry = entry_read(pmdp);
#if LINUX_AT_LEAST(6, 1)
		if (is_migration(entry, env))
			return refused(out, CHECK_MIGRATION, entry);
		if (is_device_private(entry, env))
			return decide(out, RESULT_LEAF, CHECK_DEVICE_PRIVATE, entry,
				      migration_pfn(entry, env), PMD_SIZE);
		if (!is_present(entry))
			return refused(out, CHECK_PRESENT, entry);
		if (is_trans_huge_or_devmap(entry))
			return decide(out, RESULT_LEAF, trans_huge_or_devmap(entry), entry,
				      pfn_of(entry), PMD_SIZE);
#else
		if (is_trans_huge(entry))
			return decide(out, RESULT_LEAF, CHECK_TRANS_HUGE, entry, page_pfn_of(entry),
				      PMD_SIZE);
		if (!is_present(entry))
			return refused(out, is_migration(entry, env) ? CHECK_MIGRATION : CHECK_PRESENT,
				       entry);
#endif
		/* It was split meanwhile. */
	} else if (!is_present(entry)) {
		return refused(out, CHECK_PRESENT, entry);
	}
#if LINUX_AT_LEAST(6, 5)
	if (!map_pte(pmdp, env, out))
		goto again;
#else
	table(out, CHECK_TRANS_HUGE, entry_read(pmdp));
#endif
}
