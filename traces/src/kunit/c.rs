//! The C source of a test, in the kernel's style.

mod about;

use super::names::Names;
use super::seen::{Became, Seen};
use crate::report::RunReport;

/// Returns the whole C file.
pub fn file(report: &RunReport, seen: &Seen<'_>, names: &Names) -> String {
    let mut parts = vec![
        format!("// SPDX-License-Identifier: GPL-2.0\n{}", about::comment(report, seen, names)),
        head(names),
        values(report, seen),
        entry(names),
        control(names),
        expectation(seen, names),
    ];
    parts.extend(names.mkinvalid.then(by_value));
    parts.push(in_a_table(seen.function));
    parts.push(suite(report, seen, names));
    parts.join("\n")
}

/// Returns the includes, and the assertions of what the test requires of the configuration.
fn head(names: &Names) -> String {
    format!(
        "\
#include <kunit/test.h>
#include <linux/build_bug.h>
#include <linux/kconfig.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/pgtable.h>
#include <linux/sched/mm.h>
#include <linux/swap.h>
#include <linux/{}.h>
#include <asm/pgalloc.h>

/* Without these a kernel has no PMD migration entries. */
static_assert(IS_ENABLED(CONFIG_TRANSPARENT_HUGEPAGE));
static_assert(IS_ENABLED(CONFIG_MIGRATION));
/* No module can call what is called here. */
static_assert(IS_BUILTIN(CONFIG_KUNIT));
/* It would count the entry as a mapping of a page. */
static_assert(!IS_ENABLED(CONFIG_PAGE_TABLE_CHECK));
",
        names.header
    )
}

/// Returns the macros with the values of the run.
fn values(report: &RunReport, seen: &Seen<'_>) -> String {
    let Seen { before, view, .. } = seen;
    let mut text = format!(
        "\
/* What the run began with, and what was seen. */
#define RUN_TYPE	{}
#define RUN_PFN		{:#x}UL
#define RUN_BEFORE	{}ULL
#define RUN_SEEN	{}ULL
",
        before.kind, before.offset.0, report.before.value, view.value
    );
    if let Became::Otherwise(swap) = seen.became {
        text += &format!("#define RUN_SEEN_PFN	{:#x}UL\n", swap.offset.0);
    }
    text
}

/// Returns the functions that build the entry.
fn entry(names: &Names) -> String {
    format!(
        "\
static u64 value_of(pmd_t pmd)
{{
	return pmd_val(pmd);
}}

static pmd_t migration_entry(void)
{{
	swp_entry_t entry = {}RUN_PFN);

	return swp_entry_to_pmd(entry);
}}
",
        names.build
    )
}

/// Returns the test case of the control: what must be true before anything is invalidated.
fn control(names: &Names) -> String {
    let Names { decode, is_migration, .. } = names;
    let platform = names.radix.map_or(String::new(), |radix| {
        format!("	/* The MMU of the run. */\n	KUNIT_EXPECT_EQ(test, (bool)radix_enabled(), {radix});\n\n")
    });
    let (depend, and) = match names.page_shift {
        Some(shift) => ("and bits depend", format!(" && PAGE_SHIFT == {shift}")),
        None => ("depend", String::new()),
    };
    format!(
        "\
/* A control, which holds on every machine of this kind. */
static void built_entry_is_a_migration_entry(struct kunit *test)
{{
	pmd_t pmd = migration_entry();
	swp_entry_t entry = {decode}(pmd);

{platform}	KUNIT_EXPECT_FALSE(test, pmd_none(pmd));
	KUNIT_EXPECT_FALSE(test, pmd_present(pmd));
	KUNIT_EXPECT_TRUE(test, {is_migration}(pmd));
	KUNIT_EXPECT_EQ(test, swp_offset(entry), RUN_PFN);

	/* Numbers of swap types {depend} on the configuration. */
	if (swp_type(entry) == RUN_TYPE{and})
		KUNIT_EXPECT_EQ(test, value_of(pmd), RUN_BEFORE);
	else
		kunit_info(test, \"other configuration than the run: %#018llx\\n\",
			   value_of(pmd));
}}
"
    )
}

