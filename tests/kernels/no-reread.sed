# mm/gup.c: GUP-fast takes the huge page of an entry and does not compare the entry again. Written for Linux 7.2.
/^static int gup_fast_pmd_leaf(/,/^}/ {
    /pmdp_get_lockless(pmdp)/,/^\t}$/d
}
