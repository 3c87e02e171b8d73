# arch/s390/include/asm/pgtable.h: pmdp_invalidate() loads and stores, and no longer exchanges. Written for Linux 7.2.
/^static inline pmd_t pmdp_invalidate(/,/^}/ s/^\tpmd = pmdp_xchg_direct(.*/\tpmd_t old = *pmdp;\n\n\t*pmdp = pmd;\n\treturn old;/
