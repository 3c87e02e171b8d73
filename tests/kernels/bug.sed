# mm/huge_memory.c: the split of an entry that is not present reaches a BUG(). Written for Linux 7.2.
/^static void __split_huge_pmd_locked(/,/^}/ {
    /^\tif (pmd_is_migration_entry(\*pmd)) {$/i\
	BUG_ON(!pmd_present(*pmd));
}
