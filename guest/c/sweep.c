// SPDX-License-Identifier: GPL-2.0-only
/*
 * sweep(), which runs a writer on very many entries, one after another, and says of each what the
 * predicates made of it before and after.
 *
 * The writer is called by its address, so that it is the same machine code that is run on a single
 * entry. What is computed beside it is kept small: it is most of the time that an entry takes.
 */
#include "kernel.h"

typedef void writer_fn(u64 *pmdp, u64 address, const struct env *env, struct outcome *out);

/*
 * What runs: a writer on the entry at `pmdp`, which maps `address`. Of a writer that installs a page table, `replaced`
 * is where the emulator puts what each store to the entry overwrites, as it lay in memory; of others it is null.
 */
struct sweep {
	writer_fn *writer;
	u64 *pmdp;
	u64 address;
	const u64 *replaced;
};

/*
 * Entries: those whose bits outside of `free` are as in `fixed`. They are taken in ascending order
 * of their free bits, `count` of them, beginning with the one whose free bits are `first`.
 */
struct set {
	u64 fixed;
	u64 free;
	u64 first;
	u64 count;
};

/* src/abi.rs has these sizes, and the meaning of the bits below. */
_Static_assert(sizeof(struct sweep) == 32, "sweep");
_Static_assert(sizeof(struct set) == 32, "set");

#define AFTER 8 /* the predicates of what the writer left, above those of what it found */
#define TYPE_CHANGED BIT(16)
#define OFFSET_CHANGED BIT(17)
#define INSTALLED BIT(18)
#define CHANGED BIT(19)

/* The first eight answers of survey(), in its order. */
static inline u32 answers(u64 entry, const struct env *env)
{
	return (u32)is_none(entry) | (u32)is_present(entry) << 1 | (u32)is_leaf(entry) << 2 |
	       (u32)is_trans_huge(entry) << 3 | (u32)is_bad(entry) << 4 | (u32)is_protnone(entry) << 5 |
	       (u32)is_swap(entry) << 6 | (u32)is_migration(entry, env) << 7;
}

/* How two entries differ, beside the predicates. What they hold is compared where both are swap entries. */
static inline u32 changes(u64 before, u64 after)
{
	u32 changes = CHANGED;

#if HAVE_SWAP_PMD
	if (is_swap(before) && is_swap(after)) {
		if (swp_type(before) != swp_type(after))
			changes |= TYPE_CHANGED;
		if (swp_offset(before) != swp_offset(after))
			changes |= OFFSET_CHANGED;
	}
#else
	(void)before;
	(void)after;
#endif
	return changes;
}

void sweep(const struct sweep *what, const struct set *sets, u64 count, u32 *out, const struct env *env)
{
	/* What the writer came to is not looked at. */
	struct outcome outcome;
	writer_fn *writer = what->writer;
	u64 *pmdp = what->pmdp;
	u64 address = what->address;
	const volatile u64 *replaced = what->replaced;

	for (const struct set *set = sets; set < sets + count; set++) {
		u64 fixed = set->fixed, free = set->free, subset = set->first;

		for (u64 left = set->count; left; left--) {
			u64 before = fixed | subset;
			u64 after;
			u32 said;

			*(volatile u64 *)pmdp = ENTRY_IN_MEMORY(before);
			writer(pmdp, address, env, &outcome);
			after = ENTRY_IN_MEMORY(*(const volatile u64 *)pmdp);

			said = answers(before, env);
			/* The page table tells nothing: what stood there until then is looked at. */
			if (replaced && after != before && after == table_entry(env->pte_table)) {
				after = ENTRY_IN_MEMORY(*replaced);
				said |= INSTALLED;
			}
			if (after == before)
				said |= (said & BITS(AFTER - 1, 0)) << AFTER;
			else
				said |= answers(after, env) << AFTER | changes(before, after);
			*out++ = said;
			subset = ((subset | ~free) + 1) & free;
		}
	}
}
