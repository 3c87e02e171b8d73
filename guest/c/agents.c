// SPDX-License-Identifier: GPL-2.0-only
/*
 * The agents: the MMU's table walker at the entry, for a load and for a store of user space that no
 * TLB knows the translation of. It holds no lock and asks no kernel.
 *
 * Which bits it sets is said, for Linux 5.10.262, 6.1.176, 6.12.107 and 7.2.12, by: _PAGE_ACCESSED
 * and _PAGE_DIRTY of arch/x86/include/asm/pgtable_types.h, arch/riscv/include/asm/pgtable-bits.h
 * and arch/powerpc/include/asm/book3s/64/pgtable.h, where radix.h next to it tells that hardware
 * writes them (RADIX_PTE_NONE_MASK); PTE_AF, PTE_DBM and the table of dirty states in
 * arch/arm64/include/asm/{pgtable-hwdef.h,pgtable.h}. On LoongArch the kernel's own TLB handlers set
 * them: arch/loongarch/mm/tlbex.S of 6.1.176, 6.12.107 and 7.2.13. Those bits in pointers to a page
 * table are left out: an entry of that kind is refused here, as the MMU goes on below it.
 */
#include "agents.h"

#if HAVE_MMU_MARKS
/* One atomic update of the entry, unless it is not `old` any more. It orders nothing else. */
static inline bool replace(u64 *pmdp, u64 old, u64 new)
{
	u64 found = ENTRY_IN_MEMORY(old);

	return __atomic_compare_exchange_n(pmdp, &found, ENTRY_IN_MEMORY(new), false,
					   __ATOMIC_RELAXED, __ATOMIC_RELAXED);
}

static inline __attribute__((always_inline)) void access(u64 *pmdp, bool write, struct outcome *out)
{
	u64 entry, marked;

	do {
		entry = entry_read(pmdp);
		if (!mmu_uses(entry, write))
			return decide(out, RESULT_REFUSED, CHECK_VALID, entry, NO_PFN, 0);
		marked = mmu_marked(entry, write);
	} while (marked != entry && !replace(pmdp, entry, marked));
	decide(out, RESULT_MARKED, CHECK_NO_CHECK, marked, pfn_of(marked), PMD_SIZE);
}

void mmu_load(u64 *pmdp, u64 address, const struct env *env, struct outcome *out)
{
	(void)address;
	(void)env;
	access(pmdp, false, out);
}

void mmu_store(u64 *pmdp, u64 address, const struct env *env, struct outcome *out)
{
	(void)address;
	(void)env;
	access(pmdp, true, out);
}
#endif
