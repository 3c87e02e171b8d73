# arch/powerpc/mm/book3s64/pgtable.c: pmdp_invalidate() makes the entry clean and old. Written for Linux 7.2.
/^pmd_t pmdp_invalidate(/,/^}/ s/_PAGE_PRESENT, _PAGE_INVALID/_PAGE_PRESENT | _PAGE_DIRTY | _PAGE_ACCESSED, _PAGE_INVALID/
