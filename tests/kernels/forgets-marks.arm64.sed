# arch/arm64/include/asm/pgtable.h: pmd_mkinvalid() makes the entry clean and old. Written for Linux 7.2.
s/^#define pmd_mkinvalid(pmd).*/#define pmd_mkinvalid(pmd)	pte_pmd(pte_mkinvalid(pte_mkold(pte_mkclean(pmd_pte(pmd)))))/
