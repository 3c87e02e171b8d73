# mm/huge_memory.c: madvise_free_huge_pmd() does not take the lock. Written for Linux 7.2.
/^bool madvise_free_huge_pmd(/,/^}/ {
    s/^\tptl = .*/\tif (!pmd_is_huge(*pmd))/
    /^\tspinlock_t \*ptl;$/d
    /if (!ptl)/d
    /spin_unlock(ptl);/d
}
