# mm/huge_memory.c: a change of protection empties the entry before it stores the new one. Written for Linux 7.2.
/^int change_huge_pmd(/,/^}/ {
    s/pmdp_invalidate_ad(vma, /pmdp_huge_get_and_clear(mm, /
}
