// SPDX-License-Identifier: GPL-2.0-only
/*
 * The predicates and values as functions that can be called, and survey(), which answers them all
 * for many entries at once.
 */
#include "kernel.h"

u64 pmd_none(u64 entry) { return is_none(entry); }
u64 pmd_present(u64 entry) { return is_present(entry); }
u64 pmd_leaf(u64 entry) { return is_leaf(entry); }
u64 pmd_trans_huge(u64 entry) { return is_trans_huge(entry); }
u64 pmd_bad(u64 entry) { return is_bad(entry); }
u64 pmd_protnone(u64 entry) { return is_protnone(entry); }
u64 pmd_swap(u64 entry) { return is_swap(entry); }
u64 pmd_migration(u64 entry, const struct env *env) { return is_migration(entry, env); }
u64 pmd_write(u64 entry) { return is_write(entry); }
u64 pmd_devmap(u64 entry) { return is_devmap(entry); }
u64 pmd_special(u64 entry) { return is_special(entry); }
u64 pmd_access_read(u64 entry) { return access_permitted(entry, false); }
u64 pmd_access_write(u64 entry) { return access_permitted(entry, true); }

u64 pmd_pfn(u64 entry) { return pfn_of(entry); }

#if HAVE_SWAP_PMD
u64 pmd_swp_type(u64 entry) { return swp_type(entry); }
u64 pmd_swp_offset(u64 entry) { return swp_offset(entry); }
u64 swp_entry_to_pmd(u64 type, u64 offset) { return swp_entry(type, offset); }
#endif

/* Bit i of the answers is the i-th of these. */
#define SURVEY(answer)                         \
	answer(is_none(entry))                 \
	answer(is_present(entry))              \
	answer(is_leaf(entry))                 \
	answer(is_trans_huge(entry))           \
	answer(is_bad(entry))                  \
	answer(is_protnone(entry))             \
	answer(is_swap(entry))                 \
	answer(is_migration(entry, env))       \
	answer(is_write(entry))                \
	answer(is_devmap(entry))               \
	answer(is_special(entry))              \
	answer(access_permitted(entry, false)) \
	answer(access_permitted(entry, true))

void survey(const u64 *in, struct answers *out, u64 count, const struct env *env)
{
	for (u64 i = 0; i < count; i++) {
		u64 entry = in[i];
		u64 predicates = 0, bit = 0;

#define ANSWER(holds) predicates |= (u64)(holds) << bit++;
		SURVEY(ANSWER)
		out[i].predicates = predicates;
		out[i].pfn = pfn_of(entry);
#if HAVE_SWAP_PMD
		out[i].swp_type = swp_type(entry);
		out[i].swp_offset = swp_offset(entry);
#else
		out[i].swp_type = 0;
		out[i].swp_offset = 0;
#endif
	}
}
