# arch/powerpc/mm/book3s64/pgtable.c: pmdp_invalidate() leaves the entry valid. Written for Linux 7.2.
/^pmd_t pmdp_invalidate(/,/^}/ s/_PAGE_PRESENT, _PAGE_INVALID/0, _PAGE_INVALID/
