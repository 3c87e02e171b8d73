# mm/huge_memory.c: the split of an entry that is not present prints a line, and warns with a message. Written for
# Linux 7.2.
/^static void __split_huge_pmd_locked(/,/^}/ {
    /^\tif (pmd_is_migration_entry(\*pmd)) {$/i\
	if (!pmd_present(*pmd)) {\
		pr_err("splitting %pd\\n", pmd);\
		WARN(1, "splitting %pd\\n", pmd);\
	}
}
