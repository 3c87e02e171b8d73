/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a header of an architecture in ../c gives, by the helpers of a kernel tree: helpers.h has made functions of
 * them. HAVE_PROBE_name is defined for those that the tree has.
 */
#ifndef ARCH_H
#define ARCH_H

struct probe_call {
	u64 entry;
	u64 other;
	u64 value;
	u64 after;
	u64 done;
};

u64 probe_page_shift(void);
u64 probe_pmd_shift(void);
u64 probe_empty(void);
u64 probe_in_memory(u64 entry);
u64 probe_read(const u64 *pmdp);
void probe_write(u64 *pmdp, u64 entry);
u64 probe_invalidate(u64 *pmdp, u64 address);
u64 probe_invalidate_ad(u64 *pmdp, u64 address);

#define PAGE_SHIFT probe_page_shift()
#define PMD_SHIFT probe_pmd_shift()
#define EMPTY probe_empty()
#define ENTRY_IN_MEMORY(entry) probe_in_memory(entry)

/* Which walkers and entries a configuration has is said by whoever compiles this. */
#ifndef HAVE_GUP_FAST
#define HAVE_GUP_FAST 0
#endif
#ifdef HAVE_PROBE___pmd_to_swp_entry
#define HAVE_SWAP_PMD 1
#else
#define HAVE_SWAP_PMD 0
#endif
#define HAVE_MMU_MARKS 0

/* Asks a helper about an entry. */
#define HELPER(name) void probe_##name(struct probe_call *call, void *slot)
static inline struct probe_call probe_ask(void (*helper)(struct probe_call *, void *), u64 entry, u64 other)
{
	struct probe_call call = { .entry = entry, .other = other };
	u64 slot = 0;

	helper(&call, &slot);
	return call;
}

#define ASK(name)                                                     \
	HELPER(name);                                                 \
	static inline u64 ask_##name(u64 entry)                       \
	{                                                             \
		return probe_ask(probe_##name, entry, 0).value;       \
	}
#define ANSWER_NO(name)                         \
	static inline u64 ask_##name(u64 entry) \
	{                                       \
		(void)entry;                    \
		return 0;                       \
	}

ASK(pmd_none)
ASK(pmd_present)
ASK(pmd_leaf)
ASK(pmd_trans_huge)
ASK(pmd_bad)
ASK(pmd_protnone)
ASK(pmd_write)
ASK(pmd_pfn)
HELPER(pmd_access_permitted);
HELPER(pmd_populate);
#ifdef HAVE_PROBE_pmd_devmap
ASK(pmd_devmap)
#else
ANSWER_NO(pmd_devmap)
#endif
#ifdef HAVE_PROBE_pmd_special
ASK(pmd_special)
#else
ANSWER_NO(pmd_special)
#endif
#ifdef HAVE_PROBE_pmd_huge
ASK(pmd_huge)
#else
ANSWER_NO(pmd_huge)
#endif
#ifdef HAVE_PROBE_pmd_page
ASK(pmd_page)
#else
ANSWER_NO(pmd_page)
#endif
#ifdef HAVE_PROBE_pmd_leaf_size
ASK(pmd_leaf_size)
#endif
#if HAVE_SWAP_PMD
ASK(swp_type_of_pmd)
HELPER(__pmd_to_swp_entry);
HELPER(__swp_entry_to_pmd);
#endif

static inline u64 entry_read(const u64 *pmdp)
{
	return probe_read(pmdp);
}

static inline void entry_write(u64 *pmdp, u64 entry)
{
	probe_write(pmdp, entry);
}

static inline bool is_none(u64 entry)
{
	return ask_pmd_none(entry);
}

static inline bool is_present(u64 entry)
{
	return ask_pmd_present(entry);
}

static inline bool is_leaf(u64 entry)
{
	return ask_pmd_leaf(entry);
}

static inline bool is_hugetlb(u64 entry)
{
	return ask_pmd_huge(entry);
}

static inline bool is_trans_huge(u64 entry)
{
	return ask_pmd_trans_huge(entry);
}

static inline bool is_bad(u64 entry)
{
	return ask_pmd_bad(entry);
}

static inline bool is_protnone(u64 entry)
{
	return ask_pmd_protnone(entry);
}

static inline bool is_write(u64 entry)
{
	return ask_pmd_write(entry);
}

static inline bool is_devmap(u64 entry)
{
	return ask_pmd_devmap(entry);
}

static inline bool is_special(u64 entry)
{
	return ask_pmd_special(entry);
}

static inline bool access_permitted(u64 entry, bool write)
{
	return probe_ask(probe_pmd_access_permitted, entry, write).value;
}

static inline u64 pfn_of(u64 entry)
{
	return ask_pmd_pfn(entry);
}

static inline u64 page_pfn_of(u64 entry)
{
	return ask_pmd_page(entry);
}

static inline u64 leaf_size(u64 entry)
{
#ifdef HAVE_PROBE_pmd_leaf_size
	return ask_pmd_leaf_size(entry);
#else
	(void)entry;
	return 1UL << PMD_SHIFT;
#endif
}

#if HAVE_SWAP_PMD
static inline u64 swp_type(u64 entry)
{
	return ask_swp_type_of_pmd(entry);
}

static inline u64 swp_offset(u64 entry)
{
	return probe_ask(probe___pmd_to_swp_entry, entry, 0).after;
}

static inline u64 swp_entry(u64 type, u64 offset)
{
	return probe_ask(probe___swp_entry_to_pmd, type, offset).value;
}
#endif

static inline u64 table_entry(u64 table)
{
	return probe_ask(probe_pmd_populate, 0, table).after;
}

static inline u64 invalidate(u64 *pmdp, u64 address)
{
	return probe_invalidate(pmdp, address);
}

static inline u64 invalidate_ad(u64 *pmdp, u64 address)
{
	return probe_invalidate_ad(pmdp, address);
}

#endif
