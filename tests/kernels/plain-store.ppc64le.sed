# arch/powerpc/mm/book3s64/pgtable.c: pmdp_invalidate() loads and stores, and no longer exchanges. Written for Linux 7.2.
/^pmd_t pmdp_invalidate(/,/^}/ {
    /old_pmd = /c\
	old_pmd = *pmdp;\
	*pmdp = __pmd((pmd_val(old_pmd) & ~_PAGE_PRESENT) | _PAGE_INVALID);
}