/// Returns the function that checks the result of the step.
fn expectation(seen: &Seen<'_>, names: &Names) -> String {
    let Names { decode, is_migration, .. } = names;
    let became = match seen.became {
        Became::Present => format!(
            "	KUNIT_EXPECT_TRUE(test, pmd_present(after));
	KUNIT_EXPECT_FALSE(test, {is_migration}(after));
	KUNIT_EXPECT_EQ(test, (bool)pmd_trans_huge(after), {});
",
            seen.view.predicates.trans_huge
        ),
        Became::Otherwise(swap) => format!(
            "	swp_entry_t was = {decode}(before);
	swp_entry_t is = {decode}(after);

	KUNIT_EXPECT_FALSE(test, pmd_present(after));
	KUNIT_EXPECT_EQ(test, (bool){is_migration}(after), {});
	KUNIT_EXPECT_{}(test, swp_type(is), swp_type(was));
	KUNIT_EXPECT_EQ(test, swp_offset(was), RUN_PFN);
	KUNIT_EXPECT_EQ(test, swp_offset(is), RUN_SEEN_PFN);
",
            seen.view.predicates.migration,
            if swap.kind == seen.before.kind { "EQ" } else { "NE" },
        ),
    };
    format!(
        "\
/* What was seen in the run. The bits that change depend on no configuration. */
static void expect_as_seen(struct kunit *test, pmd_t before, pmd_t after)
{{
{became}	KUNIT_EXPECT_EQ(test, value_of(before) ^ value_of(after),
			RUN_BEFORE ^ RUN_SEEN);
	kunit_info(test, \"%#018llx became %#018llx\\n\", value_of(before),
		   value_of(after));
}}
"
    )
}

/// Returns the test case that does the step on a value, by `pmd_mkinvalid()`.
fn by_value() -> String {
    "\
/* pmdp_invalidate() stores this, whatever the entry is. */
static void pmd_mkinvalid_does_as_seen(struct kunit *test)
{
	pmd_t before = migration_entry();

	expect_as_seen(test, before, pmd_mkinvalid(before));
}
"
    .to_owned()
}

/// Returns the test case that does the step on an entry in memory, by `function` itself.
fn in_a_table(function: &str) -> String {
    format!(
        "\
/*
 * {function}() itself, under the lock that its callers hold. The table
 * is linked to no other, of a process that never runs, so that no CPU walks it.
 * With CONFIG_DEBUG_VM this warns of an entry that is not present, rightly.
 */
static void {function}_does_as_seen(struct kunit *test)
{{
	pmd_t before = migration_entry(), old, after;
	struct mm_struct *mm = mm_alloc();
	struct vm_area_struct vma;
	spinlock_t *ptl;
	pmd_t *pmdp;

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, mm);
	pmdp = pmd_alloc_one(mm, 0);
	if (!pmdp) {{
		mmdrop(mm);
		KUNIT_FAIL(test, \"no memory for a page table\");
		return;
	}}
	vma_init(&vma, mm);

	*pmdp = before;
	ptl = pmd_lock(mm, pmdp);
	old = {function}(&vma, 0, pmdp);
	spin_unlock(ptl);
	after = READ_ONCE(*pmdp);
	*pmdp = __pmd(0);

	pmd_free(mm, pmdp);
	mmdrop(mm);

	KUNIT_EXPECT_EQ(test, value_of(old), value_of(before));
	expect_as_seen(test, before, after);
}}
"
    )
}

/// Returns the suite with all test cases.
fn suite(report: &RunReport, seen: &Seen<'_>, names: &Names) -> String {
    let function = seen.function;
    let by_value = if names.mkinvalid { "	KUNIT_CASE(pmd_mkinvalid_does_as_seen),\n" } else { "" };
    let name = about::suite_name(report, seen);
    format!(
        "\
static struct kunit_case pmdscope_cases[] = {{
	KUNIT_CASE(built_entry_is_a_migration_entry),
{by_value}	KUNIT_CASE({function}_does_as_seen),
	{{}}
}};

static struct kunit_suite pmdscope_suite = {{
	.name = \"{name}\",
	.test_cases = pmdscope_cases,
}};

kunit_test_suite(pmdscope_suite);

MODULE_DESCRIPTION(\"What {function}() makes of a PMD migration entry\");
MODULE_LICENSE(\"GPL\");
"
    )
}
