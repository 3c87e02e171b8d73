# arch/arm64/include/asm/pgtable.h: pmd_mkinvalid() leaves the entry valid. Written for Linux 7.2.
s/^#define pmd_mkinvalid(pmd).*/#define pmd_mkinvalid(pmd)	pte_pmd(set_pte_bit(pmd_pte(pmd), __pgprot(PTE_PRESENT_INVALID)))/
