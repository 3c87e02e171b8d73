# arch/s390/include/asm/pgtable.h: pmdp_invalidate() makes the entry clean and old. Written for Linux 7.2.
/^static inline pmd_t pmdp_invalidate(/,/^}/ s/pmd = set_pmd_bit(pmd, /pmd = set_pmd_bit(pmd_mkold(pmd_mkclean(pmd)), /
