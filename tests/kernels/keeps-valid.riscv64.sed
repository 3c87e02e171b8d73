# arch/riscv/include/asm/pgtable.h: pmd_mkinvalid() leaves the entry valid. Written for Linux 7.2.
/^static inline pmd_t pmd_mkinvalid(/,/^}/ s/(_PAGE_PRESENT|_PAGE_PROT_NONE)/_PAGE_PROT_NONE/
