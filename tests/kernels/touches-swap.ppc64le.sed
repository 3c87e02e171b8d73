# arch/powerpc/mm/book3s64/pgtable.c: pmdp_invalidate() changes a bit of the offset of an entry that is not present.
# Written for Linux 7.2.
/^pmd_t pmdp_invalidate(/,/^}/ {
    /old_pmd = /i\
	if (!pmd_present(*pmdp))\
		*pmdp = __pmd(pmd_val(*pmdp) ^ (1UL << 40));
}
