# arch/s390/include/asm/pgtable.h: pmdp_invalidate() changes a bit of the offset of an entry that is not present. Written for
# Linux 7.2.
/^static inline pmd_t pmdp_invalidate(/,/^}/ s/^\tpmd = set_pmd_bit/\tif (!pmd_present(pmd))\n\t\tpmd = __pmd(pmd_val(pmd) ^ (1UL << 40));\n&/
