// SPDX-License-Identifier: GPL-2.0
/*
 * What pmdp_invalidate() makes of a PMD migration entry. This test PASSES
 * WHERE THE MACHINE DOES WHAT WAS SEEN under emulation, by pmdscope:
 *
 *   platform  arm64 Linux 6.1
 *   encoding  arm64 as of 6.1 to 6.8
 *   guest     bundled arm64-6.1
 *   sha256    785c567cbf69237f50cdd21d04ef33b22977e1547342a2b65b5aa96b996d3efa
 *   writer    split-unguarded
 *   walker    gup-fast-read
 *   again     pmdscope run --arch arm64 --linux 6.1 --entry migration-read
 *             --writer split-unguarded --walker gup-fast-read
 *   finding   swap-becomes-present: swap entry 0x00000000081200c0 was seen as
 *             present entry 0x08000000081200c0 (+PRESENT_INVALID)
 *   schedule  W3 K1 W1
 *   finding   walker-past-present: the walker went past its present check on
 *             swap entry 0x00000000081200c0, seen as 0x08000000081200c0:
 *             refused by access
 *   schedule  W3 K1 W1
 *
 * The entry is built by the kernel's own helpers, and then pmdp_invalidate()
 * alone is done to it. A pass shows that this kernel, on this machine, makes
 * of the entry what was seen. It does not show that any walker comes by, nor
 * that anything in this kernel invalidates such an entry: a split that looks
 * first does not. A failure shows that this kernel does something else; if the
 * first case fails, the kernel is none of that platform.
 *
 * To run it, put it into mm/ of Linux 6.1 as pmdscope_kunit.c, add to
 * mm/Makefile
 *
 *   obj-$(CONFIG_KUNIT) += pmdscope_kunit.o
 *
 * and boot a kernel with CONFIG_KUNIT=y and CONFIG_TRANSPARENT_HUGEPAGE=y on
 * the machine: the result is in its log.
 *
 * Or, under QEMU:
 *
 *   tools/testing/kunit/kunit.py run \
 *       --arch=arm64 \
 *       --cross_compile=aarch64-linux-gnu- \
 *       --kconfig_add CONFIG_TRANSPARENT_HUGEPAGE=y 'pmdscope*'
 */

#include <kunit/test.h>
#include <linux/build_bug.h>
#include <linux/kconfig.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/pgtable.h>
#include <linux/sched/mm.h>
#include <linux/swap.h>
#include <linux/swapops.h>
#include <asm/pgalloc.h>

/* Without these a kernel has no PMD migration entries. */
static_assert(IS_ENABLED(CONFIG_TRANSPARENT_HUGEPAGE));
static_assert(IS_ENABLED(CONFIG_MIGRATION));
/* No module can call what is called here. */
static_assert(IS_BUILTIN(CONFIG_KUNIT));
/* It would count the entry as a mapping of a page. */
static_assert(!IS_ENABLED(CONFIG_PAGE_TABLE_CHECK));

/* What the run began with, and what was seen. */
#define RUN_TYPE	24
#define RUN_PFN		0x81200UL
#define RUN_BEFORE	0x00000000081200c0ULL
#define RUN_SEEN	0x08000000081200c0ULL

static u64 value_of(pmd_t pmd)
{
	return pmd_val(pmd);
}

static pmd_t migration_entry(void)
{
	swp_entry_t entry = make_readable_migration_entry(RUN_PFN);

	return swp_entry_to_pmd(entry);
}

/* A control, which holds on every machine of this kind. */
static void built_entry_is_a_migration_entry(struct kunit *test)
{
	pmd_t pmd = migration_entry();
	swp_entry_t entry = pmd_to_swp_entry(pmd);

	KUNIT_EXPECT_FALSE(test, pmd_none(pmd));
	KUNIT_EXPECT_FALSE(test, pmd_present(pmd));
	KUNIT_EXPECT_TRUE(test, is_pmd_migration_entry(pmd));
	KUNIT_EXPECT_EQ(test, swp_offset(entry), RUN_PFN);

	/* Numbers of swap types depend on the configuration. */
	if (swp_type(entry) == RUN_TYPE)
		KUNIT_EXPECT_EQ(test, value_of(pmd), RUN_BEFORE);
	else
		kunit_info(test, "other configuration than the run: %#018llx\n",
			   value_of(pmd));
}

/* What was seen in the run. The bits that change depend on no configuration. */
static void expect_as_seen(struct kunit *test, pmd_t before, pmd_t after)
{
	KUNIT_EXPECT_TRUE(test, pmd_present(after));
	KUNIT_EXPECT_FALSE(test, is_pmd_migration_entry(after));
	KUNIT_EXPECT_EQ(test, (bool)pmd_trans_huge(after), true);
	KUNIT_EXPECT_EQ(test, value_of(before) ^ value_of(after),
			RUN_BEFORE ^ RUN_SEEN);
	kunit_info(test, "%#018llx became %#018llx\n", value_of(before),
		   value_of(after));
}

/* pmdp_invalidate() stores this, whatever the entry is. */
static void pmd_mkinvalid_does_as_seen(struct kunit *test)
{
	pmd_t before = migration_entry();

	expect_as_seen(test, before, pmd_mkinvalid(before));
}

/*
 * pmdp_invalidate() itself, under the lock that its callers hold. The table
 * is linked to no other, of a process that never runs, so that no CPU walks it.
 * With CONFIG_DEBUG_VM this warns of an entry that is not present, rightly.
 */
static void pmdp_invalidate_does_as_seen(struct kunit *test)
{
	pmd_t before = migration_entry(), old, after;
	struct mm_struct *mm = mm_alloc();
	struct vm_area_struct vma;
	spinlock_t *ptl;
	pmd_t *pmdp;

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, mm);
	pmdp = pmd_alloc_one(mm, 0);
	if (!pmdp) {
		mmdrop(mm);
		KUNIT_FAIL(test, "no memory for a page table");
		return;
	}
	vma_init(&vma, mm);

	*pmdp = before;
	ptl = pmd_lock(mm, pmdp);
	old = pmdp_invalidate(&vma, 0, pmdp);
	spin_unlock(ptl);
	after = READ_ONCE(*pmdp);
	*pmdp = __pmd(0);

	pmd_free(mm, pmdp);
	mmdrop(mm);

	KUNIT_EXPECT_EQ(test, value_of(old), value_of(before));
	expect_as_seen(test, before, after);
}

static struct kunit_case pmdscope_cases[] = {
	KUNIT_CASE(built_entry_is_a_migration_entry),
	KUNIT_CASE(pmd_mkinvalid_does_as_seen),
	KUNIT_CASE(pmdp_invalidate_does_as_seen),
	{}
};

static struct kunit_suite pmdscope_suite = {
	.name = "pmdscope_arm64_swap_becomes_present",
	.test_cases = pmdscope_cases,
};

kunit_test_suite(pmdscope_suite);

MODULE_DESCRIPTION("What pmdp_invalidate() makes of a PMD migration entry");
MODULE_LICENSE("GPL");
