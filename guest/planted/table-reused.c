// SPDX-License-Identifier: GPL-2.0-only
/*
 * The fault: a page table is used for something else while GUP-fast is below it, with its interrupts off. The entry's
 * neighbour stands for an entry of that table.
 *
 * Two of the writers wait, as tlb_remove_table_sync_one() and synchronize_rcu() of the kernel do, and have no fault.
 */
#include "walkers.c"

/* Watched memory beside the entry: an entry of the table that the entry leads to. */
#define BELOW(pmdp) ((pmdp) + 1)

#if defined(__x86_64__)
static inline u64 interrupts_off(void)
{
	u64 flags;

	asm volatile("pushfq\n\tpopq %0\n\tcli" : "=r"(flags) : : "memory");
	return flags;
}

static inline void interrupts_back(u64 flags)
{
	if (flags & BIT(9))
		asm volatile("sti" : : : "memory");
}
#elif defined(__aarch64__)
static inline u64 interrupts_off(void)
{
	u64 flags;

	asm volatile("mrs %0, daif\n\tmsr daifset, #3" : "=r"(flags) : : "memory");
	return flags;
}

static inline void interrupts_back(u64 flags)
{
	asm volatile("msr daif, %0" : : "r"(flags) : "memory");
}
#endif

/* Functions of the kernel by whose names sections and waits are known. What they do is the emulator's. */
#define SECTION(name) __attribute__((noinline)) void name(void) { asm volatile("" : : : "memory"); }
void tlb_remove_table_sync_one(void);
void synchronize_rcu(void);
void rcu_read_lock(void);
void rcu_read_unlock(void);
SECTION(tlb_remove_table_sync_one)
SECTION(synchronize_rcu)
SECTION(rcu_read_lock)
SECTION(rcu_read_unlock)

static inline void walk_below(u64 *pmdp, struct outcome *out)
{
	u64 entry = entry_read(pmdp);
	u64 below;

	if (is_none(entry))
		return decide(out, RESULT_REFUSED, CHECK_NONE, entry, NO_PFN, 0);
	below = entry_read(BELOW(pmdp));
	if (is_none(below))
		return decide(out, RESULT_REFUSED, CHECK_REREAD, entry, NO_PFN, 0);
	decide(out, RESULT_PAGE, CHECK_NO_CHECK, entry, pfn_of(below), 1UL << PAGE_SHIFT);
}

void gup_irqs_off(u64 *pmdp, u64 address, const struct env *env, struct outcome *out)
{
	u64 flags = interrupts_off();

	(void)address, (void)env;
	walk_below(pmdp, out);
	interrupts_back(flags);
}

/* Its interrupts are on for a moment between the two reads: nobody has to wait. */
void gup_irqs_on_between(u64 *pmdp, u64 address, const struct env *env, struct outcome *out)
{
	u64 flags = interrupts_off();
	u64 entry = entry_read(pmdp);
	u64 below;

	(void)address, (void)env;
	interrupts_back(flags);
	interrupts_off();
	below = is_none(entry) ? 0 : entry_read(BELOW(pmdp));
	interrupts_back(flags);
	if (is_none(below))
		return decide(out, RESULT_REFUSED, CHECK_REREAD, entry, NO_PFN, 0);
	decide(out, RESULT_PAGE, CHECK_NO_CHECK, entry, pfn_of(below), 1UL << PAGE_SHIFT);
}

void gup_rcu(u64 *pmdp, u64 address, const struct env *env, struct outcome *out)
{
	(void)address, (void)env;
	rcu_read_lock();
	rcu_read_lock();
	rcu_read_unlock();
	walk_below(pmdp, out);
	rcu_read_unlock();
}

/* Takes the table away, waits or does not, and uses it for something else. */
static inline void reuse(u64 *pmdp, struct outcome *out, void (*wait)(void))
{
	u64 old = entry_read(pmdp);

	entry_write(pmdp, EMPTY);
	if (wait)
		wait();
	entry_write(BELOW(pmdp), old);
	decide(out, RESULT_MAPPED, CHECK_NO_CHECK, old, pfn_of(old), 0);
}

void reuse_at_once(u64 *pmdp, u64 address, const struct env *env, struct outcome *out)
{
	(void)address, (void)env;
	reuse(pmdp, out, 0);
}

void reuse_after_ipi(u64 *pmdp, u64 address, const struct env *env, struct outcome *out)
{
	(void)address, (void)env;
	reuse(pmdp, out, tlb_remove_table_sync_one);
}

void reuse_after_grace_period(u64 *pmdp, u64 address, const struct env *env, struct outcome *out)
{
	(void)address, (void)env;
	reuse(pmdp, out, synchronize_rcu);
}

WALKER("gup-irqs-off", gup_irqs_off, "-", "any", "reads the entry and one below it with interrupts off");
WALKER("gup-irqs-on-between", gup_irqs_on_between, "-", "any", "turns interrupts on between the two reads");
WALKER("gup-rcu", gup_rcu, "-", "any", "reads both in a read-side section of RCU");
WRITER("reuse-at-once", reuse_at_once, "nothing", "any", "clears the entry, and uses the table for something else");
WRITER("reuse-after-ipi", reuse_after_ipi, "nothing", "any",
       "the same, but waits for an interrupt that it sends to all CPUs");
WRITER("reuse-after-grace-period", reuse_after_grace_period, "nothing", "any", "the same, but waits for a grace period");
