/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What every part of a guest shares: the integer types, the Linux version it is compiled for, and
 * the structures that the emulator and a guest exchange.
 *
 * A guest is compiled with -DLINUX=MMmmm (6012 for 6.12). It has no state: no globals, no stack
 * beyond its frames, nothing but code.
 */
#ifndef GUEST_H
#define GUEST_H

#include <stdbool.h>

typedef unsigned long u64;
typedef unsigned int u32;

_Static_assert(sizeof(u64) == 8, "guests are 64-bit");

/*
 * Where it is not known for sure when something changed, the version asked for is one in between
 * those that are known; guests.txt has no guest there.
 */
#define LINUX_AT_LEAST(major, minor) (LINUX >= (major) * 1000 + (minor))

#define BIT(number) (1UL << (number))
/* The bits from `high` down to `low`, both included. */
#define BITS(high, low) ((~0UL >> (63 - (high))) & (~0UL << (low)))

/* What a writer, walker or agent is told. A guest never writes to it. */
struct env {
	u64 vmemmap;                  /* address of the struct page of page frame 0 */
	u64 pte_table;                /* physical address of the page table that a split publishes */
	u64 migration_read;           /* swap types; ~0 where the kernel has no such type */
	u64 migration_read_exclusive;
	u64 migration_write;
	u64 pfn_bits;                 /* how many low bits of a migration offset are the frame number */
};

/* What a writer, walker or agent came to. */
struct outcome {
	u64 result; /* enum result */
	u64 check;  /* enum check: the check that decided */
	u64 pfn;    /* the page frame, NO_PFN if there is none */
	u64 size;   /* bytes mapped, as the walker understood it; 0 if it does not say */
	u64 entry;  /* the entry, in CPU order, that the decision rests on; writers: the old one; agents: the marked one */
};

#define NO_PFN (~0UL)

enum result {
#define RESULT(number, symbol, name, meaning) RESULT_##symbol = (number),
#define CHECK(number, symbol, name, meaning)
#include "outcomes.h"
};

enum check {
#define RESULT(number, symbol, name, meaning)
#define CHECK(number, symbol, name, meaning) CHECK_##symbol = (number),
#include "outcomes.h"
};

/* One answer of survey(): bit i of `predicates` is the i-th name of SURVEY in predicates.c. */
struct answers {
	u64 predicates;
	u64 pfn;
	u64 swp_type;
	u64 swp_offset;
};

/* src/abi.rs has these sizes. */
_Static_assert(sizeof(struct env) == 48, "env");
_Static_assert(sizeof(struct outcome) == 40, "outcome");
_Static_assert(sizeof(struct answers) == 32, "answers");

/*
 * Declares a routine of a guest of one's own, so that it goes by its own name and is judged by what it does:
 *
 *	WRITER("set-migration", set_migration, "entry", "mapping", "what it is, in one line");
 *
 * INSTALLS is what a writer puts in the place of the entry: "nothing", the "table" of env->pte_table, or the "entry"
 * that it stores last. CHECKS are those that a walker applies only to an entry that it takes for a present one, by their
 * names in outcomes.h with commas between them, or "-". CALLED_WITH are the entries that it is called with: "any",
 * "mapping" or "migration". src/declared.rs reads the lines.
 */
#define ROUTINE(role, name, function, detail, called_with, meaning)                                      \
	__attribute__((used, section(".pmdscope.routines"))) static const char declared_##function[] = \
		role " " name " " #function " " detail " " called_with " " meaning
#define WRITER(name, function, installs, called_with, meaning) \
	ROUTINE("writer", name, function, installs, called_with, meaning)
#define WALKER(name, function, checks, called_with, meaning) \
	ROUTINE("walker", name, function, checks, called_with, meaning)
#define AGENT(name, function, called_with, meaning) ROUTINE("agent", name, function, "-", called_with, meaning)

static inline void decide(struct outcome *out, enum result result, enum check check, u64 entry,
			  u64 pfn, u64 size)
{
	out->result = result;
	out->check = check;
	out->pfn = pfn;
	out->size = size;
	out->entry = entry;
}

#endif
