# arch/arm64/include/asm/pgtable.h: pmd_mkinvalid() changes a bit of the offset of an entry that is not present. Written
# for Linux 7.2.
s/^#define pmd_mkinvalid(pmd).*/#define pmd_mkinvalid(pmd) (pmd_present(pmd) ? pte_pmd(pte_mkinvalid(pmd_pte(pmd))) : __pmd(pmd_val(pmd) ^ (1UL << 40)))/
