# mm/huge_memory.c: undoes the fix of Linux 6.10: __split_huge_pmd_locked() calls pmdp_invalidate() on any PMD of
# anonymous memory, present or not, and tests the entry afterwards. Written for Linux 7.2.
/^static void __split_huge_pmd_locked(/,/^}/ {
    /^\t\told_pmd = \*pmd;$/d
    /^\t\told_pmd = pmdp_invalidate(vma, haddr, pmd);$/d
    /^\tif (pmd_is_migration_entry(\*pmd)) {$/i\
	old_pmd = pmdp_invalidate(vma, haddr, pmd);
    s/\(pmd_is_[a-z_]*_entry\)(\*pmd)/\1(old_pmd)/
}
