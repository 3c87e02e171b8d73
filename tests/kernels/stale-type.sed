# mm/huge_memory.c: a change of protection reads before it takes the lock which type of migration entry there is.
# Written for Linux 7.2.
/^static void change_non_present_huge_pmd(/,/^}/ {
    s/struct mm_struct \*mm,/& softleaf_t entry,/
    /softleaf_from_pmd(\*pmd);/d
}
/^int change_huge_pmd(/,/^}/ {
    s/^\tspinlock_t \*ptl;/\tsoftleaf_t leaf = softleaf_from_pmd(*pmd);\n&/
    s/change_non_present_huge_pmd(mm,/& leaf,/
}
